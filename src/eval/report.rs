//! What an evaluation finds.

use std::collections::BTreeMap;

use crate::classifier::Classifier;
use crate::code::{Code, Label};
use crate::decision::Outcome;
use crate::error::Result;

use super::labelled::Row;

/// Texts that are decided on together.
const BATCH: usize = 64;
/// Bins of equal width for the expected calibration error.
const BINS: usize = 10;

/// The answer to one labelled text.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The text's id.
    pub id: String,
    /// The acceptable labels.
    pub gold: Vec<Label>,
    /// What became of it.
    pub outcome: Outcome,
    /// The first candidates, best first; none for a text that cannot be read.
    pub candidates: Vec<Label>,
    /// The confidence of the first.
    pub confidence: f32,
}

impl Answer {
    /// Whether the first candidate is acceptable.
    pub fn is_right(&self) -> bool {
        self.candidates.first().is_some_and(|label| self.gold.contains(label))
    }

    fn is_among_first(&self, count: usize) -> bool {
        self.candidates.iter().take(count).any(|label| self.gold.contains(label))
    }

    /// Whether the first candidate agrees with an acceptable label in its first `length` characters.
    fn agrees(&self, length: usize) -> bool {
        let prefix = |label: &Label| label.to_string().chars().take(length).collect::<String>();
        let Some(first) = self.candidates.first() else { return false };
        self.gold.iter().any(|gold| match (gold, first) {
            (Label::OutOfScope, other) | (other, Label::OutOfScope) => gold == other && first == other,
            _ => prefix(gold) == prefix(first),
        })
    }
}

/// Every answer, and the figures over them.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The answers in the order of the rows.
    pub answers: Vec<Answer>,
}

/// Decides on every row.
///
/// # Errors
/// As [`Classifier::classify`].
pub fn evaluate(classifier: &Classifier, rows: &[Row]) -> Result<Report> {
    let mut answers = Vec::with_capacity(rows.len());
    for rows in rows.chunks(BATCH) {
        let texts: Vec<&str> = rows.iter().map(|row| row.labelled.text.as_str()).collect();
        for (row, decision) in rows.iter().zip(classifier.classify_batch(&texts)?) {
            answers.push(Answer {
                id: row.id.clone(),
                gold: row.labelled.labels.clone(),
                outcome: decision.outcome,
                candidates: decision.candidates.iter().take(3).map(|candidate| candidate.label).collect(),
                confidence: decision.top().map_or(0.0, |top| top.confidence.get()),
            });
        }
    }
    Ok(Report { answers })
}

impl Report {
    fn share(&self, wanted: impl Fn(&Answer) -> bool) -> f64 {
        ratio(self.answers.iter().filter(|answer| wanted(answer)).count(), self.answers.len())
    }

    /// The share of rows whose first candidate is acceptable.
    pub fn accuracy(&self) -> f64 {
        self.share(Answer::is_right)
    }

    /// The share of rows with an acceptable label among the first three.
    pub fn top3(&self) -> f64 {
        self.share(|answer| answer.is_among_first(3))
    }

    /// Accuracy at the level of groups (2) or divisions (1).
    pub fn accuracy_at(&self, length: usize) -> f64 {
        self.share(|answer| answer.agrees(length))
    }

    /// The share of each outcome: assigned, out of scope, for a person.
    pub fn outcomes(&self) -> [f64; 3] {
        [Outcome::Assigned, Outcome::OutOfScope, Outcome::NeedsReview]
            .map(|outcome| self.share(|answer| answer.outcome == outcome))
    }

    /// Of what is decided without a person, the share that is right.
    pub fn precision_without_a_person(&self) -> f64 {
        let decided: Vec<_> = self.answers.iter().filter(|answer| answer.outcome != Outcome::NeedsReview).collect();
        ratio(decided.iter().filter(|answer| answer.is_right()).count(), decided.len())
    }

    /// Precision and recall of 不属于服务外包.
    pub fn out_of_scope(&self) -> (f64, f64) {
        let out = Label::OutOfScope;
        let said = |answer: &&Answer| answer.candidates.first() == Some(&out);
        let right = self.answers.iter().filter(said).filter(|answer| answer.gold.contains(&out)).count();
        let gold = self.answers.iter().filter(|answer| answer.gold.first() == Some(&out));
        let (found, all) = gold.fold((0, 0), |(found, all), answer| (found + usize::from(answer.is_right()), all + 1));
        (ratio(right, self.answers.iter().filter(said).count()), ratio(found, all))
    }

    /// The mean over the classes, as first acceptable label, of F1. An acceptable answer counts for the class that it
    /// names.
    pub fn macro_f1(&self) -> f64 {
        let mut counts: BTreeMap<Code, (usize, usize, usize)> = BTreeMap::new();
        for answer in &self.answers {
            let said = answer.candidates.first().copied();
            let gold = said.filter(|said| answer.gold.contains(said)).or(answer.gold.first().copied());
            if let Some(code) = gold.and_then(Label::class) {
                let entry = counts.entry(code).or_default();
                entry.0 += usize::from(answer.is_right());
                entry.1 += 1;
            }
            if let Some(code) = said.and_then(Label::class) {
                counts.entry(code).or_default().2 += 1;
            }
        }
        let f1 = counts.values().map(|&(right, gold, said)| ratio(2 * right, gold + said));
        f1.clone().sum::<f64>() / f1.count().max(1) as f64
    }

    /// The expected calibration error: the mean distance between confidence and share of right answers over ten bins.
    pub fn calibration_error(&self) -> f64 {
        let mut bins = [(0_usize, 0_usize, 0.0_f64); BINS];
        for answer in &self.answers {
            let bin = ((answer.confidence * BINS as f32) as usize).min(BINS - 1);
            bins[bin].0 += 1;
            bins[bin].1 += usize::from(answer.is_right());
            bins[bin].2 += f64::from(answer.confidence);
        }
        let gaps = bins.iter().map(|&(_, right, confidence)| (right as f64 - confidence).abs());
        gaps.sum::<f64>() / self.answers.len().max(1) as f64
    }

    /// A CSV line for each answer, with a header: id, gold, outcome, the first three candidates, confidence, right.
    pub fn to_csv(&self) -> String {
        let join = |labels: &[Label]| labels.iter().map(Label::to_string).collect::<Vec<_>>().join(" ");
        let mut csv = "id,gold,outcome,candidates,confidence,right\n".to_owned();
        for answer in &self.answers {
            let outcome = serde_json::to_string(&answer.outcome).unwrap_or_default();
            csv += &format!(
                "{},{},{},{},{:.3},{}\n",
                answer.id,
                join(&answer.gold),
                outcome.trim_matches('"'),
                join(&answer.candidates),
                answer.confidence,
                u8::from(answer.is_right()),
            );
        }
        csv
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(gold: &[&str], said: &[&str], confidence: f32) -> Answer {
        let labels = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        Answer {
            id: "1".to_owned(),
            gold: labels(gold),
            outcome: Outcome::Assigned,
            candidates: labels(said),
            confidence,
        }
    }

    #[test]
    fn figures_worked_out_by_hand() {
        let report = Report {
            answers: vec![
                answer(&["I11"], &["I11", "I14"], 0.9),
                answer(&["I11", "I21"], &["I21", "OUT"], 0.9),
                answer(&["B23"], &["B22", "B23"], 0.6),
                answer(&["OUT"], &["K22", "I36", "K12"], 0.6),
                answer(&["OUT"], &["OUT"], 0.9),
            ],
        };
        assert_eq!(report.accuracy(), 0.6);
        assert_eq!(report.top3(), 0.8);
        assert_eq!(report.accuracy_at(1), 0.8);
        assert_eq!(report.out_of_scope(), (1.0, 0.5));
        // I11: 1, I21: 1, B23: 0, B22: 0, K22: 0.
        assert_eq!(report.macro_f1(), 0.4);
        // Three right at 0.9 and two wrong at 0.6: (0.3 + 1.2) / 5.
        assert!((report.calibration_error() - 0.3).abs() < 1e-6);
    }
}
