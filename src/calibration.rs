//! Calibration: scores become probabilities that can be believed, and cut-offs follow from a target error.
//!
//! Temperature scaling (Guo et al., On Calibration of Modern Neural Networks, 2017) of the similarities, to which the
//! log-probabilities of the lexical signal are added with a weight (a product of experts: Hinton, Training Products of
//! Experts by Minimizing Contrastive Divergence, 2002), and an offset for 不属于服务外包, whose share differs from one
//! archive to the next.

use std::fmt;

use ndarray::Array1;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::code::Label;
use crate::rules::Veto;

/// The version of `calibration.json` that this program reads and writes.
const FORMAT_VERSION: u32 = 3;

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
    /// Hash of the weights of the lexical signal that it was fitted for.
    pub lexical: String,
    /// Similarities are divided by this.
    pub temperature: f32,
    /// Lexical log-probabilities are multiplied by this; zero leaves them out.
    pub lexical_weight: f32,
    /// Added to the similarity of 不属于服务外包.
    pub out_offset: f32,
    /// What a veto of the rules is worth.
    pub veto: Veto,
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
    /// The pair that it is a side of: two texts alike but for the deciding fact.
    pub pair: Option<String>,
}

impl Labelled {
    /// Whether the text belongs to the eighth that training holds out for calibration, by its hash; the two sides of a
    /// pair go together.
    pub fn is_held_out(&self) -> bool {
        Sha256::digest(self.pair.as_ref().unwrap_or(&self.text))[0] % 8 == 0
    }
}

/// What the two signals say of a text: a number for each label, the last for 不属于服务外包.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// Similarity to the prototypes of the label.
    pub similarity: Array1<f32>,
    /// Log-probability of the label by its words.
    pub lexical: Array1<f32>,
}

/// A labelled text ready for fitting: its scores and the places of the acceptable labels.
#[derive(Debug, Clone)]
pub struct Observation {
    /// A score for each label.
    pub scores: Scores,
    /// Places of the acceptable labels.
    pub acceptable: Vec<usize>,
    /// How much it counts.
    pub weight: f32,
}

impl Observation {
    /// How surprising the acceptable labels are (negative log-likelihood), as often as the text counts.
    pub fn loss(&self, probabilities: &[f32]) -> f32 {
        let right: f32 = self.acceptable.iter().map(|&place| probabilities[place]).sum();
        -right.max(1e-9).ln() * self.weight
    }
}

impl Calibrator {
    /// Nothing fitted yet: the similarities alone, and cut-offs of certainty.
    pub fn unfitted(model: &str, pack: &str, lexical: &str) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            model: model.to_owned(),
            pack: pack.to_owned(),
            lexical: lexical.to_owned(),
            temperature: 0.05,
            lexical_weight: 0.0,
            out_offset: 0.0,
            veto: Veto::ABSOLUTE,
            assign_from: 1.0,
            out_from: 1.0,
            target_precision: 1.0,
            texts: 0,
        }
    }

    /// Fits temperature, offset and, where `fuse`, the weight of the lexical signal, by the least negative
    /// log-likelihood.
    #[must_use]
    pub fn fit(mut self, observations: &[Observation], fuse: bool) -> Self {
        self.texts = observations.len();
        self.lexical_weight = if fuse { 0.5 } else { 0.0 };
        let mut least = self.loss(observations);
        // Three parameters, smooth in each: a grid around the best so far, two times finer each round.
        let mut step = 2.0_f32;
        for _ in 0..6 {
            let around = [-1.0, -0.5, 0.0, 0.5, 1.0_f32];
            let weights = if fuse { &around[..] } else { &[0.0] };
            let centre = self.clone();
            for (&one, &other) in around.iter().flat_map(|one| around.iter().map(move |other| (one, other))) {
                for &third in weights {
                    let tried = Self {
                        temperature: centre.temperature * (one * step).exp(),
                        out_offset: centre.out_offset + other * step * 0.1,
                        lexical_weight: f32::max(centre.lexical_weight + third * step * 0.25, 0.0),
                        ..centre.clone()
                    };
                    let loss = tried.loss(observations);
                    if loss < least {
                        (least, self) = (loss, tried);
                    }
                }
            }
            step /= 2.0;
        }
        self
    }

    fn loss(&self, observations: &[Observation]) -> f32 {
        observations.iter().map(|observation| observation.loss(&self.probabilities(&observation.scores))).sum()
    }

    /// The probability of each label, summing to one.
    pub fn probabilities(&self, scores: &Scores) -> Vec<f32> {
        let mut logits = scores.similarity.clone();
        if let Some(out) = logits.last_mut() {
            *out += self.out_offset;
        }
        logits /= self.temperature;
        logits.scaled_add(self.lexical_weight, &scores.lexical);
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

    /// Reads `calibration.json`, if it belongs to the same model, pack and lexical weights as `unfitted`.
    pub fn read(bytes: &[u8], unfitted: &Self) -> Option<Self> {
        let read: Self = serde_json::from_slice(bytes).ok()?;
        let belongs = |one: &Self| (one.format_version, one.model.clone(), one.pack.clone(), one.lexical.clone());
        (belongs(&read) == belongs(unfitted)).then_some(read)
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

    fn unfitted() -> Calibrator {
        Calibrator::unfitted("model", "pack", "lexical")
    }

    /// Scores of which the similarities tell, and the words do not.
    fn similarities(values: &[f32]) -> Scores {
        let lexical = Array1::from_elem(values.len(), -(values.len() as f32).ln());
        Scores { similarity: Array1::from(values.to_vec()), lexical }
    }

    #[test]
    fn fitting_finds_the_temperature_that_made_the_labels() {
        // Two labels at a distance of 0.1; the first is right three times in four: 0.1 / T = ln 3.
        let observation = |right: usize| Observation {
            scores: similarities(&[0.6, 0.5, -1.0]),
            acceptable: vec![right],
            weight: 1.0,
        };
        let observations: Vec<_> = [0, 0, 0, 1].into_iter().map(observation).collect();
        let fitted = unfitted().fit(&observations, true);
        let expected = 0.1 / 3_f32.ln();
        assert!((fitted.temperature - expected).abs() < 0.1 * expected, "{}", fitted.temperature);
    }

    #[test]
    fn fitting_trusts_the_signal_that_tells_and_can_leave_the_words_out() {
        // The similarities say nothing; the words are right three times in four.
        let lexical = Array1::from(vec![0.75_f32.ln(), 0.25_f32.ln()]);
        let observation = |right: usize| Observation {
            scores: Scores { similarity: Array1::from(vec![0.3, 0.3]), lexical: lexical.clone() },
            acceptable: vec![right],
            weight: 1.0,
        };
        let observations: Vec<_> = [0, 0, 0, 1].into_iter().map(observation).collect();
        let fused = unfitted().fit(&observations, true);
        assert!((fused.probabilities(&observations[0].scores)[0] - 0.75).abs() < 0.01, "{fused:?}");
        assert_eq!(unfitted().fit(&observations, false).lexical_weight, 0.0);
    }

    #[test]
    fn a_calibration_of_another_model_or_pack_is_not_used() {
        let json = unfitted().to_json();
        let read = |model, pack, lexical| {
            Calibrator::read(json.as_bytes(), &Calibrator::unfitted(model, pack, lexical)).is_some()
        };
        assert!(read("model", "pack", "lexical"));
        assert!(!read("other", "pack", "lexical") && !read("model", "other", "lexical"));
        assert!(!read("model", "pack", "other"));
        assert_eq!(Calibrator::read(b"{}", &unfitted()), None);
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
            let probabilities = unfitted().probabilities(&similarities(&scores));
            prop_assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-4);
            for (scores, probabilities) in scores.windows(2).zip(probabilities.windows(2)) {
                prop_assert!(scores[0] > scores[1] || probabilities[0] <= probabilities[1]);
            }
        }
    }
}
