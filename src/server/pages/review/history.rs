//! Who decided what and when: of a row, of oneself, and what was flagged.

use axum::extract::{Path, Query, State};
use maud::{Markup, html as markup};
use serde::Deserialize;

use super::choose::{Guide, guide};
use super::{Place, beginning, kind_name, titled, verdict_name};
use crate::code::Label;
use crate::pack::Pack;
use crate::server::app::App;
use crate::server::auth::{Caller, Right};
use crate::server::pages::{Shown, moment, percent, token};
use crate::server::store::reviews::{self, Bunch, Decided, Queue};

/// Flagged decisions of one page.
const PAGE: u32 = 50;

/// What the reader decided last, each to be taken back or changed.
pub(super) fn latest(caller: &Caller, place: &Place, bunches: &[Bunch]) -> Markup {
    let change = |bunch: &Bunch| format!("{}&row={}&instead={}", place.here(), bunch.first.row, bunch.first.bunch);
    markup! {
        @if !bunches.is_empty() {
            details.latest {
                summary { "我最近的 " (bunches.len()) " 次判断" }
                div.scroll {
                    table {
                        tr { th { "时间" } th { "行" } th { "结论" } th { "备注" } th {} }
                        @for bunch in bunches {
                            @let first = &bunch.first;
                            tr {
                                td { (moment(first.at)) }
                                td {
                                    a href=(format!("/review/rows/{}", first.row)) { "第 " (first.number) " 行" }
                                    @if bunch.rows > 1 { "等 " (bunch.rows) " 行" }
                                }
                                td { (verdict_name(&first.label)) @if first.kind != "first" { "（" (kind_name(&first.kind)) "）" } }
                                td { @if first.flagged { "⚑ " } (first.comment) }
                                td {
                                    @if bunch.built_on {
                                        span.quiet { "已有人接着判，不能再改" }
                                    } @else {
                                        form.inline method="post" action="/review/undo" {
                                            (token(caller)) (place.fields())
                                            input type="hidden" name="bunch" value=(first.bunch);
                                            button.link { "撤回" }
                                        }
                                        " " a href=(change(bunch)) { "更改" }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The course of a row.
pub(super) async fn of_row(State(app): State<App>, caller: Caller, Path(row): Path<i64>) -> Shown {
    caller.needs(Right::Look)?;
    let reader = caller.name.clone();
    let (item, decided) =
        app.read(move |store| Ok((reviews::item(store, row)?, reviews::of_row(store, &reader, row)?))).await?;
    let classifier = app.engine().classifier();
    let waits = Queue::parse(&item.state);
    let content = markup! {
        p { (item.job_name) " 第 " (item.number) " 行 · " strong { (waits.map_or_else(|| state_name(&item.state), Queue::name)) } }
        p.text { (item.text) }
        @if decided.is_empty() { p { "还没有可以显示的判断。" } } @else { (table(classifier.pack(), &decided)) }
        @if item.state == Queue::Second.key() { p.quiet { "这一行等着第二个人独立判读，此前不显示别人的结论。" } }
        p {
            @if let Some(queue) = waits.filter(|_| caller.role.may(Right::Work)) {
                a.button href=(format!("/review?queue={}&row={}", queue.key(), item.id)) { "判这一行" } " "
            }
            @if caller.role.may(Right::Work) {
                a.button data-key="Enter" href=(format!("/review?job={}", item.job)) { "下一行 " kbd { "Enter" } }
            }
        }
        script src=(concat!("/assets/review.js?", env!("CARGO_PKG_VERSION"))) defer {}
    };
    titled(&caller, "一行的经过", content)
}

fn state_name(state: &str) -> &'static str {
    match state {
        "settled" => "已定",
        "automatic" => "程序采纳",
        "waiting" => "等待程序",
        "failed" => "未能处理",
        _ => "没有文字",
    }
}

fn table(pack: &Pack, decided: &[Decided]) -> Markup {
    let last = decided.iter().rev().find(|one| one.undone.is_none());
    let label = last.and_then(|one| one.label.parse::<Label>().ok());
    markup! {
        div.scroll {
            table {
                tr { th { "时间" } th { "谁" } th { "作为" } th { "结论" } th { "当时程序给出" } th { "备注" } }
                @for one in decided {
                    tr.undone[one.undone.is_some()] {
                        td { (moment(one.at)) }
                        td { (one.reader) }
                        td { (kind_name(&one.kind)) }
                        td {
                            strong { (verdict_name(&one.label)) }
                            @if let Some(undone) = one.undone { span.quiet { "（" (moment(undone)) " 撤回）" } }
                        }
                        td {
                            @if let Some(proposed) = &one.proposed { (proposed) }
                            @if let Some(confidence) = one.confidence { " " (percent(confidence)) }
                        }
                        td { @if one.flagged { "⚑ " } (one.comment) }
                    }
                }
            }
        }
        @if let Some(label) = label { (guide(pack, label, Guide::Open)) }
    }
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    before: String,
}

/// What was flagged, with the comments.
pub(super) async fn flagged(State(app): State<App>, caller: Caller, Query(wanted): Query<Wanted>) -> Shown {
    caller.needs(Right::Work)?;
    let (reader, before) = (caller.name.clone(), wanted.before.parse().ok());
    let found = app
        .read(move |store| {
            let flagged = reviews::flagged(store, &reader, before, PAGE)?;
            let with_text = |one: Decided| Ok((reviews::item(store, one.row)?.text, one));
            flagged.into_iter().map(with_text).collect::<rusqlite::Result<Vec<_>>>()
        })
        .await?;
    let content = markup! {
        @if found.is_empty() { p { "没有标记过的行。判行时按 " kbd { "F" } " 作标记并写备注。" } }
        @for (text, one) in &found {
            section.flagged {
                p {
                    a href=(format!("/review/rows/{}", one.row)) { "第 " (one.number) " 行" } " "
                    strong { (verdict_name(&one.label)) } " " span.quiet { (one.reader) " " (moment(one.at)) }
                }
                p { (beginning(text)) }
                @if !one.comment.is_empty() { blockquote { (one.comment) } }
            }
        }
        @if let Some((_, last)) = found.last().filter(|_| found.len() == PAGE as usize) {
            p { a href=(format!("/review/flagged?before={}", last.id)) { "更早的" } }
        }
        p { a.button href="/review" { "回到复核" } }
    };
    titled(&caller, "有标记的行", content)
}
