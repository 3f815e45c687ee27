//! What became of a table, in numbers.

use std::collections::BTreeMap;

use super::entry::Entry;
use super::flat::place;
use crate::decision::Outcome;
use crate::table::Value;

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
    /// Rows with a conclusion that is not the program's, by conclusion.
    pub others: BTreeMap<String, u64>,
    /// Rows of each class that needs nobody any more, by code and name.
    pub codes: BTreeMap<String, u64>,
}

impl Summary {
    /// Counts one row more.
    pub fn add(&mut self, entry: &Entry) {
        self.rows += 1;
        match entry.outcome {
            Some(outcome) => self.outcomes[outcome as usize] += 1,
            None if entry.failed => self.failed += 1,
            None => match &entry.cells[place("结论")] {
                Value::Text(conclusion) => *self.others.entry(conclusion.clone()).or_default() += 1,
                _ => self.empty += 1,
            },
        }
        if let (Some(Outcome::Assigned) | None, [code, name, ..]) = (entry.outcome, &entry.cells[..])
            && !code.is_blank()
        {
            *self.codes.entry(format!("{} {}", code.to_text(), name.to_text())).or_default() += 1;
        }
    }

    /// Rows with an outcome.
    pub fn of(&self, outcome: Outcome) -> u64 {
        self.outcomes[outcome as usize]
    }
}
