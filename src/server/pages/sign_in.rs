//! Signing in and out, and one's own password.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::{ConnectInfo, RawQuery, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use maud::{Markup, html as markup};
use serde::Deserialize;
use serde_json::json;

use super::{Nothing, Page, Shown, frame, page, token};
use crate::server::accounts::{self, Claim};
use crate::server::app::App;
use crate::server::auth::{Caller, Form, Open, Via, cookie, session_cookie};
use crate::server::password::Password;
use crate::server::problem::Problem;
use crate::server::store::{audit, users};

/// The one answer to a wrong name, a wrong password, and an account that is locked or disabled: more would tell a guesser
/// which names there are, or that a guess was right.
const REFUSED: &str = "名称或密码不对。连续输错 5 次会锁定 15 分钟，其间密码对也不能登录；管理员可以解锁";

/// To whoever sent something and was no longer signed in.
const LOST: &str = "登录已失效，刚才提交的内容没有记下。请登录后再做一次";

pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/login", get(ask).post(sign_in))
        .route("/logout", post(sign_out))
        .route("/password", get(ask_password).post(change_password))
}

#[derive(Deserialize, Default)]
struct Wanted {
    /// Where to go on.
    #[serde(default)]
    to: String,
    /// That something was sent and not taken, because nobody was signed in any more.
    lost: Option<String>,
}

async fn ask(RawQuery(query): RawQuery) -> Page {
    let wanted: Wanted = serde_urlencoded::from_str(&query.unwrap_or_default()).unwrap_or_default();
    form(own_path(&wanted.to), wanted.lost.map(|_| LOST))
}

#[derive(Deserialize)]
struct Typed {
    name: String,
    password: Password,
    #[serde(default)]
    to: String,
}

async fn sign_in(
    State(app): State<App>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Open(typed): Open<Typed>,
) -> Result<Response, Problem> {
    app.limits().sign_in(from.ip())?;
    let to = own_path(&typed.to);
    let claim = Claim { name: typed.name, password: typed.password, address: from.ip() };
    match accounts::sign_in(&app, claim, cookie(&headers)).await? {
        Some(token) => Ok(begun(&token, to)),
        None => Ok((StatusCode::UNAUTHORIZED, form(to, Some(REFUSED))).into_response()),
    }
}

/// Leads on with a new session.
pub(super) fn begun(token: &str, to: &str) -> Response {
    ([(SET_COOKIE, session_cookie(token))], Redirect::to(to)).into_response()
}

/// A path of ours. Whatever a browser could take for another place leads to the first page.
fn own_path(to: &str) -> &str {
    let plain = to.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if to.starts_with('/') && !to.starts_with("//") && plain { to } else { "/" }
}

fn form(to: &str, problem: Option<&str>) -> Page {
    frame(
        "登录",
        markup! {
            main.alone {
                h1 { "登录 waibao" }
                @if let Some(problem) = problem { p.bad role="alert" { (problem) } }
                form method="post" action="/login" {
                    input type="hidden" name="to" value=(to);
                    label for="name" { "名称" }
                    input #name name="name" autocomplete="username" required autofocus;
                    label for="password" { "密码" }
                    input #password type="password" name="password" autocomplete="current-password" required;
                    p { button.primary { "登录" } }
                }
                p.quiet { "忘记密码请找管理员；管理员可在服务器上运行 waibao user password 名称" }
            }
        },
    )
}

async fn sign_out(
    State(app): State<App>,
    headers: HeaderMap,
    Form(caller, _): Form<Nothing>,
) -> Result<Response, Problem> {
    if let Some(token) = cookie(&headers) {
        let name = caller.name;
        app.write(move |change| {
            users::sign_out(change, &token)?;
            Ok(audit::append(change, &name, "退出", "", json!({}))?)
        })
        .await?;
    }
    Ok(begun("", "/login"))
}

async fn ask_password(caller: Caller) -> Shown {
    in_person(&caller)?;
    Ok(page(&caller, "/password", "改密码", password_form(&caller)))
}

#[derive(Deserialize)]
struct Change {
    old: Password,
    new: Password,
    again: Password,
}

async fn change_password(
    State(app): State<App>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Form(caller, typed): Form<Change>,
) -> Result<Response, Problem> {
    in_person(&caller)?;
    app.limits().sign_in(from.ip())?;
    agree(&typed.new, &typed.again)?;
    let claim = Claim { name: caller.name, password: typed.old, address: from.ip() };
    let token = accounts::change_password(&app, claim, typed.new).await?;
    Ok(begun(&token, "/"))
}

/// A password that is typed twice must be the same.
pub(super) fn agree(one: &Password, again: &Password) -> Result<(), Problem> {
    if one == again { Ok(()) } else { Err(Problem::Invalid("两次输入的新密码不一样".to_owned())) }
}

/// Accounts are for whoever has signed in: a key that was stolen must not be able to make itself at home.
pub(super) fn in_person(caller: &Caller) -> Result<(), Problem> {
    match caller.via {
        Via::Session => Ok(()),
        Via::Key => Err(Problem::Forbidden("密钥不能管理账户，请用名称和密码登录".to_owned())),
        Via::Local => Err(Problem::Invalid("还没有账户。请先在“用户”页添加管理员".to_owned())),
    }
}

fn password_form(caller: &Caller) -> Markup {
    markup! {
        form.narrow method="post" action="/password" {
            (token(caller))
            // Tells whoever keeps passwords for the reader whose these are.
            input autocomplete="username" value=(caller.name) readonly hidden;
            label for="old" { "原密码" }
            input #old type="password" name="old" autocomplete="current-password" required autofocus;
            (new_password())
            p { button.primary { "改密码" } " " span.quiet { "其他地方的登录随即失效" } }
        }
    }
}

/// The two fields for a new password.
pub(super) fn new_password() -> Markup {
    markup! {
        label for="new" { "新密码（至少 10 个字符）" }
        input #new type="password" name="new" autocomplete="new-password" minlength="10" maxlength="256" required;
        label for="again" { "再输一次" }
        input #again type="password" name="again" autocomplete="new-password" required;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_led_to_our_own_pages_only() {
        for own in ["/", "/jobs/1?page=2#a", "/a//b"] {
            assert_eq!(own_path(own), own);
        }
        for other in
            ["", "//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example", "evil", "/\u{3002}"]
        {
            assert_eq!(own_path(other), "/", "{other:?}");
        }
    }
}
