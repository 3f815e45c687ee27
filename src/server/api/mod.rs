//! What programs use: one table of operations, of which both the routes and their description are made.
//!
//! An [`operation`] says what it takes, gives and demands; [`document`] tells that to programs (OpenAPI 3.1), [`page`] to
//! people; [`ask`] reads requests. The other modules are one resource each.

mod ask;
mod cases;
mod classify;
mod codes;
mod document;
mod embeddings;
mod health;
mod jobs;
mod label_studio;
mod operation;
mod page;
mod reviews;

use axum::Router;
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;

use self::operation::Operation;
use super::app::App;
use super::auth::{Caller, Right};
use super::problem::Problem;

/// Everything that the API does, by resource.
fn operations() -> Vec<Operation> {
    let resources = [
        ("归类", classify::operations()),
        ("代码手册", codes::operations()),
        ("任务", jobs::operations()),
        ("复核", reviews::operations()),
        ("案例库", cases::operations()),
        ("OpenAI 兼容", embeddings::operations()),
        ("Label Studio", label_studio::operations()),
        ("运行", health::operations()),
        ("说明", document::operations()),
    ];
    let tagged = |(tag, operations): (_, Vec<Operation>)| {
        operations.into_iter().map(move |operation| Operation { tag, ..operation })
    };
    resources.into_iter().flat_map(tagged).collect()
}

/// Every route of the API. Whoever has no right to an operation does not get as far as its handler.
pub(crate) fn router(app: &App) -> Router<App> {
    let mut router = Router::new().route("/openapi", get(page::shown));
    for operation in operations() {
        let handler = match operation.right {
            Some(right) => operation.handler.layer(from_fn_with_state((app.clone(), right), guard)),
            None => operation.handler,
        };
        router = router.route(operation.path, handler);
    }
    router
}

/// Goes on only for who has the right; the handler finds them in the request.
async fn guard(State((app, right)): State<(App, Right)>, request: Request, next: Next) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let caller = Caller::from_request_parts(&mut parts, &app).await?;
    caller.needs(right)?;
    parts.extensions.insert(caller);
    Ok(next.run(Request::from_parts(parts, body)).await)
}
