//! The headline figures of a set of answers, with intervals.

use std::collections::BTreeMap;

use fastrand::Rng;

use crate::code::Label;

use super::answer::{Answer, Said};

/// Bins of equal width for the expected calibration error and the reliability curve.
const BINS: usize = 10;
/// Resamples of the bootstrap.
const RESAMPLES: usize = 1_000;
/// The seed of the bootstrap, so that the same answers give the same intervals.
const SEED: u64 = 2022;

/// A figure with its bootstrap 95 % interval (percentile method; Efron and Tibshirani, An Introduction to the Bootstrap,
/// 1993, chapter 13).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figure {
    /// Its key, as in `thresholds.toml`.
    pub key: &'static str,
    /// Its Chinese name.
    pub name: &'static str,
    /// Its value.
    pub value: f64,
    /// The interval.
    pub interval: (f64, f64),
    /// Whether it is a share, to be shown in per cent.
    pub is_share: bool,
}

/// Keys and names of the headline figures, in the order in which they are computed.
const HEADLINE: [(&str, &str, bool); 11] = [
    ("accuracy", "小类正确率", true),
    ("top3", "前三正确率", true),
    ("group_accuracy", "中类正确率", true),
    ("division_accuracy", "大类正确率", true),
    ("macro_f1", "宏平均 F1", false),
    ("out_precision", "不属于：准确率", true),
    ("out_recall", "不属于：召回率", true),
    ("automated", "无需人工的比例", true),
    ("automated_precision", "无需人工部分的正确率", true),
    ("calibration_error", "校准误差 ECE", false),
    ("brier", "Brier 分", false),
];

/// What the headline figures need of an answer.
struct Tally {
    right: bool,
    top3: bool,
    group: bool,
    division: bool,
    decided: bool,
    confidence: f64,
    /// Places among the labels: what it counts as, and what was said.
    gold: usize,
    said: Option<usize>,
    gold_is_out: bool,
    out_is_acceptable: bool,
}

/// The headline figures of what was said.
pub(super) fn headline(said: &[Said<'_>]) -> Vec<Figure> {
    let mut labels = BTreeMap::from([(Label::OutOfScope, 0)]);
    for label in said.iter().flat_map(|said| said.gold.iter().chain(said.candidates)) {
        let next = labels.len();
        labels.entry(*label).or_insert(next);
    }
    let tallies: Vec<Tally> = said.iter().map(|said| tally(said, &labels)).collect();
    let values = compute(tallies.iter(), labels.len());
    let mut rng = Rng::with_seed(SEED);
    let mut samples: Vec<Vec<f64>> = vec![Vec::with_capacity(RESAMPLES); HEADLINE.len()];
    for _ in 0..RESAMPLES {
        let drawn = (0..tallies.len()).map(|_| &tallies[rng.usize(..tallies.len())]);
        let drawn = compute(drawn, labels.len());
        samples.iter_mut().zip(drawn).for_each(|(sample, value)| sample.push(value));
    }
    HEADLINE
        .iter()
        .zip(values)
        .zip(samples)
        .map(|((&(key, name, is_share), value), mut sample)| {
            sample.sort_by(f64::total_cmp);
            let at = |share: f64| sample[(share * (RESAMPLES - 1) as f64).round() as usize];
            Figure { key, name, value, interval: (at(0.025), at(0.975)), is_share }
        })
        .collect()
}

fn tally(said: &Said<'_>, labels: &BTreeMap<Label, usize>) -> Tally {
    Tally {
        right: said.is_right(),
        top3: said.is_among_first(3),
        group: said.agrees(2),
        division: said.agrees(1),
        decided: said.decided,
        confidence: f64::from(said.confidence),
        gold: said.counted_as().map_or(0, |label| labels[&label]),
        said: said.candidates.first().map(|label| labels[label]),
        gold_is_out: said.gold.first() == Some(&Label::OutOfScope),
        out_is_acceptable: said.gold.contains(&Label::OutOfScope),
    }
}

fn compute<'a>(tallies: impl Iterator<Item = &'a Tally>, labels: usize) -> [f64; HEADLINE.len()] {
    let mut n = 0;
    let (mut right, mut top3, mut group, mut division) = (0, 0, 0, 0);
    let (mut decided, mut decided_right) = (0, 0);
    let (mut out_said, mut out_said_right, mut out_gold, mut out_found) = (0, 0, 0, 0);
    let mut brier = 0.0;
    let mut bins = [Bin::default(); BINS];
    let mut classes = vec![(0, 0, 0); labels];
    for tally in tallies {
        let (is_right, flag) = (usize::from(tally.right), f64::from(u8::from(tally.right)));
        n += 1;
        right += is_right;
        top3 += usize::from(tally.top3);
        group += usize::from(tally.group);
        division += usize::from(tally.division);
        decided += usize::from(tally.decided);
        decided_right += usize::from(tally.decided && tally.right);
        let said_out = tally.said == Some(0);
        out_said += usize::from(said_out);
        out_said_right += usize::from(said_out && tally.out_is_acceptable);
        out_gold += usize::from(tally.gold_is_out);
        out_found += usize::from(tally.gold_is_out && tally.right);
        brier += (tally.confidence - flag).powi(2);
        bins[bin_of(tally.confidence)].add(tally.confidence, tally.right);
        classes[tally.gold].0 += is_right;
        classes[tally.gold].1 += 1;
        if let Some(said) = tally.said {
            classes[said].2 += 1;
        }
    }
    // Out of scope has figures of its own; the mean is over the classes that occur.
    let f1 = classes[1..].iter().filter(|(_, gold, said)| gold + said > 0);
    let f1 = f1.map(|&(right, gold, said)| ratio(2 * right, gold + said));
    let gaps = bins.iter().map(|bin| (bin.right as f64 - bin.confidence).abs()).sum::<f64>();
    [
        ratio(right, n),
        ratio(top3, n),
        ratio(group, n),
        ratio(division, n),
        f1.clone().sum::<f64>() / f1.count().max(1) as f64,
        ratio(out_said_right, out_said),
        ratio(out_found, out_gold),
        ratio(decided, n),
        ratio(decided_right, decided),
        gaps / n.max(1) as f64,
        brier / n.max(1) as f64,
    ]
}

/// A bin of the reliability curve.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Bin {
    /// Answers in it.
    pub count: usize,
    /// How many of them are right.
    pub right: usize,
    /// The sum of their confidences.
    pub confidence: f64,
}

impl Bin {
    fn add(&mut self, confidence: f64, right: bool) {
        self.count += 1;
        self.right += usize::from(right);
        self.confidence += confidence;
    }
}

fn bin_of(confidence: f64) -> usize {
    // In single precision, in which 0.9 times ten is nine.
    ((confidence as f32 * BINS as f32) as usize).min(BINS - 1)
}

/// The reliability curve: ten bins of equal width by confidence.
pub(super) fn reliability(answers: &[&Answer]) -> [Bin; BINS] {
    let mut bins = [Bin::default(); BINS];
    for answer in answers {
        let confidence = f64::from(answer.confidence);
        bins[bin_of(confidence)].add(confidence, answer.is_right());
    }
    bins
}

/// The risk–coverage curve (El-Yaniv and Wiener, On the Foundations of Noise-free Selective Classification, 2010): the
/// share that is answered when only the surest are, and the share of these that is right. Answers of equal confidence
/// come together.
pub(super) fn risk_coverage(answers: &[&Answer]) -> Vec<(f64, f64)> {
    let mut ranked: Vec<(f32, bool)> = answers.iter().map(|answer| (answer.confidence, answer.is_right())).collect();
    ranked.sort_by(|one, other| other.0.total_cmp(&one.0));
    let mut right = 0;
    let mut curve = Vec::new();
    for (at, (confidence, is_right)) in ranked.iter().enumerate() {
        right += usize::from(*is_right);
        if ranked.get(at + 1).is_none_or(|(next, _)| next < confidence) {
            curve.push((ratio(at + 1, ranked.len()), ratio(right, at + 1)));
        }
    }
    curve
}

/// The largest share that can be answered with at least this share of right answers.
pub(super) fn coverage_at(curve: &[(f64, f64)], precision: f64) -> f64 {
    curve.iter().rev().find(|(_, right)| *right >= precision).map_or(0.0, |(coverage, _)| *coverage)
}

pub(super) fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decision::Outcome;

    /// An answer, of which the sure ones are decided without a person.
    pub(in crate::eval) fn answer(gold: &[&str], said: &[&str], confidence: f32) -> Answer {
        let labels = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        Answer {
            id: "1".to_owned(),
            gold: labels(gold),
            second: None,
            outcome: if confidence > 0.8 { Outcome::Assigned } else { Outcome::NeedsReview },
            candidates: labels(said),
            confidence,
            baselines: Vec::new(),
            fired: Vec::new(),
            trial: None,
            length: 10,
            groups: Vec::new(),
            excerpt: None,
        }
    }

    fn value(figures: &[Figure], key: &str) -> f64 {
        figures.iter().find(|figure| figure.key == key).unwrap().value
    }

    #[test]
    fn figures_worked_out_by_hand() {
        let answers = [
            answer(&["I11"], &["I11", "I14"], 0.9),
            answer(&["I11", "I21"], &["I21", "OUT"], 0.9),
            answer(&["B23"], &["B22", "B23"], 0.6),
            answer(&["OUT"], &["K22", "I36", "K12"], 0.6),
            answer(&["OUT"], &["OUT"], 0.9),
        ];
        let answers: Vec<&Answer> = answers.iter().collect();
        let figures = headline(&answers.iter().map(|answer| answer.said()).collect::<Vec<_>>());
        for (key, expected) in [
            ("accuracy", 0.6),
            ("top3", 0.8),
            ("group_accuracy", 0.8),
            ("division_accuracy", 0.8),
            // I11: 1, I21: 1, B23: 0, B22: 0, K22: 0.
            ("macro_f1", 0.4),
            ("out_precision", 1.0),
            ("out_recall", 0.5),
            ("automated", 0.6),
            ("automated_precision", 1.0),
            // Three right at 0.9 and two wrong at 0.6: (0.3 + 1.2) / 5 and (0.03 + 0.72) / 5.
            ("calibration_error", 0.3),
            ("brier", 0.15),
        ] {
            assert!((value(&figures, key) - expected).abs() < 1e-6, "{key}: {}", value(&figures, key));
        }
        assert_eq!(risk_coverage(&answers), [(0.6, 1.0), (1.0, 0.6)]);
        assert_eq!(coverage_at(&risk_coverage(&answers), 0.95), 0.6);
        assert_eq!(coverage_at(&risk_coverage(&answers), 0.5), 1.0);
        let bins = reliability(&answers);
        assert_eq!((bins[9].count, bins[9].right, bins[6].count, bins[6].right), (3, 3, 2, 0));
    }

    proptest! {
        #[test]
        fn figures_are_shares_within_their_order_and_intervals_hold_them(
            drawn in proptest::collection::vec((0_usize..4, 0_usize..4, 0.0_f32..=1.0), 1..60)
        ) {
            let names = ["I11", "I12", "B23", "OUT"];
            let answers: Vec<Answer> = drawn
                .iter()
                .map(|&(gold, said, confidence)| answer(&[names[gold]], &[names[said], names[(said + 1) % 4]], confidence))
                .collect();
            let figures = headline(&answers.iter().map(Answer::said).collect::<Vec<_>>());
            for figure in &figures {
                prop_assert!((0.0..=1.0).contains(&figure.value), "{figure:?}");
                prop_assert!(figure.interval.0 <= figure.interval.1, "{figure:?}");
            }
            prop_assert!(value(&figures, "accuracy") <= value(&figures, "top3"));
            prop_assert!(value(&figures, "accuracy") <= value(&figures, "group_accuracy"));
            prop_assert!(value(&figures, "group_accuracy") <= value(&figures, "division_accuracy"));
        }
    }
}
