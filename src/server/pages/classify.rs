//! 试一试: one text, its answer and the reasons.

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use maud::{Markup, html as markup};
use serde::Deserialize;
use serde_json::json;

use super::record::{badge, candidates, grounds, marked};
use super::{Page, Shown, page, token};
use crate::record::Record;
use crate::server::app::App;
use crate::server::auth::{Caller, Form, Right};
use crate::server::limits;
use crate::server::problem::Problem;

pub(crate) fn router() -> Router<App> {
    Router::new().route("/", get(empty).post(answer))
}

/// For a person the page; for a program that asks whether anybody is there, that somebody is.
async fn empty(
    State(app): State<App>,
    headers: HeaderMap,
    caller: Result<Caller, Problem>,
) -> Result<Response, Problem> {
    let accepted = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !accepted.contains("text/html") {
        return Ok(axum::Json(json!({ "status": "UP" })).into_response());
    }
    let caller = caller?;
    Ok(shown(&app, &caller, "", None).into_response())
}

#[derive(Deserialize)]
struct Wanted {
    text: String,
}

async fn answer(State(app): State<App>, Form(caller, wanted): Form<Wanted>) -> Shown {
    caller.needs(Right::Look)?;
    let text = wanted.text.replace("\r\n", "\n");
    if text.trim().is_empty() {
        return Ok(shown(&app, &caller, "", None));
    }
    if text.len() > limits::TEXT {
        return Err(Problem::TooLarge("文字过长。请只粘贴合同名称和服务内容".to_owned()));
    }
    let record = app.engine().classify(vec![text.clone()]).await?.remove(0);
    app.metrics().texts(1);
    Ok(shown(&app, &caller, &text, Some(&record)))
}

fn shown(app: &App, caller: &Caller, text: &str, record: Option<&Record>) -> Page {
    let content = markup! {
        form.try method="post" action="/" {
            (token(caller))
            label for="text" { "合同名称、服务内容（中文或英文）" }
            textarea #text name="text" rows="6" required autofocus placeholder="例如：为某银行信用卡中心提供24小时客服热线座席及人员培训，按通话量结算" { (text) }
            p { button.primary { "归类" } " " span.quiet { "Ctrl+Enter 提交；文字不会被保存" } }
        }
        @if let Some(record) = record { (answered(app, text, record)) }
    };
    page(caller, "/", "试一试", content)
}

fn answered(app: &App, text: &str, record: &Record) -> Markup {
    let classifier = app.engine().classifier();
    markup! {
        section.answer.columns {
            div {
                h2 { "原文" }
                p.text { (marked(text, record)) }
            }
            div {
                h2 { "结论 " (badge(record.outcome)) }
                @if !record.path.is_empty() { p.path { (record.path.join(" › ")) } }
                (candidates(record))
                (grounds(classifier.pack(), record))
            }
        }
    }
}
