//! What became of a row.

use serde::{Deserialize, Serialize};

use super::flat::{COLUMNS, flat, place};
use crate::decision::Outcome;
use crate::record::Record;
use crate::table::Value;

/// What was decided on one row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The cells that are added, under [`COLUMNS`] and under what an output has further.
    pub cells: Vec<Value>,
    /// The record, where the output wants it whole.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub record: Option<String>,
    /// What became of the row; none where there was nothing to decide.
    pub outcome: Option<Outcome>,
    /// Whether the row failed.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub failed: bool,
    /// Whether a person is to look at it although the program is sure.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub sampled: bool,
}

impl Entry {
    /// Of a row in which nothing stands.
    pub fn empty() -> Self {
        Self { cells: vec![Value::Empty; COLUMNS.len()], record: None, outcome: None, failed: false, sampled: false }
    }

    /// Of a row that was decided.
    pub fn decided(record: &Record) -> Self {
        Self { cells: flat(record), outcome: Some(record.outcome), ..Self::empty() }
    }

    /// Of a row that could not be decided, with the reason.
    pub fn failed(reason: &str) -> Self {
        let mut entry = Self { failed: true, ..Self::empty() };
        entry.put("出错原因", Value::from(reason.to_owned()));
        entry
    }

    /// Puts something else under one of [`COLUMNS`].
    pub fn put(&mut self, column: &str, value: Value) {
        self.cells[place(column)] = value;
    }

    /// Whether a person has yet to look.
    pub(super) fn needs_person(&self) -> bool {
        self.failed || self.sampled || self.outcome == Some(Outcome::NeedsReview)
    }

    /// How much memory it takes, about.
    pub(super) fn bytes(&self) -> usize {
        let text = |cell: &Value| if let Value::Text(text) = cell { text.len() } else { 0 };
        let cells = self.cells.iter().map(|cell| size_of::<Value>() + text(cell)).sum::<usize>();
        cells + self.record.as_ref().map_or(0, String::len)
    }
}
