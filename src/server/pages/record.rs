//! A decision as a person reads it: the outcome, the words that count in their text, the clauses, the candidates.

use std::ops::Range;

use maud::{Markup, html as markup};

use super::percent;
use crate::code::Label;
use crate::decision::Outcome;
use crate::pack::Pack;
use crate::record::Record;

/// A text with what speaks in it marked: triggers of rules before passages of evidence.
pub(crate) fn marked(text: &str, record: &Record) -> Markup {
    let mut pieces: Vec<(Range<usize>, &str, String)> = Vec::new();
    let mut at = 0;
    let mut bounds: Vec<usize> = vec![0, text.len()];
    let evidence = || record.evidence.iter().map(|evidence| &evidence.passage);
    let triggers = || record.rulings.iter().filter_map(|ruling| Some((ruling.trigger.as_ref()?, &ruling.clause)));
    bounds.extend(evidence().flat_map(|words| [words.start, words.end]));
    bounds.extend(triggers().flat_map(|(words, _)| [words.start, words.end]));
    bounds.retain(|bound| text.is_char_boundary(*bound));
    bounds.sort_unstable();
    bounds.dedup();
    for end in bounds.into_iter().skip(1) {
        let within = |start: usize, stop: usize| start <= at && end <= stop;
        let trigger = triggers().find(|(words, _)| within(words.start, words.end));
        let (kind, title) = match trigger {
            Some((_, clause)) => ("trigger", format!("触发条款 {clause}")),
            None if evidence().any(|words| within(words.start, words.end)) => ("evidence", "依据".to_owned()),
            None => ("", String::new()),
        };
        pieces.push((at..end, kind, title));
        at = end;
    }
    markup! {
        @for (range, kind, title) in pieces {
            @if kind.is_empty() { (text[range]) } @else { mark class=(kind) title=(title) { (text[range]) } }
        }
    }
}

/// The outcome as a badge.
pub(crate) fn badge(outcome: Outcome) -> Markup {
    let class = match outcome {
        Outcome::Assigned => "badge good",
        Outcome::OutOfScope => "badge out",
        Outcome::NeedsReview => "badge look",
    };
    markup! { span class=(class) { (outcome.name()) } }
}

/// The candidates with their confidence, each as a bar.
pub(crate) fn candidates(record: &Record) -> Markup {
    markup! {
        ol.candidates {
            @for candidate in &record.candidates {
                li {
                    a.code href=(format!("/codes#{}", candidate.code)) { (candidate.code) }
                    span.name { (candidate.name) }
                    meter min="0" max="1" value=(candidate.confidence) { (percent(candidate.confidence)) }
                    span.number { (percent(candidate.confidence)) }
                }
            }
        }
    }
}

/// What speaks for the first candidate and what the rules say, each with the official sentence verbatim.
pub(crate) fn grounds(pack: &Pack, record: &Record) -> Markup {
    markup! {
        @if let Some(review) = &record.review {
            p.ask { strong { "为什么要人看：" } (review.reason) }
            @if let Some(question) = &review.question { p.ask { strong { "请核实：" } (question) } }
        }
        @for ruling in &record.rulings {
            section.ground {
                h3 { "条款 " (ruling.clause) }
                blockquote { (ruling.text) }
                p {
                    (ruling.note)
                    @if let Some(trigger) = &ruling.trigger { "触发词：" mark.trigger { (trigger.words) } "。" }
                    @if let Some(receiver) = &ruling.receiver { "改归 " strong { (receiver) } "。" }
                }
            }
        }
        @for evidence in &record.evidence {
            section.ground {
                h3 { (kind(&evidence.prototype_kind)) " " (evidence.prototype) }
                blockquote { (evidence.text) }
                p { "与原文相近：" mark.evidence { (evidence.passage.words) } }
            }
        }
        @if let Some(reason) = runner_up(pack, record) {
            section.ground { h3 { "为什么不是 " (record.candidates[1].code) } p { (reason) } }
        }
        @if let Some(domain) = record.key_domain.edition_2022.as_ref().filter(|_| record.outcome != Outcome::OutOfScope) {
            p.quiet { "重点领域（2022）：" (domain) }
        }
    }
}

fn kind(prototype: &str) -> &'static str {
    match prototype {
        "definition" => "定义",
        "inclusion" => "典型业务",
        "case" => "案例",
        _ => "例句",
    }
}

/// Why the second candidate lost: the clause that spoke against it, else what would have to be so for it to be right.
fn runner_up(pack: &Pack, record: &Record) -> Option<String> {
    let [first, second, ..] = &record.candidates[..] else { return None };
    let against = record.rulings.iter().find(|ruling| ruling.vetoed.contains(&second.code));
    if let Some(ruling) = against {
        return Some(format!("条款 {} 排除：{}", ruling.clause, ruling.text));
    }
    let label = |code: &str| code.parse::<Label>().ok();
    let question = pack.question(label(&first.code)?, label(&second.code)?);
    let times = first.confidence / second.confidence.max(1e-4);
    let odds = if times >= 2.0 {
        format!("程序认为它的可能性不到首选的 {} 分之一。", times.floor())
    } else {
        "程序认为两者的可能性相近。".to_owned()
    };
    let question = question.map(|question| format!("决定二者的问题：{question}")).unwrap_or_default();
    Some(format!("{odds}{question}"))
}
