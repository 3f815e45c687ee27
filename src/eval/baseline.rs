//! Two baselines, always measured beside the classifier: character n-grams against the official text, which learns
//! nothing, and logistic regression on the same n-grams, learnt from the training texts by `training/baseline.py`.

use crate::code::Label;
use crate::pack::Pack;
use crate::text::Normalised;

/// Buckets that n-grams are hashed into.
const BUCKETS: usize = 1 << 15;
/// The longest n-gram, in characters.
const LONGEST: usize = 3;

/// Weights of the learnt baseline: labels, inverse document frequencies, and for each label scale, intercept and one byte
/// a bucket.
static LEARNT: &[u8] = include_bytes!("../../models/baseline/tfidf-lr.bin");

/// Term frequencies, `1 + ln n`, of the 1- to 3-grams of a text in lower case, by bucket in ascending order.
fn frequencies(text: &str) -> Vec<(usize, f32)> {
    let lower = Normalised::new(text).text().to_lowercase();
    let characters: Vec<char> = lower.chars().filter(|character| !character.is_whitespace()).collect();
    let grams = (1..=LONGEST).flat_map(|length| characters.windows(length));
    let mut buckets: Vec<usize> = grams.map(bucket).collect();
    buckets.sort_unstable();
    buckets.chunk_by(|one, other| one == other).map(|run| (run[0], 1.0 + (run.len() as f32).ln())).collect()
}

/// FNV-1a over the UTF-8 of an n-gram (Fowler, Noll, Vo), of which the lowest 15 bits are taken.
fn bucket(gram: &[char]) -> usize {
    let mut hash: u32 = 0x811c_9dc5;
    for byte in gram.iter().collect::<String>().bytes() {
        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    hash as usize % BUCKETS
}

/// Term frequencies times inverse document frequencies, of length one.
fn weighted(text: &str, idf: &[f32]) -> Vec<(usize, f32)> {
    let mut vector: Vec<_> = frequencies(text).into_iter().map(|(at, value)| (at, value * idf[at])).collect();
    let length = vector.iter().map(|(_, value)| value * value).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    vector.iter_mut().for_each(|(_, value)| *value /= length);
    vector
}

/// What the classifier is compared with.
pub struct Baselines {
    official: Vec<(Label, Vec<f32>)>,
    idf: Vec<f32>,
    learnt: Learnt,
}

struct Learnt {
    labels: Vec<Label>,
    idf: Vec<f32>,
    /// For each label its scale, its intercept and its weights.
    weights: Vec<(f32, f32, &'static [u8])>,
}

impl Baselines {
    /// Their Chinese names, in the order of the answers.
    pub const NAMES: [&'static str; 2] = ["字符 TF-IDF 对官方原文（不学习）", "字符 TF-IDF 加逻辑回归（学自标注）"];

    /// Builds the one from a pack's official sentences and unpacks the other.
    pub fn new(pack: &Pack) -> Self {
        let mut sentences = Vec::new();
        for item in pack.classes() {
            let label = Label::Class(item.code);
            sentences.push((label, format!("{}。{}", item.name, item.definition)));
            let inclusions = item.inclusions.iter().map(|inclusion| format!("{}，{}", inclusion.name, inclusion.text));
            sentences.extend(inclusions.map(|text| (label, text)));
        }
        let mut counts = vec![0.0_f32; BUCKETS];
        for (_, text) in &sentences {
            frequencies(text).into_iter().for_each(|(at, _)| counts[at] += 1.0);
        }
        let n = sentences.len() as f32;
        let idf: Vec<f32> = counts.iter().map(|count| ((1.0 + n) / (1.0 + count)).ln() + 1.0).collect();
        let dense = |text: &str| {
            let mut vector = vec![0.0; BUCKETS];
            weighted(text, &idf).into_iter().for_each(|(at, value)| vector[at] = value);
            vector
        };
        let official = sentences.iter().map(|(label, text)| (*label, dense(text))).collect();
        Self { official, idf, learnt: Learnt::unpack(LEARNT) }
    }

    /// What each answers.
    pub fn answers(&self, text: &str) -> Vec<Label> {
        let vector = weighted(text, &self.idf);
        let similarity = |other: &[f32]| vector.iter().map(|(at, value)| value * other[*at]).sum::<f32>();
        let nearest = self.official.iter().map(|(label, other)| (*label, similarity(other)));
        let nearest = nearest.max_by(|one, other| one.1.total_cmp(&other.1)).map(|(label, _)| label);
        nearest.into_iter().chain(self.learnt.answer(text)).collect()
    }
}

impl Learnt {
    /// The file: number of labels (u32); for each label its code in four bytes, scale and intercept (f32); the inverse
    /// document frequencies (f32 a bucket); for each label one signed byte a bucket. Little-endian.
    fn unpack(bytes: &'static [u8]) -> Self {
        let (count, mut rest) = bytes.split_at(4);
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

    fn answer(&self, text: &str) -> Option<Label> {
        let vector = weighted(text, &self.idf);
        let score = |(scale, intercept, weights): &(f32, f32, &[u8])| {
            let weight = |at: usize| f32::from(i8::from_le_bytes([weights[at]]));
            intercept + scale * vector.iter().map(|(at, value)| value * weight(*at)).sum::<f32>()
        };
        let scored = self.labels.iter().zip(self.weights.iter().map(score));
        scored.max_by(|one, other| one.1.total_cmp(&other.1)).map(|(label, _)| *label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts with the answers of scikit-learn, written by `training/baseline.py`.
    const REFERENCE: &str = include_str!("../../tests/reference/baseline.json");

    #[test]
    fn the_learnt_baseline_answers_as_scikit_learn_does() {
        let learnt = Learnt::unpack(LEARNT);
        assert_eq!(learnt.labels.len(), 46);
        let reference: Vec<(String, Label)> = serde_json::from_str(REFERENCE).unwrap();
        assert!(reference.len() >= 20);
        for (text, expected) in reference {
            assert_eq!(learnt.answer(&text), Some(expected), "{text}");
        }
    }

    #[test]
    fn an_official_sentence_is_nearest_to_itself() {
        let pack = Pack::embedded().unwrap();
        let baselines = Baselines::new(&pack);
        for item in pack.classes() {
            let said = baselines.answers(&format!("{}。{}", item.name, item.definition));
            assert_eq!(said[0], Label::Class(item.code));
        }
    }
}
