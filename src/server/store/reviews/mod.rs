//! What people decide: the queue, decisions, undoing, second readings, adjudication.
//!
//! The state of a row and its final label follow from its standing decisions alone, those that are not undone. [`decide`]
//! writes and takes back decisions, [`queue`] offers the rows that wait for one, [`history`] tells what was decided.

mod decide;
mod history;
mod queue;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub(crate) use decide::{Done, Reach, Wish, decide, may_decide, undo};
pub(crate) use history::{Bunch, Decided, flagged, latest, list, of_row, today};
pub(crate) use queue::{Group, Item, Queue, WORDINGS, group, hold, item, left, skip, take, waiting};

use crate::code::{Label, ParseCodeError};

/// Decisions of a reader that stay editable.
pub(crate) const EDITABLE: u32 = 20;

/// What a person says of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) enum Verdict {
    /// It is this.
    Label(Label),
    /// 不清楚: the text does not say enough.
    Unclear,
}

/// How 不清楚 is written where labels stand.
pub(crate) const UNCLEAR: &str = "UNCLEAR";

impl Verdict {
    /// The label, where it is one.
    pub(crate) fn label(self) -> Option<Label> {
        match self {
            Self::Label(label) => Some(label),
            Self::Unclear => None,
        }
    }
}

impl FromStr for Verdict {
    type Err = ParseCodeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == UNCLEAR { Ok(Self::Unclear) } else { text.parse().map(Self::Label) }
    }
}

impl TryFrom<String> for Verdict {
    type Error = ParseCodeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Verdict> for String {
    fn from(verdict: Verdict) -> Self {
        verdict.to_string()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Label(label) => label.fmt(f),
            Self::Unclear => f.pad(UNCLEAR),
        }
    }
}

/// What a decision is to its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    First,
    Second,
    Adjudication,
}

impl Kind {
    fn key(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Second => "second",
            Self::Adjudication => "adjudication",
        }
    }
}

/// The state and the final label that follow from the labels of the standing decisions, in their order.
fn follows(double: bool, standing: &[String]) -> (&'static str, Option<&str>) {
    match standing {
        [] => (Queue::Open.key(), None),
        [_] if double => (Queue::Second.key(), None),
        [first, second] if double && first != second => (Queue::Disputed.key(), None),
        [.., last] => ("settled", Some(last)),
    }
}
