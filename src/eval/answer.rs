//! The answer to one labelled text, as much of it as the figures need.

use crate::classifier::Classifier;
use crate::code::Label;
use crate::decision::{Decision, Outcome};
use crate::pack::Effect;

use super::labelled::{Row, SecondReading, Trial};

/// Characters of a text that are kept to show it among the confused ones.
const EXCERPT: usize = 60;

/// The answer to one labelled text.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The text's id.
    pub id: String,
    /// The acceptable labels, the best first.
    pub gold: Vec<Label>,
    /// What two readers gave it.
    pub second: Option<SecondReading>,
    /// What became of it.
    pub outcome: Outcome,
    /// The first candidates, best first; none for a text that cannot be read.
    pub candidates: Vec<Label>,
    /// The confidence of the first.
    pub confidence: f32,
    /// What each baseline answers.
    pub baselines: Vec<Label>,
    /// The rules that took effect.
    pub fired: Vec<Fired>,
    /// The clause that the text tries.
    pub trial: Option<Trial>,
    /// Characters of the text.
    pub length: usize,
    /// What it is grouped by, as places in [`super::Report::groups`].
    pub groups: Vec<usize>,
    /// The beginning of the text, kept where the answer is wrong.
    pub excerpt: Option<String>,
}

/// A rule that took effect: it vetoed, remarked, or called for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fired {
    /// Its place in the pack.
    pub rule: usize,
    /// Whether it vetoed.
    pub vetoed: bool,
    /// Whether it vetoed an acceptable class.
    pub wrongly: bool,
}

impl Answer {
    /// What the classifier and the baselines make of a text.
    pub(super) fn new(classifier: &Classifier, row: &Row, decision: &Decision, baselines: Vec<Label>) -> Self {
        let gold = row.labelled.labels.clone();
        let candidates: Vec<Label> = decision.candidates.iter().take(3).map(|candidate| candidate.label).collect();
        let is_right = candidates.first().is_some_and(|label| gold.contains(label));
        let fired = decision.rulings.iter().filter_map(|ruling| {
            let moves = matches!(classifier.pack().rules[ruling.rule].effect, Effect::Out | Effect::Redirect(_));
            let vetoed = !ruling.vetoed.is_empty();
            // A veto that is doubted moved nothing.
            (vetoed || !moves).then(|| Fired {
                rule: ruling.rule,
                vetoed,
                wrongly: ruling.vetoed.iter().any(|code| gold.contains(&Label::Class(*code))),
            })
        });
        Self {
            id: row.id.clone(),
            second: row.second.clone(),
            outcome: decision.outcome,
            confidence: decision.top().map_or(0.0, |top| top.confidence.get()),
            baselines,
            fired: fired.collect(),
            trial: row.trial.clone(),
            length: row.labelled.text.chars().count(),
            groups: Vec::new(),
            excerpt: (!is_right).then(|| row.labelled.text.chars().take(EXCERPT).collect()),
            gold,
            candidates,
        }
    }

    /// Whether the first candidate is acceptable.
    pub fn is_right(&self) -> bool {
        self.said().is_right()
    }

    /// What was said.
    pub fn said(&self) -> Said<'_> {
        Said { gold: &self.gold, candidates: &self.candidates, confidence: self.confidence, decided: self.is_decided() }
    }

    /// What a baseline said, which is never sure enough to do without a person.
    pub fn said_by_baseline(&self, place: usize) -> Said<'_> {
        Said {
            candidates: self.baselines.get(place..=place).unwrap_or_default(),
            confidence: 0.0,
            decided: false,
            ..self.said()
        }
    }

    /// Whether no person is asked.
    pub fn is_decided(&self) -> bool {
        self.outcome != Outcome::NeedsReview
    }
}

/// What somebody said of a text, beside what is acceptable.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Said<'a> {
    /// The acceptable labels, the best first.
    pub gold: &'a [Label],
    /// What was said, best first.
    pub candidates: &'a [Label],
    /// How sure the first is.
    pub confidence: f32,
    /// Whether no person is asked.
    pub decided: bool,
}

impl Said<'_> {
    /// Whether the first candidate is acceptable.
    pub fn is_right(&self) -> bool {
        self.is_among_first(1)
    }

    /// Whether an acceptable label stands among the first candidates.
    pub fn is_among_first(&self, count: usize) -> bool {
        self.candidates.iter().take(count).any(|label| self.gold.contains(label))
    }

    /// Whether the first candidate agrees with an acceptable label in its first `length` characters.
    pub fn agrees(&self, length: usize) -> bool {
        let Some(first) = self.candidates.first() else { return false };
        self.gold.iter().any(|gold| match (gold, first) {
            (Label::Class(gold), Label::Class(first)) => gold.as_str()[..length] == first.as_str()[..length],
            (gold, first) => gold == first,
        })
    }

    /// The label that the text counts for: the one that was said where it is acceptable, else the best.
    pub fn counted_as(&self) -> Option<Label> {
        let said = self.candidates.first().filter(|said| self.gold.contains(said));
        said.or(self.gold.first()).copied()
    }
}
