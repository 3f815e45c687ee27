//! The code book as a page reads: divisions, groups and classes, then what holds for all of them.

use std::sync::LazyLock;

use maud::{Markup, html as markup};
use regex::Regex;

use super::initials;
use crate::code::{Code, Label, Level};
use crate::pack::{Clause, Convention, Crosswalk, Effect, Item, Pack, Rule, Scope};

/// What holds for every class, each with its place.
const GENERAL: [(&str, &str); 4] =
    [("OUT", "不属于服务外包"), ("principles", "判断原则"), ("conventions", "编码惯例"), ("domains", "重点领域")];

/// Codes and ids in running text. A Chinese character beside one is no part of it, a letter or digit is.
static MENTIONED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?-u:\b)[A-Z](?:\d{1,2}[a-z]?)?(?:-x?\d+[a-z]?)?(?-u:\b)").ok());

/// Table of contents.
pub(super) fn contents(pack: &Pack) -> Markup {
    markup! {
        nav.contents aria-label="目录" {
            @for item in pack.items() {
                a class=(level(item.code)) href=(place(item.code.as_str())) title=(item.name) {
                    b { (item.code) } span { (item.name) }
                }
            }
            @for (id, name) in GENERAL { a.division href=(place(id)) { (name) } }
        }
    }
}

/// Everything that the pack says.
pub(super) fn whole(pack: &Pack) -> Markup {
    markup! {
        @for division in pack.items().filter(|item| item.code.level() == Level::Division) {
            section.division {
                (heading(pack, division))
                @for group in pack.below(division.code) {
                    section.group {
                        (heading(pack, group))
                        @for class in pack.below(group.code) { (entry(pack, class)) }
                    }
                }
            }
        }
        (out_of_scope(pack))
        (principles(pack))
        (conventions(pack))
        (domains(pack))
    }
}

fn level(code: Code) -> &'static str {
    match code.level() {
        Level::Division => "division",
        Level::Group => "group",
        Level::Class => "class",
    }
}

fn place(id: &str) -> String {
    format!("#{id}")
}

/// A division or a group: its notes, above the classes.
fn heading(pack: &Pack, item: &Item) -> Markup {
    markup! {
        header id=(item.code) {
            @if item.code.level() == Level::Division {
                h2 { (item.code) " " (item.name) }
            } @else {
                h3 { (item.code) " " (item.name) }
            }
            p { (linked(pack, &item.definition)) }
            (exclusions(pack, &item.exclusions))
            (handed_over(pack, item.code))
        }
    }
}

fn entry(pack: &Pack, class: &Item) -> Markup {
    let names = class.inclusions.iter().map(|inclusion| inclusion.name.as_str());
    let letters: Vec<String> = std::iter::once(class.name.as_str()).chain(names).map(initials).collect();
    let conventions: Vec<&Convention> = pack.conventions_of(class.code).collect();
    let confused = pack.questions.iter().filter_map(|question| {
        let [one, other] = question.between;
        let this = Label::Class(class.code);
        (one == this || other == this).then_some((if one == this { other } else { one }, &question.ask))
    });
    markup! {
        article.entry id=(class.code) data-initials=(letters.join(" ")) {
            h4 { a.code href=(place(class.code.as_str())) { (class.code) } " " (class.name) }
            p { (linked(pack, &class.definition)) }
            @if !class.inclusions.is_empty() {
                h5 { "典型业务" }
                ul.clauses {
                    @for inclusion in &class.inclusions {
                        li id=(inclusion.id) {
                            span.id { (inclusion.id) } b { (inclusion.name) } "：" (linked(pack, &inclusion.text))
                        }
                    }
                }
            }
            (exclusions(pack, &class.exclusions))
            (handed_over(pack, class.code))
            @let mut confused = confused.peekable();
            @if confused.peek().is_some() {
                h5 { "易混" }
                ul.clauses { @for (other, ask) in confused { li { (label(pack, other)) "：" (ask) } } }
            }
            @if !conventions.is_empty() {
                h5 { "编码惯例" }
                ul.clauses {
                    @for convention in conventions {
                        li {
                            a.id href=(place(&convention.id)) { (convention.id) }
                            (convention.case) (given(pack, convention))
                        }
                    }
                }
            }
            h5 { "重点领域" }
            ul.clauses {
                @for crosswalk in &pack.crosswalks {
                    li { (crosswalk.title) "：" (domain(pack, crosswalk, class.code)) }
                }
            }
        }
    }
}

/// 不包括, each clause with its rules or why it has none.
fn exclusions(pack: &Pack, clauses: &[Clause]) -> Markup {
    markup! {
        @if !clauses.is_empty() {
            h5 { "不包括" }
            ul.clauses { @for clause in clauses { (clause_with_rules(pack, clause)) } }
        }
    }
}

fn clause_with_rules(pack: &Pack, clause: &Clause) -> Markup {
    markup! {
        li id=(clause.id) {
            a.id href=(place(&clause.id)) { (clause.id) } (linked(pack, &clause.text))
            @for rule in pack.rules_of(&clause.id) { p.rule { (effect(pack, rule)) " " (linked(pack, &rule.note)) } }
            @if let Some(reason) = pack.why_unruled(&clause.id) { p.rule { "无规则：" (linked(pack, reason)) } }
        }
    }
}

/// What a rule does: from which codes to which.
fn effect(pack: &Pack, rule: &Rule) -> Markup {
    let code = |code: Code| label(pack, Label::Class(code));
    markup! {
        span.effect {
            "规则 " (rule.id) "："
            @for (at, scope) in rule.items.iter().enumerate() {
                @if at > 0 { "、" }
                @match scope { Scope::Everything => "各类", Scope::Below(below) => (code(*below)) }
            }
            " → "
            @match &rule.effect {
                Effect::Redirect(to) => {
                    @for (at, target) in to.iter().enumerate() { @if at > 0 { "、" } (code(*target)) }
                }
                Effect::Out => (label(pack, Label::OutOfScope)),
                Effect::Note | Effect::Review => (rule.effect.target()),
            }
        }
    }
}

/// Rules of other items that hand over to this one.
fn handed_over(pack: &Pack, code: Code) -> Markup {
    let mut rules = pack.handing_to(code).peekable();
    markup! {
        @if rules.peek().is_some() {
            h5 { "由别处转入" }
            ul.clauses {
                @for rule in rules {
                    li {
                        a.id href=(place(&rule.clause)) { (rule.id) }
                        @if let Some(clause) = pack.clause(&rule.clause) { (linked(pack, &clause.text)) }
                    }
                }
            }
        }
    }
}

fn out_of_scope(pack: &Pack) -> Markup {
    let elsewhere = pack.rules.iter().filter(|rule| rule.effect == Effect::Out && !rule.clause.starts_with('G'));
    markup! {
        section.division {
            header #OUT { h2 { "OUT 不属于服务外包" } }
            h5 { "总则" }
            ul.clauses { @for clause in general(pack, 'G') { (clause_with_rules(pack, clause)) } }
            h5 { "由各类排除" }
            ul.clauses {
                @for rule in elsewhere {
                    li { a.id href=(place(&rule.clause)) { (rule.id) } (linked(pack, &rule.note)) }
                }
            }
        }
    }
}

fn principles(pack: &Pack) -> Markup {
    markup! {
        section.division {
            header #principles { h2 { "判断原则" } }
            ul.clauses { @for clause in general(pack, 'P') { (clause_with_rules(pack, clause)) } }
        }
    }
}

/// The clauses that stand below no code: of the general section (`G-x1`) or principles (`P2`).
fn general(pack: &Pack, kind: char) -> impl Iterator<Item = &Clause> {
    pack.clauses().filter(move |clause| clause.id.starts_with(kind))
}

fn conventions(pack: &Pack) -> Markup {
    markup! {
        section.division {
            header #conventions {
                h2 { "编码惯例" }
                p.quiet { "官方文字留有余地时的做法，供编码前后一致；与合同的主要价值不符时以主要价值为准" }
            }
            ul.clauses {
                @for convention in &pack.conventions {
                    li id=(convention.id) {
                        a.id href=(place(&convention.id)) { (convention.id) }
                        (convention.case) (given(pack, convention))
                        @if let Some(condition) = &convention.condition { p.rule { (linked(pack, condition)) } }
                        p.rule { "依据：" (linked(pack, &convention.basis)) }
                    }
                }
            }
        }
    }
}

/// What a convention gives.
fn given(pack: &Pack, convention: &Convention) -> Markup {
    let labels = |labels: &[Label]| {
        markup! { @for (at, one) in labels.iter().enumerate() { @if at > 0 { "、" } (label(pack, *one)) } }
    };
    markup! {
        @if !convention.codes.is_empty() { " → " (labels(&convention.codes)) }
        @if !convention.second.is_empty() { "，也可 " (labels(&convention.second)) }
    }
}

fn domains(pack: &Pack) -> Markup {
    markup! {
        section.division {
            header #domains { h2 { "重点领域" } }
            @for crosswalk in &pack.crosswalks {
                section.group {
                    header id=(crosswalk.id) {
                        h3 { (crosswalk.title) }
                        @if let Some(note) = &crosswalk.note { p.quiet { (note) } }
                    }
                    ul.clauses {
                        @for domain in &crosswalk.domains {
                            li id=(domain_place(crosswalk, domain.number)) {
                                b { (domain.number) ". " (domain.name) } " " (domain.text)
                                p.rule {
                                    @for class in &domain.classes { (label(pack, Label::Class(*class))) " " }
                                    @if let Some(remark) = &domain.remark { (linked(pack, remark)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The domain of a class in a directory, or why there is none.
fn domain(pack: &Pack, crosswalk: &Crosswalk, class: Code) -> Markup {
    match pack.key_domain(&crosswalk.id, class) {
        Some(domain) => {
            markup! { a href=(place(&domain_place(crosswalk, domain.number))) { (domain.number) ". " (domain.name) } }
        }
        None => {
            let reason = crosswalk.none.get(&class).map_or("", String::as_str);
            markup! { "无" @if !reason.is_empty() { "（" (reason) "）" } }
        }
    }
}

fn domain_place(crosswalk: &Crosswalk, number: u32) -> String {
    format!("{}-{number}", crosswalk.id)
}

fn label(pack: &Pack, label: Label) -> Markup {
    let code = label.to_string();
    markup! { a.code href=(place(&code)) title=(pack.name(label)) { (code) } }
}

/// Running text with the codes and ids in it as links.
fn linked(pack: &Pack, text: &str) -> Markup {
    let (mut pieces, mut at) = (Vec::new(), 0);
    for found in MENTIONED.iter().flat_map(|mentioned| mentioned.find_iter(text)) {
        if let Some(target) = target(pack, found.as_str()) {
            pieces.push((&text[at..found.start()], found.as_str(), target));
            at = found.end();
        }
    }
    markup! {
        @for (before, words, target) in pieces { (before) a href=(place(&target)) { (words) } }
        (text[at..])
    }
}

/// Where a code or id that is mentioned stands.
fn target(pack: &Pack, id: &str) -> Option<String> {
    let code = id.parse::<Code>().ok().filter(|code| pack.item(*code).is_some());
    let inclusion = || pack.items().any(|item| item.inclusions.iter().any(|inclusion| inclusion.id == id));
    let convention = || pack.conventions.iter().any(|convention| convention.id == id);
    if code.is_some() || pack.clause(id).is_some() || convention() || inclusion() {
        return Some(id.to_owned());
    }
    pack.rules.iter().find(|rule| rule.id == id).map(|rule| rule.clause.clone())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn values<'a>(html: &'a str, attribute: &'a str) -> impl Iterator<Item = &'a str> {
        html.split(attribute).skip(1).filter_map(|rest| rest.split('"').next())
    }

    #[test]
    fn every_link_leads_somewhere_and_every_place_is_there_once() {
        let pack = Pack::embedded().unwrap();
        let html = whole(&pack).into_string() + &contents(&pack).into_string();
        let places: Vec<&str> = values(&html, " id=\"").collect();
        let once: BTreeSet<&str> = places.iter().copied().collect();
        assert_eq!(once.len(), places.len());
        for link in values(&html, "href=\"#") {
            assert!(once.contains(link), "#{link} leads nowhere");
        }
        for id in pack.items().map(|item| item.code.to_string()).chain(pack.clauses().map(|clause| clause.id.clone())) {
            assert!(once.contains(id.as_str()), "{id} has no place");
        }
    }

    #[test]
    fn a_rule_links_both_ways() {
        let pack = Pack::embedded().unwrap();
        let of = |code: &str| entry(&pack, pack.item(code.parse().unwrap()).unwrap()).into_string();
        let (testing, software) = (of("I13"), of("I11"));
        assert!(testing.contains("id=\"I13-x2\"") && testing.contains("href=\"#I11\""));
        assert!(software.contains("href=\"#I13-x2\""));
    }

    #[test]
    fn codes_in_running_text_are_links_and_other_letters_are_not() {
        let pack = Pack::embedded().unwrap();
        let link = |text| linked(&pack, text).into_string();
        assert_eq!(link("纳入I11软件"), "纳入<a href=\"#I11\">I11</a>软件");
        assert_eq!(link("规则见 I23-x3a。"), "规则见 <a href=\"#I23-x3\">I23-x3a</a>。");
        assert_eq!(link("属于 B2B；<Z99>"), "属于 B2B；&lt;Z99&gt;");
    }
}
