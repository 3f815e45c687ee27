//! 用户: who may sign in, and as what.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use maud::{Markup, html as markup};
use serde::Deserialize;

use super::sign_in::{agree, in_person, new_password};
use super::{Nothing, Shown, moment, page, token};
use crate::server::accounts;
use crate::server::app::App;
use crate::server::auth::{Caller, Form, Right, Role, Via};
use crate::server::password::{Password, in_turn};
use crate::server::problem::Problem;
use crate::server::store::now;
use crate::server::store::users::{self, User};

pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/users", get(list).post(add))
        .route("/users/{id}", get(one))
        .route("/users/{id}/role", post(set_role))
        .route("/users/{id}/password", post(set_password))
        .route("/users/{id}/disable", post(disable))
        .route("/users/{id}/enable", post(enable))
        .route("/users/{id}/unlock", post(unlock))
}

/// Goes on only for an administrator who is there in person, or on this computer, where there are no accounts yet.
fn administers(caller: &Caller) -> Result<(), Problem> {
    caller.needs(Right::Manage)?;
    if caller.via == Via::Local { Ok(()) } else { in_person(caller) }
}

async fn list(State(app): State<App>, caller: Caller) -> Shown {
    administers(&caller)?;
    let users = app.read(users::all).await?;
    let content = markup! {
        @if caller.via == Via::Local {
            p.notice { "现在只有这台电脑能打开这些页面，不用登录。添加第一个用户（须是管理员）之后，每个人都要登录。" }
        }
        @if !users.is_empty() { (table(&users)) }
        h2 { "添加用户" }
        (add_form(&caller, users.is_empty()))
    };
    Ok(page(&caller, "/users", "用户", content))
}

fn table(users: &[User]) -> Markup {
    markup! {
        div.scroll { table {
            thead { tr { th { "名称" } th { "角色" } th { "状态" } th { "添加于" } th { "" } } }
            tbody { @for user in users { tr {
                td { (user.name) }
                td { (user.role.name()) }
                td { (state(user)) }
                td { (moment(user.created)) }
                td { a href=(format!("/users/{}", user.id)) aria-label=(format!("管理 {}", user.name)) { "管理" } }
            } } }
        } }
    }
}

fn state(user: &User) -> Markup {
    let class = if user.state(now()) == "正常" { "badge good" } else { "badge bad" };
    markup! { span class=(class) { (user.state(now())) } }
}

fn add_form(caller: &Caller, first: bool) -> Markup {
    markup! {
        form.narrow method="post" action="/users" {
            (token(caller))
            label for="name" { "名称" }
            input #name name="name" maxlength="32" autocomplete="off" required;
            label for="role" { "角色" }
            select #role name="role" {
                @for role in Role::ALL.into_iter().filter(|role| !first || *role == Role::Admin) {
                    option value=(role.name()) selected[!first && role == Role::Reviewer] { (role.name()) "：" (may(role)) }
                }
            }
            (new_password())
            p { button.primary { "添加" } }
        }
    }
}

/// What a role is for, in a few words.
fn may(role: Role) -> &'static str {
    match role {
        Role::Admin => "全部，包括用户和审计",
        Role::Reviewer => "上传、复核、案例",
        Role::Auditor => "只看统计和审计",
    }
}

#[derive(Deserialize)]
struct New {
    name: String,
    role: String,
    new: Password,
    again: Password,
}

async fn add(State(app): State<App>, Form(caller, new): Form<New>) -> Result<Response, Problem> {
    administers(&caller)?;
    let (name, role) = (accounts::name(&new.name)?, role(&new.role)?);
    let hash = hashed(&name, new.new, &new.again).await?;
    app.write(move |change| accounts::add(change, &caller.name, &name, role, &hash)).await?;
    Ok(Redirect::to("/users").into_response())
}

fn role(text: &str) -> Result<Role, Problem> {
    Role::parse(text).ok_or_else(|| Problem::Invalid("角色须是管理员、复核员或审计员".to_owned()))
}

/// The hash of a password that was typed twice and suits its user.
async fn hashed(name: &str, new: Password, again: &Password) -> Result<String, Problem> {
    agree(&new, again)?;
    new.suits(name)?;
    in_turn(move |memory| new.hash(memory)).await
}

async fn one(State(app): State<App>, Path(id): Path<i64>, caller: Caller) -> Shown {
    administers(&caller)?;
    let user = app.read(move |store| users::by_id(store, id)).await?;
    let to = |what: &str| format!("/users/{id}/{what}");
    let locked = user.locked_until > now();
    let content = markup! {
        p { a href="/users" { "‹ 全部用户" } }
        p { (user.role.name()) " " (state(&user)) " " span.quiet { "添加于 " (moment(user.created)) } }
        @if locked { p { "连续输错密码，锁定至 " (moment(user.locked_until)) "。" } }
        div.actions {
            @if locked { (button(&caller, &to("unlock"), "解锁")) }
            @if user.disabled { (button(&caller, &to("enable"), "启用")) } @else { (button(&caller, &to("disable"), "停用")) }
        }
        h2 { "角色" }
        form.line method="post" action=(to("role")) {
            (token(&caller))
            div {
                label for="role" { "改为" }
                select #role name="role" {
                    @for role in Role::ALL {
                        option value=(role.name()) selected[role == user.role] { (role.name()) "：" (may(role)) }
                    }
                }
            }
            button { "改角色" }
        }
        h2 { "新密码" }
        form.narrow method="post" action=(to("password")) {
            (token(&caller))
            (new_password())
            p { button { "改密码" } }
        }
        p.quiet { "改角色、改密码、停用之后，此人须重新登录；停用后其密钥也不能用。" }
    };
    Ok(page(&caller, "/users", &user.name, content))
}

fn button(caller: &Caller, to: &str, name: &str) -> Markup {
    markup! { form.inline method="post" action=(to) { (token(caller)) button { (name) } } }
}

#[derive(Deserialize)]
struct NewRole {
    role: String,
}

async fn set_role(
    State(app): State<App>,
    Path(id): Path<i64>,
    Form(caller, new): Form<NewRole>,
) -> Result<Response, Problem> {
    administers(&caller)?;
    let role = role(&new.role)?;
    app.write(move |change| accounts::set_role(change, &caller.name, id, role)).await?;
    Ok(back(id))
}

#[derive(Deserialize)]
struct NewPassword {
    new: Password,
    again: Password,
}

async fn set_password(
    State(app): State<App>,
    Path(id): Path<i64>,
    Form(caller, typed): Form<NewPassword>,
) -> Result<Response, Problem> {
    administers(&caller)?;
    let user = app.read(move |store| users::by_id(store, id)).await?;
    let hash = hashed(&user.name, typed.new, &typed.again).await?;
    app.write(move |change| accounts::set_password(change, &caller.name, id, &hash)).await?;
    Ok(back(id))
}

async fn disable(
    State(app): State<App>,
    Path(id): Path<i64>,
    Form(caller, _): Form<Nothing>,
) -> Result<Response, Problem> {
    administers(&caller)?;
    app.write(move |change| accounts::disable(change, &caller.name, id)).await?;
    Ok(back(id))
}

async fn enable(
    State(app): State<App>,
    Path(id): Path<i64>,
    Form(caller, _): Form<Nothing>,
) -> Result<Response, Problem> {
    administers(&caller)?;
    app.write(move |change| accounts::enable(change, &caller.name, id)).await?;
    Ok(back(id))
}

async fn unlock(
    State(app): State<App>,
    Path(id): Path<i64>,
    Form(caller, _): Form<Nothing>,
) -> Result<Response, Problem> {
    administers(&caller)?;
    app.write(move |change| accounts::unlock(change, &caller.name, id)).await?;
    Ok(back(id))
}

fn back(id: i64) -> Response {
    Redirect::to(&format!("/users/{id}")).into_response()
}
