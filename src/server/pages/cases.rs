//! 案例库: decided texts that others are compared with.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use maud::{Markup, html as markup};
use serde::Deserialize;
use serde_json::json;

use super::{Nothing, Shown, encoded, moment, page, percent, token};
use crate::code::Label;
use crate::pack::Pack;
use crate::server::app::App;
use crate::server::auth::{Caller, Form, Right};
use crate::server::decide::{add_case, withdraw_case};
use crate::server::problem::Problem;
use crate::server::store::audit;
use crate::server::store::cases::{self, Contradiction, Joined, Known};

/// Cases of one page.
const PAGE: u32 = 50;
/// Contradictions that are shown.
const SHOWN: u32 = 20;

pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/cases", get(show).post(add))
        .route("/cases/{id}/withdraw", post(withdraw))
        .route("/cases/export", get(export))
}

/// Where a case stands.
pub(super) fn address(id: i64) -> String {
    format!("/cases?before={}#case-{id}", id + 1)
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Wanted {
    search: String,
    before: String,
    /// What has just been done.
    done: String,
}

async fn show(State(app): State<App>, caller: Caller, Query(wanted): Query<Wanted>) -> Shown {
    caller.needs(Right::Look)?;
    let (search, before) = (wanted.search.clone(), wanted.before.parse().ok());
    let (known, contradictions, (active, withdrawn)) = app
        .read(move |store| {
            let known = cases::list(store, &search, before, PAGE)?;
            Ok((known, cases::contradictions(store, SHOWN)?, cases::counts(store)?))
        })
        .await?;
    let classifier = app.engine().classifier();
    let content = markup! {
        p {
            "复核定下的判断成为案例，手工也可加入；以后的文字立刻与案例比较。现有 " b { (active) } " 个，已撤下 " (withdrawn) " 个。"
            @if caller.role.may(Right::Work) { a href="/cases/export" { "导出为训练数据（JSON Lines）" } }
        }
        @match wanted.done.as_str() {
            "added" => p role="status" { strong { "案例已加入" } },
            "replaced" => p role="status" { strong { "案例已加入，取代了文字相同的原案例" } },
            "known" => p role="status" { strong { "已有同样的案例，没有再加" } },
            "withdrawn" => p role="status" { strong { "案例已撤下" } },
            _ => {}
        }
        (against_each_other(&caller, classifier.pack(), &contradictions))
        @if caller.role.may(Right::Work) { (adding(&caller, classifier.pack())) }
        h2 { "全部案例" }
        form.asking role="search" action="/cases" {
            label for="search" { "文字、代码或人" }
            input #search type="search" name="search" value=(wanted.search) maxlength="100";
            button { "查找" }
        }
        @if known.is_empty() { p.quiet { "没有案例。" } }
        @for case in &known { div id=(format!("case-{}", case.id)) { (entry(&caller, classifier.pack(), case)) } }
        @if let Some(last) = known.last().filter(|_| known.len() == PAGE as usize) {
            p { a href=(format!("/cases?search={}&before={}", encoded(&wanted.search), last.id)) { "更早的" } }
        }
    };
    Ok(page(&caller, "/cases", "案例库", content))
}

fn name<'a>(pack: &'a Pack, label: &str) -> &'a str {
    label.parse::<Label>().map_or("", |label| pack.name(label))
}

fn entry(caller: &Caller, pack: &Pack, case: &Known) -> Markup {
    let may = caller.role.may(Right::Manage) || caller.role.may(Right::Work) && caller.name == case.added_by;
    markup! {
        article.case.withdrawn[case.withdrawn.is_some()] {
            p {
                "案例 " (case.id) " " a.code href=(format!("/codes#{}", case.label)) { (case.label) } " " (name(pack, &case.label)) " "
                span.quiet { (case.added_by) " " (moment(case.added)) }
                @if let Some(row) = case.row { " " a.quiet href=(format!("/review/rows/{row}")) { "经过" } }
            }
            p.text { (case.text) }
            @if !case.comment.is_empty() { p { "备注：" (case.comment) } }
            @match (case.withdrawn, &case.withdrawn_by) {
                (Some(at), by) => p.quiet {
                    @match case.replaced_by {
                        Some(newer) => { "被" a href=(address(newer)) { "案例 " (newer) } "取代" }
                        None => "已撤下"
                    }
                    "（" (by.as_deref().unwrap_or_default()) " " (moment(at)) "）"
                },
                (None, _) => @if may {
                    form.inline method="post" action=(format!("/cases/{}/withdraw", case.id)) {
                        (token(caller)) button.link { "撤下" }
                    }
                }
            }
        }
    }
}

fn against_each_other(caller: &Caller, pack: &Pack, contradictions: &[Contradiction]) -> Markup {
    markup! {
        @if !contradictions.is_empty() {
            section.warning {
                h2 { "互相矛盾的案例" }
                p { "文字几乎相同，代码不同。请核对，撤下不对的一个。" }
                @for pair in contradictions {
                    details {
                        summary {
                            "案例 " (pair.one.id) " " strong { (pair.one.label) } " 与案例 " (pair.other.id) " " strong { (pair.other.label) }
                            "（相似 " (percent(pair.similarity)) "）"
                        }
                        (entry(caller, pack, &pair.one))
                        (entry(caller, pack, &pair.other))
                    }
                }
            }
        }
    }
}

fn adding(caller: &Caller, pack: &Pack) -> Markup {
    markup! {
        details {
            summary { "手工加入案例" }
            form method="post" action="/cases" {
                (token(caller))
                label for="text" { "合同名称、服务内容" }
                textarea #text name="text" rows="4" required {}
                label for="label" { "代码" }
                select #label name="label" required {
                    option value="" { "请选择" }
                    @for item in pack.classes() { option value=(item.code) { (item.code) " " (item.name) } }
                    option value="OUT" { "OUT 不属于服务外包" }
                }
                label for="comment" { "备注" }
                input #comment name="comment" maxlength="2000";
                p { button.primary { "加入" } }
            }
        }
    }
}

#[derive(Deserialize)]
struct Added {
    text: String,
    label: String,
    #[serde(default)]
    comment: String,
}

async fn add(State(app): State<App>, Form(caller, added): Form<Added>) -> Result<Redirect, Problem> {
    let label = added.label.parse().map_err(|error| Problem::Invalid(format!("{error}")))?;
    let text = added.text.replace("\r\n", "\n");
    let done = match add_case(&app, caller, text, label, added.comment).await? {
        Some(Joined { replaced: None, .. }) => "added",
        Some(_) => "replaced",
        None => "known",
    };
    Ok(Redirect::to(&format!("/cases?done={done}")))
}

async fn withdraw(
    State(app): State<App>,
    Path(id): Path<i64>,
    Form(caller, Nothing {}): Form<Nothing>,
) -> Result<Redirect, Problem> {
    withdraw_case(&app, caller, id).await?;
    Ok(Redirect::to("/cases?done=withdrawn"))
}

/// The active cases as training reads them: the keys of `training_data/written/*.jsonl` that a case has.
pub(crate) async fn export(State(app): State<App>, caller: Caller) -> Result<Response, Problem> {
    caller.needs(Right::Work)?;
    let lines = app
        .read(|store| {
            let mut lines = String::new();
            cases::each_active(store, |case| {
                let id = format!("CASE-{:04}", case.id);
                let line = json!({ "id": id, "text": case.text, "code": case.label, "alt": null, "batch": "CASE" });
                lines += &format!("{line}\n");
            })?;
            Ok(lines)
        })
        .await?;
    let detail = json!({ "cases": lines.lines().count() });
    app.write(move |change| Ok(audit::append(change, &caller.name, "导出", "案例", detail)?)).await?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson; charset=utf-8")),
        (CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"waibao-cases.jsonl\"")),
    ];
    Ok((headers, Body::from(lines)).into_response())
}
