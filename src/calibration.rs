//! Calibration: scores become probabilities that can be believed, and cut-offs follow from a target error.
//!
//! Temperature scaling (Guo et al., On Calibration of Modern Neural Networks, 2017) with one more parameter, an offset
//! for 不属于服务外包, whose share differs from one archive to the next.

use std::fmt;

use ndarray::Array1;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::code::Label;

/// The version of `calibration.json` that this program reads and writes.
const FORMAT_VERSION: u32 = 1;

/// A calibrated confidence, in [0, 1].
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Probability(f32);

impl Probability {
    /// A probability; what lies outside [0, 1] by rounding is brought back.
    pub fn new(value: f32) -> Self {
        Self(if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) })
    }

    /// The number.
    pub fn get(self) -> f32 {
        self.0
    }
}

impl fmt::Display for Probability {
    /// As a percentage, never more certain than the number: 99.97 % is printed as 99.9%.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:.1}%", (self.0 * 1000.0).floor() / 10.0))
    }
}

/// The parameters of a calibration, as they lie in `calibration.json` beside a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibrator {
    format_version: u32,
    /// Hash of the model that it was fitted for.
    pub model: String,
    /// Hash of the pack that it was fitted for.
    pub pack: String,
    /// Scores are divided by this.
    pub temperature: f32,
    /// Added to the score of 不属于服务外包.
    pub out_offset: f32,
    /// How often a veto of the rules is right, where it and the ranking disagree.
    pub veto_precision: f32,
    /// From this probability on a class is assigned without a person.
    pub assign_from: f32,
    /// From this probability on a text is out of scope without a person.
    pub out_from: f32,
    /// The share of right answers that the cut-offs were set for.
    pub target_precision: f32,
    /// How many labelled texts it was fitted on.
    pub texts: usize,
}

/// A text with the labels that a careful reviewer could defend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    /// The text.
    pub text: String,
    /// The acceptable labels, the best first.
    pub labels: Vec<Label>,
}

impl Labelled {
    /// Whether the text belongs to the eighth that training holds out for calibration, by its hash.
    pub fn is_held_out(&self) -> bool {
        Sha256::digest(&self.text)[0] % 8 == 0
    }
}

/// A labelled text ready for fitting: its scores and the places of the acceptable labels.
#[derive(Debug, Clone)]
pub struct Observation {
    /// A score for each label; the last is 不属于服务外包.
    pub scores: Array1<f32>,
    /// Places of the acceptable labels.
    pub acceptable: Vec<usize>,
    /// How much it counts.
    pub weight: f32,
}

impl Calibrator {
    /// Fits temperature and offset by the least negative log-likelihood; the cut-offs are still those of certainty.
    pub fn fit(observations: &[Observation], model: &str, pack: &str) -> Self {
        let mut calibrator = Self {
            format_version: FORMAT_VERSION,
            model: model.to_owned(),
            pack: pack.to_owned(),
            temperature: 0.05,
            out_offset: 0.0,
            veto_precision: 1.0,
            assign_from: 1.0,
            out_from: 1.0,
            target_precision: 1.0,
            texts: observations.len(),
        };
        // Two parameters, smooth in both: a grid around the best so far, four times finer each round.
        let mut step = 2.0_f32;
        for _ in 0..6 {
            let (temperature, offset) = (calibrator.temperature, calibrator.out_offset);
            let around = [-1.0, -0.5, 0.0, 0.5, 1.0_f32];
            let grid = around.iter().flat_map(|&one| around.iter().map(move |&other| (one, other)));
            let tried = grid.map(|(one, other)| Self {
                temperature: temperature * (one * step).exp(),
                out_offset: offset + other * step * 0.1,
                ..calibrator.clone()
            });
            let loss = |candidate: &Self| candidate.loss(observations);
            let best = tried.min_by(|one, other| loss(one).total_cmp(&loss(other)));
            if let Some(best) = best.filter(|best| loss(best) < loss(&calibrator)) {
                calibrator = best;
            }
            step /= 2.0;
        }
        calibrator
    }

    fn loss(&self, observations: &[Observation]) -> f32 {
        let loss = |observation: &Observation| {
            let probabilities = self.probabilities(&observation.scores);
            let right: f32 = observation.acceptable.iter().map(|&place| probabilities[place]).sum();
            -right.max(1e-9).ln() * observation.weight
        };
        observations.iter().map(loss).sum()
    }

    /// The probability of each label, summing to one.
    pub fn probabilities(&self, scores: &Array1<f32>) -> Vec<f32> {
        let mut logits = scores.clone();
        if let Some(out) = logits.last_mut() {
            *out += self.out_offset;
        }
        logits /= self.temperature;
        let highest = logits.fold(f32::NEG_INFINITY, |best, value| best.max(*value));
        let exponentials = logits.mapv(|value| (value - highest).exp());
        let sum = exponentials.sum();
        (exponentials / sum).to_vec()
    }

    /// The probability from which a label is given without a person.
    pub fn cut_off(&self, label: Label) -> f32 {
        match label {
            Label::Class(_) => self.assign_from,
            Label::OutOfScope => self.out_from,
        }
    }

    /// Reads `calibration.json`, if it belongs to this model and pack.
    pub fn read(bytes: &[u8], model: &str, pack: &str) -> Option<Self> {
        let read: Self = serde_json::from_slice(bytes).ok()?;
        (read.format_version == FORMAT_VERSION && read.model == model && read.pack == pack).then_some(read)
    }

    /// The content of `calibration.json`.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Hash of the parameters, hexadecimal.
    pub fn hash(&self) -> String {
        crate::hex(&Sha256::digest(self.to_json()))
    }
}

/// The lowest cut-off at and above which the given share of answers is right; one, where none is.
///
/// `answers` are (confidence, right, weight). Neighbouring cut-offs are not judged apart: at least `FEWEST` answers
/// must stand above one.
pub fn cut_off_for(answers: &[(f32, bool, f32)], target: f32) -> f32 {
    const FEWEST: usize = 20;
    let mut sorted = answers.to_vec();
    sorted.sort_by(|one, other| other.0.total_cmp(&one.0));
    let (mut all, mut right, mut best) = (0.0, 0.0, 1.0);
    for (at, (confidence, correct, weight)) in sorted.iter().enumerate() {
        all += weight;
        right += if *correct { *weight } else { 0.0 };
        // Only where the confidence changes: equal ones are accepted or refused together.
        let last = sorted.get(at + 1).is_none_or(|next| next.0 < *confidence);
        if last && at + 1 >= FEWEST && right >= target * all {
            best = *confidence;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn uncalibrated() -> Calibrator {
        Calibrator::fit(&[], "model", "pack")
    }

    #[test]
    fn fitting_finds_the_temperature_that_made_the_labels() {
        // Two labels at a distance of 0.1; the first is right three times in four: 0.1 / T = ln 3.
        let observation = |right: usize| Observation {
            scores: Array1::from(vec![0.6, 0.5, -1.0]),
            acceptable: vec![right],
            weight: 1.0,
        };
        let observations: Vec<_> = [0, 0, 0, 1].into_iter().map(observation).collect();
        let fitted = Calibrator::fit(&observations, "model", "pack");
        let expected = 0.1 / 3_f32.ln();
        assert!((fitted.temperature - expected).abs() < 0.1 * expected, "{}", fitted.temperature);
    }

    #[test]
    fn a_calibration_of_another_model_or_pack_is_not_used() {
        let json = uncalibrated().to_json();
        assert_eq!(Calibrator::read(json.as_bytes(), "model", "pack"), Some(uncalibrated()));
        assert_eq!(Calibrator::read(json.as_bytes(), "other", "pack"), None);
        assert_eq!(Calibrator::read(json.as_bytes(), "model", "other"), None);
        assert_eq!(Calibrator::read(b"{}", "model", "pack"), None);
    }

    #[test]
    fn the_cut_off_is_the_lowest_that_keeps_the_promise() {
        // Right above 0.5, wrong below.
        let answers: Vec<_> = (0..100).map(|at| (at as f32 / 100.0, at >= 50, 1.0)).collect();
        assert_eq!(cut_off_for(&answers, 1.0), 0.5);
        assert!((cut_off_for(&answers, 0.9) - 0.45).abs() < 0.011);
        assert_eq!(cut_off_for(&[(0.9, false, 1.0); 30], 0.9), 1.0);
    }

    proptest! {
        #[test]
        fn probabilities_sum_to_one_and_keep_the_order_of_classes(
            scores in proptest::collection::vec(-1_f32..1.0, 3..40),
        ) {
            let probabilities = uncalibrated().probabilities(&Array1::from(scores.clone()));
            prop_assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-4);
            for (scores, probabilities) in scores.windows(2).zip(probabilities.windows(2)) {
                prop_assert!(scores[0] > scores[1] || probabilities[0] <= probabilities[1]);
            }
        }
    }
}
