//! What became of a table, in numbers.

use std::collections::BTreeMap;

use super::entry::Entry;
use crate::decision::Outcome;

/// Rows by what became of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// All rows.
    pub rows: u64,
    /// Rows with each outcome.
    pub outcomes: [u64; 3],
    /// Rows that failed.
    pub failed: u64,
    /// Rows without anything in them.
    pub empty: u64,
    /// Assigned rows of each class, by code and name.
    pub codes: BTreeMap<String, u64>,
}

impl Summary {
    /// Counts one row more.
    pub fn add(&mut self, entry: &Entry) {
        self.rows += 1;
        match entry.outcome {
            Some(outcome) => self.outcomes[outcome as usize] += 1,
            None if entry.failed => self.failed += 1,
            None => self.empty += 1,
        }
        if let (Some(Outcome::Assigned), [code, name, ..]) = (entry.outcome, &entry.cells[..]) {
            *self.codes.entry(format!("{} {}", code.to_text(), name.to_text())).or_default() += 1;
        }
    }

    /// Rows with an outcome.
    pub fn of(&self, outcome: Outcome) -> u64 {
        self.outcomes[outcome as usize]
    }
}
