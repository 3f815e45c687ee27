//! The rules on their specifications: `tests/rules/*.md`, and the exemplars of the pack. No model is needed: each rule
//! is asked with its own item as the best candidate.

use std::collections::BTreeSet;
use std::path::Path;

use waibao::pack::{Effect, Pack, Rule, Scope};
use waibao::rules::{Ranking, RuleSet, Veto};
use waibao::text::Normalised;
use waibao::{Code, Label};

/// A sentence of a specification.
struct Case {
    place: String,
    rule: String,
    caught: bool,
    text: String,
}

fn specifications(pack: &Pack) -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut cases = Vec::new();
    for path in files {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let mut rule: Option<&Rule> = None;
        for (at, line) in std::fs::read_to_string(&path).unwrap().lines().enumerate() {
            let place = format!("{name}:{}", at + 1);
            if let Some(heading) = line.strip_prefix("## ") {
                let (id, target) = heading.split_once(" → ").unwrap_or_else(|| panic!("{place}: no → in the heading"));
                let found =
                    pack.rules.iter().find(|rule| rule.id == id).unwrap_or_else(|| panic!("{place}: no rule {id}"));
                assert_eq!(target, found.effect.target(), "{place}: the target of {id}");
                rule = Some(found);
            } else if let Some(quote) = line.strip_prefix("> ") {
                let rule = rule.unwrap_or_else(|| panic!("{place}: a quotation before any rule"));
                assert_eq!(quote, pack.clause(&rule.clause).unwrap().text, "{place}: the quotation");
            } else if let Some((caught, text)) = side(line) {
                let rule = rule.unwrap_or_else(|| panic!("{place}: a case before any rule"));
                cases.push(Case { place, rule: rule.id.clone(), caught, text: text.to_owned() });
            } else {
                assert!(line.is_empty() || line.starts_with("# "), "{place}: not understood: {line}");
            }
        }
    }
    cases
}

fn side(line: &str) -> Option<(bool, &str)> {
    line.strip_prefix("- 命中：")
        .map(|text| (true, text))
        .or_else(|| line.strip_prefix("- 放过：").map(|text| (false, text)))
}

/// The labels of the pack with one class far ahead, and for a `tie` its target close behind.
fn ranking(pack: &Pack, rule: &Rule) -> (Vec<Label>, Vec<f32>) {
    let labels: Vec<Label> = pack.classes().map(|item| Label::Class(item.code)).chain([Label::OutOfScope]).collect();
    let target =
        |code: Code| matches!(&rule.effect, Effect::Redirect(to) if to.iter().any(|target| target.contains(code)));
    let first = labels.iter().filter_map(|label| label.class()).find(|code| {
        rule.items.iter().any(|scope| matches!(scope, Scope::Everything) || scope.contains(*code)) && !target(*code)
    });
    let probabilities = labels.iter().map(|label| match label.class() {
        code if code == first => 0.6,
        Some(code) if rule.tie && target(code) => 0.3,
        _ => 0.001,
    });
    let probabilities = probabilities.collect();
    (labels, probabilities)
}

/// Whether a rule fires on a text although nothing but its trigger speaks for it, and, if it does, whether it did what
/// it says.
fn fires(rules: &RuleSet, pack: &Pack, at: usize, text: &str) -> bool {
    let rule = &pack.rules[at];
    let normalised = Normalised::new(text).text().to_lowercase();
    if rules.trigger(at, &normalised).unwrap().is_none() {
        return false;
    }
    let (labels, probabilities) = ranking(pack, rule);
    let ranking = Ranking { labels: &labels, probabilities: &probabilities, contested: 0.05, veto: Veto::ABSOLUTE };
    let ruled = rules.apply(&normalised, ranking, &|_| false).unwrap();
    let ruling = ruled.rulings.iter().find(|ruling| ruling.rule == at);
    let ruling = ruling.unwrap_or_else(|| panic!("{} is triggered but did not fire", rule.id));
    match &rule.effect {
        Effect::Note => assert!(ruling.vetoed.is_empty()),
        Effect::Review => assert!(ruling.vetoed.is_empty() && ruled.review.is_some()),
        Effect::Out | Effect::Redirect(_) => assert!(!ruling.vetoed.is_empty()),
    }
    true
}

#[test]
fn every_specification_holds() {
    let pack = Pack::embedded().unwrap();
    let rules = RuleSet::new(&pack);
    let mut wrong = Vec::new();
    let mut specified = BTreeSet::new();
    for case in specifications(&pack) {
        let at = pack.rules.iter().position(|rule| rule.id == case.rule).unwrap();
        specified.insert((case.rule.clone(), case.caught));
        if fires(&rules, &pack, at, &case.text) != case.caught {
            let what = if case.caught { "should catch" } else { "should let pass" };
            wrong.push(format!("{}: {} {what} {}", case.place, case.rule, case.text));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for rule in &pack.rules {
        for caught in [true, false] {
            assert!(specified.contains(&(rule.id.clone(), caught)), "{} has no case on one side", rule.id);
        }
    }
}

#[test]
fn triggers_catch_their_exemplars_and_let_near_misses_pass() {
    let pack = Pack::embedded().unwrap();
    let rules = RuleSet::new(&pack);
    let mut right = [0, 0];
    let mut all = [0, 0];
    for exemplar in &pack.exemplars {
        let at = pack.rules.iter().position(|rule| rule.id == exemplar.rule).unwrap();
        let side = usize::from(!exemplar.caught);
        let as_it_should = fires(&rules, &pack, at, &exemplar.text) == exemplar.caught;
        if !as_it_should {
            println!("{}: {}", exemplar.id, exemplar.text);
        }
        right[side] += usize::from(as_it_should);
        all[side] += 1;
    }
    println!("exemplars: caught {}/{}, near misses that pass {}/{}", right[0], all[0], right[1], all[1]);
    for side in 0..2 {
        assert!(right[side] * 100 >= all[side] * 95);
    }
}
