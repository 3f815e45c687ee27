//! Keys: what a program shows in place of a name and a password.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use maud::{Markup, html as markup};
use serde::Deserialize;

use super::sign_in::in_person;
use super::{Nothing, Page, Shown, moment, page, token};
use crate::server::accounts;
use crate::server::app::App;
use crate::server::auth::{self, Caller, Form, Right};
use crate::server::problem::Problem;
use crate::server::store::users::{self, Key};

/// How a key begins, so that it is known for one wherever it is found.
const BEGINS: &str = "wb_";

pub(crate) fn router() -> Router<App> {
    Router::new().route("/keys", get(list).post(make)).route("/keys/{id}/revoke", post(revoke))
}

async fn list(State(app): State<App>, caller: Caller) -> Shown {
    in_person(&caller)?;
    shown(&app, &caller, None).await
}

#[derive(Deserialize)]
struct Wanted {
    name: String,
}

async fn make(State(app): State<App>, Form(caller, wanted): Form<Wanted>) -> Shown {
    in_person(&caller)?;
    let key = format!("{BEGINS}{}", auth::secret()?);
    let (owner, kept) = (caller.name.clone(), key.clone());
    app.write(move |change| accounts::add_key(change, &owner, &wanted.name, &kept)).await?;
    shown(&app, &caller, Some(&key)).await
}

async fn revoke(
    State(app): State<App>,
    Path(id): Path<i64>,
    Form(caller, _): Form<Nothing>,
) -> Result<Response, Problem> {
    in_person(&caller)?;
    app.write(move |change| accounts::revoke_key(change, &caller, id)).await?;
    Ok(Redirect::to("/keys").into_response())
}

/// One's own keys, and for an administrator those of the others below; a new key is shown this once.
async fn shown(app: &App, caller: &Caller, new: Option<&str>) -> Result<Page, Problem> {
    let keys = app.read(users::keys).await?;
    let (own, others): (Vec<Key>, Vec<Key>) = keys.into_iter().partition(|key| key.owner == caller.name);
    let content = markup! {
        p { "程序用密钥调用接口，权限与您相同。请求头写 " code { "Authorization: Bearer 密钥" } "；用法见 " a href="/openapi" { "接口说明" } "。" }
        @if let Some(new) = new {
            p.notice role="status" {
                "新密钥只显示这一次，请现在抄下：" br; code.secret { (new) }
            }
        }
        form.line method="post" action="/keys" {
            (token(caller))
            div { label for="name" { "用在哪里" } input #name name="name" maxlength="64" required placeholder="例如：合同系统"; }
            button.primary { "新建密钥" }
        }
        (table(caller, &own))
        @if caller.role.may(Right::Manage) && !others.is_empty() {
            h2 { "其他用户的密钥" }
            (table(caller, &others))
        }
    };
    Ok(page(caller, "/keys", "密钥", content))
}

fn table(caller: &Caller, keys: &[Key]) -> Markup {
    markup! {
        @if keys.is_empty() { p.quiet { "还没有密钥" } } @else {
            div.scroll { table {
                thead { tr { th { "用户" } th { "用在哪里" } th { "建于" } th { "" } } }
                tbody { @for key in keys { tr {
                    td { (key.owner) }
                    td { (key.name) }
                    td { (moment(key.created)) }
                    td {
                        form.inline method="post" action=(format!("/keys/{}/revoke", key.id)) {
                            (token(caller)) button.link aria-label=(format!("撤销密钥 {}", key.name)) { "撤销" }
                        }
                    }
                } } }
            } }
        }
    }
}
