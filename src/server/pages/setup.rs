//! The first administrator: made on the page by whoever reads the console of the server.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use maud::html as markup;
use serde::Deserialize;

use super::sign_in::{agree, begun, new_password};
use super::{Page, frame};
use crate::server::accounts::{self, Claim};
use crate::server::app::App;
use crate::server::auth::{Open, Role, cookie, same};
use crate::server::password::{Password, in_turn};
use crate::server::problem::Problem;
use crate::server::store::users;

pub(crate) fn router() -> Router<App> {
    // Label Studio posts to `/setup`.
    Router::new().route("/setup", get(ask)).route("/setup/administrator", post(set_up))
}

/// The form, as long as it can be used.
async fn ask(State(app): State<App>) -> Result<Response, Problem> {
    if app.setup().is_none() || app.read(users::any_administrator).await? {
        return Ok(Redirect::to("/").into_response());
    }
    Ok(form().into_response())
}

#[derive(Deserialize)]
struct Typed {
    token: Password,
    name: String,
    new: Password,
    again: Password,
}

async fn set_up(
    State(app): State<App>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Open(typed): Open<Typed>,
) -> Result<Response, Problem> {
    app.limits().sign_in(from.ip())?;
    let used = || Problem::Forbidden("已经有管理员，一次性口令不再有效。请登录".to_owned());
    let token = app.setup().ok_or_else(used)?;
    if !same(typed.token.trimmed(), token) {
        return Err(Problem::Forbidden("一次性口令不对。它写在服务器的控制台上".to_owned()));
    }
    agree(&typed.new, &typed.again)?;
    let name = accounts::name(&typed.name)?;
    typed.new.suits(&name)?;
    let (password, added) = (typed.new.clone(), name.clone());
    let hash = in_turn(move |memory| password.hash(memory)).await?;
    app.write(move |change| {
        if users::any_administrator(change)? {
            return Err(used());
        }
        accounts::add(change, &added, &added, Role::Admin, &hash)
    })
    .await?;
    let claim = Claim { name, password: typed.new, address: from.ip() };
    let token = accounts::sign_in(&app, claim, cookie(&headers)).await?.ok_or(Problem::SignIn)?;
    Ok(begun(&token, "/"))
}

fn form() -> Page {
    frame(
        "设置管理员",
        markup! {
            main.alone {
                h1 { "设置第一个管理员" }
                form method="post" action="/setup/administrator" {
                    label for="token" { "一次性口令（写在服务器的控制台上）" }
                    input #token name="token" autocomplete="off" spellcheck="false" required autofocus;
                    label for="name" { "管理员的名称" }
                    input #name name="name" autocomplete="username" maxlength="32" required;
                    (new_password())
                    p { button.primary { "设置并登录" } }
                }
            }
        },
    )
}
