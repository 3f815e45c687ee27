//! 审计: who did what when, whether the log is what was written, and the log as a table.

mod export;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::routing::{get, post};
use maud::{Markup, html as markup};
use serde::Deserialize;

use super::{Nothing, Shown, moment, page, token};
use crate::server::app::App;
use crate::server::auth::{Caller, Form, Right};
use crate::server::problem::Problem;
use crate::server::store::audit::{self, Entry, Filter, Verdict};
use crate::server::store::users;

/// Entries of a page.
const TOGETHER: usize = 100;

pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/audit", get(list))
        .route("/audit/verify", post(verify))
        .route("/audit/export", post(export::export))
}

/// What is asked for: as it stands in the address and in the form.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Wanted {
    actor: String,
    action: String,
    /// The first day …
    from: String,
    /// … and the last.
    to: String,
    /// Entries older than this one.
    before: Option<i64>,
}

impl Wanted {
    fn filter(&self) -> Result<Filter, Problem> {
        let text = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        Ok(Filter {
            actor: text(&self.actor),
            action: text(&self.action),
            from: text(&self.from).map(|day| midnight(&day, 0)).transpose()?,
            until: text(&self.to).map(|day| midnight(&day, 1)).transpose()?,
        })
    }

    /// The address of the page that begins below an entry.
    fn below(&self, id: i64) -> String {
        let fields = [("actor", &self.actor), ("action", &self.action), ("from", &self.from), ("to", &self.to)];
        let fields = fields.into_iter().filter(|(_, value)| !value.is_empty());
        let before = ("before", &id.to_string());
        let query: Vec<(&str, &String)> = fields.chain([before]).collect();
        format!("/audit?{}", serde_urlencoded::to_string(query).unwrap_or_default())
    }
}

/// When a day of this place begins, or one of the days after it.
fn midnight(day: &str, later: i64) -> Result<i64, Problem> {
    let begins = || {
        let date = day.parse::<jiff::civil::Date>().ok()?;
        let date = date.checked_add(jiff::Span::new().days(later)).ok()?;
        Some(date.to_zoned(jiff::tz::TimeZone::system()).ok()?.timestamp().as_second())
    };
    begins().ok_or_else(|| Problem::Invalid(format!("日期“{day}”有误，应如 2025-01-31")))
}

async fn list(State(app): State<App>, RawQuery(query): RawQuery, caller: Caller) -> Shown {
    caller.needs(Right::Audit)?;
    let wrong = |error| Problem::Invalid(format!("地址有误：{error}"));
    let wanted: Wanted = serde_urlencoded::from_str(&query.unwrap_or_default()).map_err(wrong)?;
    let (filter, before) = (wanted.filter()?, wanted.before.unwrap_or(i64::MAX));
    let found = app.read(move |store| {
        Ok((audit::page(store, &filter, before, TOGETHER)?, audit::actions(store)?, users::all(store)?))
    });
    let (entries, actions, users) = found.await?;
    let actors: Vec<String> = users.into_iter().map(|user| user.name).collect();
    let content = markup! {
        (filter_form(&wanted, &actors, &actions))
        div.actions {
            form.inline method="post" action="/audit/verify" { (token(&caller)) button { "检查日志是否完好" } }
            form.inline method="post" action="/audit/export" {
                (token(&caller))
                @for (name, value) in [("actor", &wanted.actor), ("action", &wanted.action), ("from", &wanted.from), ("to", &wanted.to)] {
                    input type="hidden" name=(name) value=(value);
                }
                button name="format" value="xlsx" { "导出 XLSX" } " "
                button name="format" value="csv" { "导出 CSV" }
            }
        }
        (table(&entries))
        @if entries.len() == TOGETHER && let Some(last) = entries.last() {
            p { a.button href=(wanted.below(last.id)) rel="next" { "更早的" } }
        }
        p.quiet { "日志只增不减：程序不提供改动和删除，数据文件在，日志就在（至少应保存六个月）。" }
    };
    Ok(page(&caller, "/audit", "审计", content))
}

fn filter_form(wanted: &Wanted, actors: &[String], actions: &[String]) -> Markup {
    let field = |name: &str, label: &str, value: &str, list: &[String]| {
        let options = format!("{name}s");
        markup! {
            div {
                label for=(name) { (label) }
                input id=(name) name=(name) value=(value) list=(options) autocomplete="off";
                datalist id=(options) { @for one in list { option value=(one) {} } }
            }
        }
    };
    markup! {
        form.line method="get" action="/audit" role="search" {
            (field("actor", "谁", &wanted.actor, actors))
            (field("action", "做了什么", &wanted.action, actions))
            div { label for="from" { "从" } input #from type="date" name="from" value=(wanted.from); }
            div { label for="to" { "到" } input #to type="date" name="to" value=(wanted.to); }
            button.primary { "筛选" }
            a href="/audit" { "全部" }
        }
    }
}

fn table(entries: &[Entry]) -> Markup {
    markup! {
        @if entries.is_empty() { p.quiet { "没有符合条件的记录" } } @else {
            div.scroll { table {
                thead { tr { th.number { "序号" } th { "时间" } th { "谁" } th { "做了什么" } th { "对象" } th { "详情" } } }
                tbody { @for entry in entries { tr {
                    td.number { (entry.id) }
                    td { (moment(entry.at)) }
                    td { (entry.actor) }
                    td { (entry.action) }
                    td { (entry.subject) }
                    td.detail { @if entry.detail != "{}" { (entry.detail) } }
                } } }
            } }
        }
    }
}

async fn verify(State(app): State<App>, Form(caller, _): Form<Nothing>) -> Shown {
    caller.needs(Right::Audit)?;
    let verdict = app.read(audit::verify).await?;
    let content = markup! {
        @match verdict {
            Verdict::Whole { entries, head } => {
                p.notice role="status" { "日志完好，共 " (entries) " 条。末条哈希：" br; code.secret { (head) } }
                p.quiet {
                    "把哈希另外记下（如写在纸上），以后可用 "
                    code { "waibao audit verify --head 哈希" }
                    " 查出日志有没有被截短或重写。"
                }
            }
            Verdict::Broken { id } => {
                p.bad role="alert" { "日志被改动过：第 " (id) " 条与写入时不同，或它前面的一条不见了。请保留数据文件，并与备份比较。" }
            }
        }
        p { a href="/audit" { "‹ 审计" } }
    };
    Ok(page(&caller, "/audit", "检查审计日志", content))
}
