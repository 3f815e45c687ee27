//! The default model with the embedded pack, on the sentences of the pack itself.

use std::sync::LazyLock;

use waibao::code::Level;
use waibao::pack::{Effect, Rule};
use waibao::{Classifier, Decision, Label, Outcome};

static CLASSIFIER: LazyLock<Classifier> = LazyLock::new(|| waibao::load::embedded().unwrap());

#[test]
fn prototypes_and_calibration_of_the_default_model_are_those_of_this_pack() {
    // Otherwise every start would compute them: run `waibao model prepare` again.
    let sources = waibao::load::Sources {
        announce: Some(&|work| panic!("{work:?} is computed at every start: `waibao model prepare` is due")),
        ..Default::default()
    };
    waibao::load::open(&sources).unwrap();
}

#[test]
fn every_official_sentence_gets_its_own_code() {
    let mut wrong = Vec::new();
    for item in CLASSIFIER.pack().items().filter(|item| item.code.level() == Level::Class) {
        let examples = item.inclusions.iter().map(|inclusion| format!("{}，{}", inclusion.name, inclusion.text));
        for text in examples.chain([format!("{}。{}", item.name, item.definition)]) {
            let top = CLASSIFIER.classify(&text).unwrap().top().unwrap().label;
            if top != Label::Class(item.code) {
                wrong.push(format!("{} gets {top}: {text}", item.code));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether a text has escaped what the rule excludes it from.
fn is_caught(rule: &Rule, at: usize, decision: &Decision) -> bool {
    let Some(Label::Class(code)) = decision.top().map(|top| top.label) else { return true };
    let target = matches!(&rule.effect, Effect::Redirect(to) if to.iter().any(|target| target.contains(code)));
    let excluded = rule.items.iter().any(|scope| scope.contains(code)) && !target;
    let fired = decision.rulings.iter().any(|ruling| ruling.rule == at);
    match rule.effect {
        // A remark or a call for a person, if the text stays where the rule is about.
        Effect::Note | Effect::Review => fired || !excluded,
        Effect::Redirect(_) | Effect::Out => !excluded || decision.outcome == Outcome::NeedsReview && fired,
    }
}

/// Each exemplar is decided on as if it were not in the index: what counts is what a sentence like it would get.
#[test]
fn rules_catch_their_exemplars_and_let_near_misses_pass_end_to_end() {
    let pack = CLASSIFIER.pack();
    let (mut right, mut all) = ([0, 0], [0, 0]);
    for exemplar in &pack.exemplars {
        let at = pack.rules.iter().position(|rule| rule.id == exemplar.rule).unwrap();
        let own = CLASSIFIER.index().find(&exemplar.id).unwrap();
        let decision = CLASSIFIER.classify_without(&exemplar.text, own).unwrap();
        let side = usize::from(!exemplar.caught);
        let vetoed = |ruling: &waibao::rules::Ruling| ruling.rule == at && !ruling.vetoed.is_empty();
        let as_it_should = match exemplar.caught {
            true => is_caught(&pack.rules[at], at, &decision),
            false => !decision.rulings.iter().any(vetoed),
        };
        if !as_it_should {
            println!("{}: {}", exemplar.id, exemplar.text);
        }
        right[side] += usize::from(as_it_should);
        all[side] += 1;
    }
    println!("exemplars: caught {}/{}, near misses that pass {}/{}", right[0], all[0], right[1], all[1]);
    assert!((0..2).all(|side| right[side] * 100 >= all[side] * 95));
}
