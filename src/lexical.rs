//! The lexical signal: logistic regression on hashed character n-grams, learnt from the training texts by
//! `training/lexical.py`. It knows the exact words that the encoder blurs; [`crate::calibration`] fuses the two.

use ndarray::Array1;
use sha2::{Digest, Sha256};

use crate::code::Label;
use crate::text::{GLOSSARY, Normalised, gloss};

/// Buckets that n-grams are hashed into.
pub const BUCKETS: usize = 1 << 15;
/// The longest n-gram, in characters.
const LONGEST: usize = 3;

/// The shipped weights: number of labels (u32); for each label its code in four bytes, scale and intercept (f32); the
/// inverse document frequencies (f32 a bucket); for each label one signed byte a bucket. Little-endian.
static SHIPPED: &[u8] = include_bytes!("../models/lexical/ngrams.bin");

/// A linear classifier over the n-grams of a text.
#[derive(Debug, Clone)]
pub struct Lexical {
    labels: Vec<Label>,
    idf: Vec<f32>,
    /// For each label its scale, its intercept and its weights.
    weights: Vec<(f32, f32, &'static [u8])>,
}

impl Lexical {
    /// The shipped one.
    pub fn embedded() -> Self {
        let (count, mut rest) = SHIPPED.split_at(4);
        let count = u32::from_le_bytes([count[0], count[1], count[2], count[3]]) as usize;
        let mut take = |length: usize| {
            let (head, tail) = rest.split_at(length);
            rest = tail;
            head
        };
        let float = |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let heads: Vec<&[u8]> = (0..count).map(|_| take(12)).collect();
        let idf = take(4 * BUCKETS).chunks(4).map(float).collect();
        let weights = heads.iter().map(|head| (float(&head[4..]), float(&head[8..]), take(BUCKETS))).collect();
        let label = |head: &&[u8]| std::str::from_utf8(&head[..3]).ok().and_then(|text| text.parse().ok());
        Self { labels: heads.iter().filter_map(label).collect(), idf, weights }
    }

    /// Hash of the weights and of the glossary that they were learnt with, hexadecimal.
    pub fn hash() -> String {
        crate::hex(&Sha256::new().chain_update(SHIPPED).chain_update(GLOSSARY).finalize())
    }

    /// The labels that it knows.
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// The natural logarithm of the probability of each of [`Self::labels`].
    pub fn log_probabilities(&self, text: &str) -> Array1<f32> {
        let vector = weighted(text, &self.idf);
        let score = |(scale, intercept, weights): &(f32, f32, &[u8])| {
            let weight = |at: usize| f32::from(i8::from_le_bytes([weights[at]]));
            intercept + scale * vector.iter().map(|(at, value)| value * weight(*at)).sum::<f32>()
        };
        let scores: Array1<f32> = self.weights.iter().map(score).collect();
        let highest = scores.fold(f32::NEG_INFINITY, |best, value| best.max(*value));
        let sum = scores.mapv(|score| (score - highest).exp()).sum();
        scores - highest - sum.ln()
    }

    /// The likeliest label.
    pub fn answer(&self, text: &str) -> Option<Label> {
        let scored = self.labels.iter().zip(self.log_probabilities(text));
        scored.max_by(|one, other| one.1.total_cmp(&other.1)).map(|(label, _)| *label)
    }
}

/// Term frequencies, `1 + ln n`, of the 1- to 3-grams of a text in lower case and glossed, by bucket in ascending order.
pub fn frequencies(text: &str) -> Vec<(usize, f32)> {
    let lower = gloss(Normalised::new(text).text()).to_lowercase();
    let characters: Vec<char> = lower.chars().filter(|character| !character.is_whitespace()).collect();
    let grams = (1..=LONGEST).flat_map(|length| characters.windows(length));
    let mut buckets: Vec<usize> = grams.map(bucket).collect();
    buckets.sort_unstable();
    buckets.chunk_by(|one, other| one == other).map(|run| (run[0], 1.0 + (run.len() as f32).ln())).collect()
}

/// FNV-1a over the UTF-8 of an n-gram (Fowler, Noll, Vo), of which the lowest bits are taken.
fn bucket(gram: &[char]) -> usize {
    let mut hash: u32 = 0x811c_9dc5;
    let mut bytes = [0; 4];
    for character in gram {
        for byte in character.encode_utf8(&mut bytes).bytes() {
            hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
    }
    hash as usize % BUCKETS
}

/// Term frequencies times inverse document frequencies, of length one.
pub fn weighted(text: &str, idf: &[f32]) -> Vec<(usize, f32)> {
    let mut vector: Vec<_> = frequencies(text).into_iter().map(|(at, value)| (at, value * idf[at])).collect();
    let length = vector.iter().map(|(_, value)| value * value).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    vector.iter_mut().for_each(|(_, value)| *value /= length);
    vector
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts with the answers of scikit-learn, written by `training/lexical.py`.
    const REFERENCE: &str = include_str!("../tests/reference/lexical.json");

    #[test]
    fn answers_are_those_of_scikit_learn() {
        let lexical = Lexical::embedded();
        assert_eq!(lexical.labels().len(), 46);
        let reference: Vec<(String, Label, f32)> = serde_json::from_str(REFERENCE).unwrap();
        assert!(reference.len() >= 20);
        for (text, expected, probability) in reference {
            assert_eq!(lexical.answer(&text), Some(expected), "{text}");
            let found = lexical.log_probabilities(&text);
            let highest = found.fold(f32::NEG_INFINITY, |best, value| best.max(*value)).exp();
            assert!((highest - probability).abs() < 1e-3, "{text}: {highest}, not {probability}");
        }
    }

    #[test]
    fn probabilities_sum_to_one_for_any_text() {
        for text in ["", "a", "呼叫中心坐席外包", "𠮷野家"] {
            let sum: f32 = Lexical::embedded().log_probabilities(text).mapv(f32::exp).sum();
            assert!((sum - 1.0).abs() < 1e-4, "{text}: {sum}");
        }
    }
}
