//! The decision: the answer to one text, with its reasons.

use std::ops::Range;

use crate::calibration::Probability;
use crate::code::{Code, Label};
use crate::index::PrototypeKind;
use crate::rules::{RuleReview, Ruling};
use crate::text::{PassageKind, Reading};

/// What becomes of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The first candidate is right often enough to be taken without a person.
    Assigned,
    /// 不属于服务外包, with the same certainty.
    OutOfScope,
    /// A person should look.
    NeedsReview,
}

impl Outcome {
    /// Every outcome, in the order in which they are counted.
    pub const ALL: [Self; 3] = [Self::Assigned, Self::OutOfScope, Self::NeedsReview];

    /// As a person reads it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Assigned => "可采纳",
            Self::OutOfScope => "不属于服务外包",
            Self::NeedsReview => "需人工判断",
        }
    }
}

/// A label with its calibrated confidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// The label.
    pub label: Label,
    /// The confidence.
    pub confidence: Probability,
}

/// A place of the text that speaks for the first candidate, and what it is near to.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// Bytes of the user's text.
    pub range: Range<usize>,
    /// The kind of the passage.
    pub kind: PassageKind,
    /// The id of the prototype: a code, a 典型业务, an exemplar.
    pub prototype: String,
    /// What the prototype is.
    pub prototype_kind: PrototypeKind,
    /// Its text.
    pub text: String,
    /// For an exemplar the rule that it belongs to.
    pub rule: Option<String>,
}

/// Why a person should look.
#[derive(Debug, Clone, PartialEq)]
pub enum ReviewReason {
    /// The text cannot be read.
    Unreadable(Reading),
    /// Part of the text was not read.
    Unread,
    /// Rules call for a person.
    Rules(RuleReview),
    /// The first candidate is not certain enough; these two are the likeliest.
    Ambiguous(Label, Label),
}

/// The answer to one text, with its reasons. Ranges point into the text that the user gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// What becomes of the text.
    pub outcome: Outcome,
    /// Every label, likeliest first; empty for a text that cannot be read.
    pub candidates: Vec<Candidate>,
    /// The rules that fired; triggers are bytes of the user's text.
    pub rulings: Vec<Ruling>,
    /// What speaks for the first candidate.
    pub evidence: Vec<Evidence>,
    /// Why a person should look.
    pub review: Option<ReviewReason>,
}

impl Decision {
    /// The first candidate that is a class, also when a person should look.
    pub fn code(&self) -> Option<Code> {
        self.candidates.iter().find_map(|candidate| candidate.label.class())
    }

    /// The first candidate.
    pub fn top(&self) -> Option<Candidate> {
        self.candidates.first().copied()
    }

    /// By how much the first candidate leads the second.
    pub fn margin(&self) -> f32 {
        match self.candidates.as_slice() {
            [first, second, ..] => first.confidence.get() - second.confidence.get(),
            _ => 0.0,
        }
    }
}
