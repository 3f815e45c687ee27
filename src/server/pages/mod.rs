//! What people see: pages made here, one small script and one style of our own, nothing from elsewhere.

mod audit;
pub(super) mod cases;
mod classify;
mod codes;
mod figures;
mod jobs;
mod keys;
mod record;
mod review;
mod setup;
mod sign_in;
mod users;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use maud::{DOCTYPE, Markup, html as markup};

use super::app::App;
use super::auth::{Caller, Right};
use super::problem::Problem;
pub(crate) use super::shown::{encoded, moment, percent, rounded};
use super::store;

/// What every page leads to: address, name, who sees it.
const MENU: [(&str, &str, Right); 8] = [
    ("/", "试一试", Right::Look),
    ("/jobs", "任务", Right::Work),
    ("/review", "复核", Right::Work),
    ("/codes", "代码手册", Right::Look),
    ("/cases", "案例库", Right::Look),
    ("/figures", "统计", Right::Look),
    ("/audit", "审计", Right::Audit),
    ("/users", "用户", Right::Manage),
];

/// A page.
pub(crate) struct Page(pub(crate) Markup);

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        Html(self.0.into_string()).into_response()
    }
}

/// The fields of a form that says nothing but that it was sent.
#[derive(serde::Deserialize)]
pub(crate) struct Nothing {}

/// What a handler of a page returns.
pub(crate) type Shown = Result<Page, Problem>;

/// Every page.
pub(crate) fn router() -> Router<App> {
    Router::new()
        .merge(classify::router())
        .merge(jobs::router())
        .merge(review::router())
        .merge(codes::router())
        .merge(cases::router())
        .merge(figures::router())
        .merge(audit::router())
        .merge(users::router())
        .merge(sign_in::router())
        .merge(setup::router())
        .merge(keys::router())
        .route("/assets/icon.svg", get(|| asset("image/svg+xml", include_str!("../assets/icon.svg"))))
        .route("/assets/style.css", get(|| asset("text/css; charset=utf-8", include_str!("../assets/style.css"))))
        .route("/assets/page.js", get(|| asset("text/javascript; charset=utf-8", include_str!("../assets/page.js"))))
}

async fn asset(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600")),
    ];
    (headers, text).into_response()
}

/// A page with the menu, for whoever asks; `here` is the address of the menu's entry.
pub(crate) fn page(caller: &Caller, here: &str, title: &str, content: Markup) -> Page {
    let entries = MENU.iter().filter(|(_, _, right)| caller.role.may(*right));
    frame(
        title,
        markup! {
            header.top {
                a.brand href="/" { "waibao" }
                nav aria-label="主菜单" {
                    @for (address, name, _) in entries {
                        a href=(address) aria-current=[(*address == here).then_some("page")] { (name) }
                    }
                }
                span.who {
                    (caller.name) "（" (caller.role.name()) "）"
                    @if caller.via == super::auth::Via::Session {
                        a href="/keys" { "密钥" }
                        a href="/password" { "改密码" }
                        form.inline method="post" action="/logout" { (token(caller)) button.link { "退出" } }
                    }
                }
            }
            main { h1 { (title) } (content) }
        },
    )
}

/// A page of its own, without the menu.
pub(crate) fn frame(title: &str, body: Markup) -> Page {
    let version = env!("CARGO_PKG_VERSION");
    Page(markup! {
        (DOCTYPE)
        html lang="zh-CN" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · waibao" }
                link rel="stylesheet" href=(format!("/assets/style.css?{version}"));
                link rel="icon" href="/assets/icon.svg";
                script src=(format!("/assets/page.js?{version}")) defer {}
            }
            body { (body) }
        }
    })
}

/// The hidden field that every form that changes something carries.
pub(crate) fn token(caller: &Caller) -> Markup {
    markup! { input type="hidden" name="csrf" value=(caller.csrf); }
}

/// The page of a problem.
pub(crate) fn problem(status: StatusCode, detail: &str) -> String {
    let title = match status {
        StatusCode::NOT_FOUND => "找不到",
        StatusCode::FORBIDDEN => "没有权限",
        StatusCode::TOO_MANY_REQUESTS => "请稍候",
        _ => "没有完成",
    };
    let body = markup! {
        main.alone { h1 { (title) } p { (detail) } p { a.button href="/" { "回到首页" } } }
    };
    frame(title, body).0.into_string()
}

/// Leads everything to the page on which the first administrator is made, until there is one.
pub(crate) async fn until_set_up(State(app): State<App>, request: Request, next: Next) -> Result<Response, Problem> {
    let path = request.uri().path();
    let open = matches!(path, "/setup" | "/setup/administrator" | "/healthz") || path.starts_with("/assets/");
    if app.setup().is_none() || open || app.read(store::users::any_administrator).await? {
        return Ok(next.run(request).await);
    }
    Ok(Redirect::to("/setup").into_response())
}
