//! Laws of the rules that hold for any ranking and any rules, and of whole decisions.

use std::sync::LazyLock;

use proptest::prelude::*;
use waibao::calibration::Calibrator;
use waibao::encoder::HashEncoder;
use waibao::index::Index;
use waibao::pack::{Effect, Pack, PackFiles};
use waibao::rules::{Ranking, RuleSet, Veto};
use waibao::text::Normalised;
use waibao::{Classifier, Label, Outcome, Settings};

static PACK: LazyLock<Pack> = LazyLock::new(|| Pack::embedded().unwrap());
static RULES: LazyLock<RuleSet> = LazyLock::new(|| RuleSet::new(&PACK));
/// The same rules in other orders.
static SHUFFLED: LazyLock<Vec<(Pack, RuleSet)>> = LazyLock::new(|| {
    let packs = [1, 23, 57].map(shuffled);
    packs.into_iter().map(|pack| (RuleSet::new(&pack), pack)).map(|(rules, pack)| (pack, rules)).collect()
});
static BY_HASH: LazyLock<Classifier> = LazyLock::new(by_hash);

fn labels(pack: &Pack) -> Vec<Label> {
    pack.classes().map(|item| Label::Class(item.code)).chain([Label::OutOfScope]).collect()
}

/// A distribution over the 46 labels with a few peaks, as calibrated scores have.
fn distribution() -> impl Strategy<Value = Vec<f32>> {
    proptest::collection::vec(0.0_f32..8.0, 46).prop_map(|logits| {
        let exponentials: Vec<f32> = logits.iter().map(|logit| logit.exp()).collect();
        let sum: f32 = exponentials.iter().sum();
        exponentials.iter().map(|value| value / sum).collect()
    })
}

/// Texts made of the exemplars' own words, several at once, so that several rules fire together.
fn texts() -> impl Strategy<Value = String> {
    let sentences: Vec<String> = PACK.exemplars.iter().map(|exemplar| exemplar.text.clone()).collect();
    proptest::collection::vec(proptest::sample::select(sentences), 1..5)
        .prop_map(|sentences| Normalised::new(&sentences.join("。")).text().to_lowercase())
}

/// The embedded pack with its rules in another order.
fn shuffled(seed: usize) -> Pack {
    let files = PackFiles::embedded();
    let text = files.text("rules.toml").to_owned();
    let (head, body) = text.split_at(text.find("[[rules]]").unwrap());
    let (body, unruled) = body.split_at(body.find("[[unruled]]").unwrap());
    let mut blocks: Vec<&str> = body.split("[[rules]]").skip(1).collect();
    let count = blocks.len();
    blocks.rotate_left(seed % count);
    blocks.swap(0, seed * 7 % count);
    let rules: String = blocks.iter().map(|block| format!("[[rules]]{block}")).collect();
    Pack::from_files(&files.with("rules.toml", &format!("{head}{rules}{unruled}"))).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn probabilities_are_moved_but_neither_made_nor_lost(text in texts(), probabilities in distribution()) {
        let labels = labels(&PACK);
        let ranking = Ranking { labels: &labels, probabilities: &probabilities, contested: 0.05, veto: Veto::ABSOLUTE };
        let ruled = RULES.apply(&text, ranking, &|_| false).unwrap();
        prop_assert!((ruled.probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-4);
        prop_assert!(ruled.probabilities.iter().all(|value| *value >= 0.0));
        for ruling in &ruled.rulings {
            let rule = &PACK.rules[ruling.rule];
            // What is vetoed has nothing left, unless nobody could receive it; then a person decides.
            for code in &ruling.vetoed {
                let place = labels.iter().position(|label| *label == Label::Class(*code)).unwrap();
                prop_assert!(ruled.probabilities[place] == 0.0 || ruled.review.is_some());
            }
            // What it hands on, it hands to its target.
            match (&rule.effect, ruling.receiver) {
                (Effect::Out, Some(receiver)) => prop_assert_eq!(receiver, Label::OutOfScope),
                (Effect::Redirect(to), Some(Label::Class(code))) => {
                    prop_assert!(to.iter().any(|target| target.contains(code)));
                    prop_assert!(!ruling.vetoed.contains(&code));
                }
                (Effect::Note | Effect::Review, receiver) => prop_assert_eq!(receiver, None),
                (_, receiver) => prop_assert_eq!(receiver, None),
            }
        }
    }

    #[test]
    fn a_veto_changes_odds_by_its_worth_and_what_it_names_comes_after_its_receiver(
        text in texts(),
        probabilities in distribution(),
        vetoed in 0.1_f32..1.0,
        receiver in 1.0_f32..4.0,
    ) {
        let labels = labels(&PACK);
        let veto = Veto { vetoed, receiver };
        let ranking = Ranking { labels: &labels, probabilities: &probabilities, contested: 0.05, veto };
        let ruled = RULES.apply(&text, ranking, &|_| false).unwrap();
        prop_assert!((ruled.probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-4);
        for ruling in &ruled.rulings {
            let Some(to) = ruling.receiver.and_then(|to| labels.iter().position(|label| *label == to)) else { continue };
            for code in &ruling.vetoed {
                let from = labels.iter().position(|label| *label == Label::Class(*code)).unwrap();
                prop_assert!(ruled.probabilities[from] <= ruled.probabilities[to]);
                let before = probabilities[to] / probabilities[from];
                let after = ruled.probabilities[to] / ruled.probabilities[from];
                prop_assert!((after / before / (receiver / vetoed) - 1.0).abs() < 1e-3);
            }
        }
    }

    #[test]
    fn the_order_of_the_rules_does_not_matter(text in texts(), probabilities in distribution(), other in 0_usize..3) {
        let labels = labels(&PACK);
        let ranking = Ranking { labels: &labels, probabilities: &probabilities, contested: 0.05, veto: Veto::ABSOLUTE };
        let apply = |pack: &Pack, rules: &RuleSet| {
            let ruled = rules.apply(&text, ranking, &|_| false).unwrap();
            let mut fired: Vec<String> = ruled.rulings.iter().map(|ruling| pack.rules[ruling.rule].id.clone()).collect();
            fired.sort();
            (ruled.probabilities, ruled.review, fired)
        };
        let (one, another) = (apply(&PACK, &RULES), apply(&SHUFFLED[other].0, &SHUFFLED[other].1));
        prop_assert_eq!((&one.1, &one.2), (&another.1, &another.2));
        for (one, another) in one.0.iter().zip(&another.0) {
            prop_assert!((one - another).abs() < 1e-5);
        }
    }

    #[test]
    fn where_no_rule_fires_the_ranking_is_unchanged(probabilities in distribution()) {
        let labels = labels(&PACK);
        let ranking = Ranking { labels: &labels, probabilities: &probabilities, contested: 0.05, veto: Veto::ABSOLUTE };
        let ruled = RULES.apply("甲乙丙丁", ranking, &|_| false).unwrap();
        prop_assert!(ruled.rulings.is_empty() && ruled.review.is_none());
        prop_assert_eq!(ruled.probabilities, probabilities);
    }

    #[test]
    fn any_text_gets_a_decision_that_points_into_it(text in "\\PC{0,120}") {
        let decision = BY_HASH.classify(&text).unwrap();
        let sum: f32 = decision.candidates.iter().map(|candidate| candidate.confidence.get()).sum();
        prop_assert!(decision.candidates.is_empty() || (sum - 1.0).abs() < 1e-3);
        prop_assert_eq!(decision.outcome == Outcome::NeedsReview, decision.review.is_some());
        for evidence in &decision.evidence {
            prop_assert!(text.get(evidence.range.clone()).is_some());
        }
        for ruling in &decision.rulings {
            prop_assert!(ruling.trigger.as_ref().is_none_or(|range| text.get(range.clone()).is_some()));
        }
    }
}

fn by_hash() -> Classifier {
    let (pack, encoder) = (Pack::embedded().unwrap(), HashEncoder::new(128));
    let index = Index::build(&pack, &encoder).unwrap();
    let calibrator = Calibrator::unfitted("hash-1", &pack.hash, "");
    Classifier::new(pack, encoder, index, calibrator, Settings::default())
}

#[test]
fn texts_decided_together_are_decided_as_each_alone() {
    let texts =
        ["座席外包", "", "软件定制开发，含三年维护", "asdf", "短", "第一条 服务内容：测绘。\n第二条 付款：按月。"];
    let together = BY_HASH.classify_batch(&texts).unwrap();
    for (text, decision) in texts.iter().zip(together) {
        assert_eq!(decision, BY_HASH.classify(text).unwrap(), "{text}");
    }
}

/// I23 and B22, I33 and B21 send their neighbours' business to each other. Where both sides of such a pair fire, nobody
/// is left to receive, and a person decides.
#[test]
fn two_classes_that_send_to_each_other_end_with_a_person() {
    let labels = labels(&PACK);
    let place = |code: &str| labels.iter().position(|label| label.to_string() == code).unwrap();
    let caught = |clauses: [&'static str; 2]| {
        let rule = move |id: &str| PACK.rules.iter().find(|rule| rule.id == id).unwrap();
        let of = move |clause: &str, id: &str| rule(id).clause == clause;
        clauses
            .map(|clause| PACK.exemplars.iter().filter(move |exemplar| exemplar.caught && of(clause, &exemplar.rule)))
    };
    let mut both = 0;
    for (one, other, clauses) in [("I23", "B22", ["I23-x3", "B22-x1"]), ("I33", "B21", ["I33-x1", "B21-x1"])] {
        let mut probabilities = vec![0.0; labels.len()];
        probabilities[place(one)] = 0.5;
        probabilities[place(other)] = 0.5;
        let ranking = Ranking { labels: &labels, probabilities: &probabilities, contested: 0.05, veto: Veto::ABSOLUTE };
        let [ones, others] = caught(clauses);
        for (first, second) in ones.flat_map(|first| others.clone().map(move |second| (first, second))) {
            let text = Normalised::new(&format!("{}。{}", first.text, second.text)).text().to_lowercase();
            let ruled = RULES.apply(&text, ranking, &|_| false).unwrap();
            let vetoed = |code: &str| ruled.rulings.iter().any(|ruling| ruling.vetoed.contains(&code.parse().unwrap()));
            if vetoed(one) && vetoed(other) {
                both += 1;
                assert!(ruled.review.is_some(), "{text}");
            }
        }
    }
    assert!(both > 0, "no text makes both sides of a pair fire");
}
