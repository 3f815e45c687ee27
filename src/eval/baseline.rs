//! Two baselines, always measured beside the classifier: character n-grams against the official text, which learns
//! nothing, and the lexical signal alone, logistic regression on the same n-grams.

use crate::code::Label;
use crate::lexical::{BUCKETS, Lexical, frequencies, weighted};
use crate::pack::Pack;

/// What the classifier is compared with.
pub struct Baselines {
    official: Vec<(Label, Vec<f32>)>,
    idf: Vec<f32>,
    lexical: Lexical,
}

impl Baselines {
    /// Their Chinese names, in the order of the answers.
    pub const NAMES: [&'static str; 2] = ["字符 TF-IDF 对官方原文（不学习）", "字符 TF-IDF 加逻辑回归（学自标注）"];

    /// Builds the one from a pack's official sentences and takes the shipped other.
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
        Self { official, idf, lexical: Lexical::embedded() }
    }

    /// What each answers.
    pub fn answers(&self, text: &str) -> Vec<Label> {
        let vector = weighted(text, &self.idf);
        let similarity = |other: &[f32]| vector.iter().map(|(at, value)| value * other[*at]).sum::<f32>();
        let nearest = self.official.iter().map(|(label, other)| (*label, similarity(other)));
        let nearest = nearest.max_by(|one, other| one.1.total_cmp(&other.1)).map(|(label, _)| label);
        nearest.into_iter().chain(self.lexical.answer(text)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
