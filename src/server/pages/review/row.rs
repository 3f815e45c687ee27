//! One row: its text and the program's reasons left, what it can be decided as right.

use maud::{Markup, html as markup};

use super::choose::{Guide, guide, search};
use super::{Place, alone, beginning, kind_name, verdict_name};
use crate::code::Label;
use crate::pack::Pack;
use crate::record::{CandidateRecord, Record};
use crate::server::auth::{Caller, Via};
use crate::server::pages::cases::address;
use crate::server::pages::record::{badge, grounds, marked};
use crate::server::pages::{percent, token};
use crate::server::store::cases::Near;
use crate::server::store::reviews::{Bunch, Decided, Group, Item, Queue, UNCLEAR, WORDINGS};

/// What is shown of a row.
pub(super) struct Seen {
    pub(super) item: Item,
    /// The program's answer; none where it could not be had.
    pub(super) record: Option<Record>,
    /// What a decision for the group reaches.
    pub(super) group: Group,
    /// Cases that say nearly the same.
    pub(super) near: Vec<Near>,
    /// What may be told of the decisions on it.
    pub(super) decided: Vec<Decided>,
    /// Who else looks at it.
    pub(super) holder: Option<String>,
    /// What is to be changed.
    pub(super) instead: Option<Bunch>,
}

pub(super) fn row(pack: &Pack, caller: &Caller, place: &Place, seen: &Seen) -> Markup {
    let item = &seen.item;
    let here = format!("/review/rows/{}", item.id);
    let before = seen.instead.as_ref().map(|bunch| &bunch.first);
    markup! {
        @if let Some(holder) = &seen.holder { p.warning { (holder) " 正在看这一行；谁先判，算谁的" } }
        @if item.double && caller.via == Via::Local { p.quiet { (alone()) } }
        section.review.columns data-hold=(format!("{here}/hold")) data-csrf=(caller.csrf) {
            div {
                h2 { (item.job_name) " 第 " (item.number) " 行 " a.quiet href=(here) { "经过" } }
                p.text { @match &seen.record { Some(record) => (marked(&item.text, record)), None => (item.text) } }
                (cells(&item.cells))
                (alike(&seen.group))
            }
            div.decide {
                (readings(item, &seen.decided))
                form #decide method="post" action=(here) data-several {
                    // Enter in a box must not press the first candidate.
                    button hidden disabled {}
                    (token(caller)) (place.fields())
                    input type="hidden" name="version" value=(item.version);
                    @if let Some(instead) = &seen.instead {
                        input type="hidden" name="instead" value=(instead.first.bunch);
                        p.warning {
                            "正在更改您的判断：选定新的结论后，原来的撤回"
                            @if instead.rows > 1 { "；一起判的 " b { (instead.rows) } " 行都改" }
                        }
                    }
                    h2 { "判为 " @if let Some(record) = &seen.record { (badge(record.outcome)) } }
                    @if let Some(record) = &seen.record { (candidates(pack, record)) }
                    p.others {
                        button name="label" value="OUT" data-key="n" { kbd { "N" } " 不属于" }
                        button name="label" value=(UNCLEAR) data-key="u" { kbd { "U" } " 不清楚" }
                    }
                    (near(&seen.near))
                    (search(pack))
                    @if seen.group.rows > 1 && seen.instead.is_none() {
                        label.check { input type="checkbox" name="group" value="1" data-key="g"; " " kbd { "G" } " 相近的 " b { (seen.group.rows) } " 行一起判" }
                    }
                    label.check { input type="checkbox" name="flagged" value="1" checked[before.is_some_and(|one| one.flagged)] data-key="f" data-focus="comment"; " " kbd { "F" } " 作标记" }
                    label for="comment" { "备注" }
                    textarea #comment name="comment" rows="2" maxlength="2000" { (before.map_or("", |one| one.comment.as_str())) }
                }
                form method="post" action=(format!("{here}/skip")) {
                    (token(caller)) (place.fields())
                    button data-key="s Enter" { "跳过，下一行 " kbd { "S" } " " kbd { "Enter" } }
                }
            }
            // On a phone the decision comes before the reasons.
            @if let Some(record) = &seen.record { div.reasons { (grounds(pack, record)) } }
        }
    }
}

/// The first five, each with its key and the guideline's text behind `D`.
fn candidates(pack: &Pack, record: &Record) -> Markup {
    let one = |at: usize, candidate: &CandidateRecord| {
        markup! {
            li {
                button.choice name="label" value=(candidate.code) data-key=(at) {
                    kbd { (at) } span.code { (candidate.code) } span.name { (candidate.name) }
                    meter min="0" max="1" value=(candidate.confidence) { (percent(candidate.confidence)) }
                    span.number { (percent(candidate.confidence)) }
                }
                @if let Ok(label) = candidate.code.parse::<Label>() { (guide(pack, label, Guide::Closed)) }
            }
        }
    };
    markup! {
        ol.choices { @for (at, candidate) in (1..).zip(&record.candidates) { (one(at, candidate)) } }
    }
}

fn cells(cells: &[(String, String)]) -> Markup {
    markup! {
        @if !cells.is_empty() {
            div.scroll { table.cells { @for (name, value) in cells { tr { th scope="row" { (name) } td { (value) } } } } }
        }
    }
}

/// The other wordings of a group, so that nobody decides for rows unseen.
fn alike(group: &Group) -> Markup {
    markup! {
        @if !group.others.is_empty() {
            details.alike open {
                summary { "相近的写法" @if group.others.len() == WORDINGS as usize { "（前 " (WORDINGS) " 种）" } }
                ul {
                    @for other in &group.others {
                        li {
                            span.quiet { "第 " (other.number) " 行" @if other.rows > 1 { "等 " (other.rows) " 行" } } " "
                            (beginning(&other.text))
                        }
                    }
                }
            }
        }
    }
}

/// For whoever adjudicates: what the two readers gave. Whoever reads second sees nothing of it.
fn readings(item: &Item, decided: &[Decided]) -> Markup {
    let standing = || decided.iter().filter(|one| one.undone.is_none());
    markup! {
        @if item.state == Queue::Second.key() {
            p.quiet { "第二遍判读：已有一个人读过，请独立判断，不显示其结论" }
        }
        @if item.state == Queue::Disputed.key() {
            section.readings {
                h2 { "两人判断不同" }
                @for one in standing() {
                    p {
                        (one.reader) "（" (kind_name(&one.kind)) "）：" strong { (verdict_name(&one.label)) }
                        @if !one.comment.is_empty() { " — " (one.comment) }
                        " "
                        button form="decide" name="label" value=(one.label) { "裁定为 " (verdict_name(&one.label)) }
                    }
                }
            }
        }
    }
}

/// What the cases say of the text, so that whoever decides otherwise knows it.
fn near(near: &[Near]) -> Markup {
    markup! {
        @if !near.is_empty() {
            p.near {
                "相近的案例："
                @for case in near.iter().take(5) {
                    a href=(address(case.id)) { "案例 " (case.id) } " " strong { (case.label) } "　"
                }
            }
        }
    }
}
