//! What became of the rows.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::{STEPS, count, step};

/// Rows by what became of them.
#[derive(Debug)]
pub(crate) struct RowCounts {
    /// By state.
    pub(crate) states: BTreeMap<String, u64>,
    /// By the program's outcome, of those that it is done with.
    pub(crate) outcomes: BTreeMap<String, u64>,
    /// Rows that the program is done with …
    pub(crate) decided: u64,
    /// … and of these the ones that needed no person, though one may have looked.
    pub(crate) automatic: u64,
    /// For each job the rows by label: the person's where one decided, else the program's first.
    pub(super) labels: Vec<BTreeMap<String, u64>>,
    /// For each step of confidence the rows that needed no person, and the others.
    pub(super) steps: [[u64; STEPS]; 2],
}

impl Default for RowCounts {
    fn default() -> Self {
        let (states, outcomes) = (BTreeMap::new(), BTreeMap::new());
        Self { states, outcomes, decided: 0, automatic: 0, labels: Vec::new(), steps: [[0; STEPS]; 2] }
    }
}

/// In the order of the index `rows_counted`, whose expression the last column repeats.
pub(super) const SQL: &str = "SELECT state, outcome, sampled, first, final,
           CAST(confidence * 200 + 1e-5 AS INTEGER) AS step, count(*)
    FROM rows WHERE job = ? GROUP BY state, outcome, sampled, first, final, step";

impl RowCounts {
    /// Counts the rows of a further job.
    pub(super) fn add(&mut self, connection: &Connection, job: i64) -> rusqlite::Result<()> {
        let mut labels = BTreeMap::new();
        let mut statement = connection.prepare_cached(SQL)?;
        let mut rows = statement.query([job])?;
        while let Some(row) = rows.next()? {
            let state: String = row.get(0)?;
            let (outcome, sampled): (Option<String>, bool) = (row.get(1)?, row.get(2)?);
            let (first, last): (Option<String>, Option<String>) = (row.get(3)?, row.get(4)?);
            let (step, count) = (step(row.get(5)?), count(row, 6)?);
            let done = !matches!(state.as_str(), "empty" | "failed" | "waiting");
            // Rows are drawn before it is known what becomes of them.
            let automatic = state == "automatic" || sampled && outcome.as_deref() != Some("needs_review");
            *self.states.entry(state).or_default() += count;
            if !done {
                continue;
            }
            self.decided += count;
            self.automatic += if automatic { count } else { 0 };
            if let Some(outcome) = outcome {
                *self.outcomes.entry(outcome).or_default() += count;
            }
            if let Some(label) = last.or(first) {
                *labels.entry(label).or_default() += count;
            }
            if let Some(step) = step {
                self.steps[usize::from(!automatic)][step] += count;
            }
        }
        self.labels.push(labels);
        Ok(())
    }

    /// Rows in a state.
    pub(crate) fn in_state(&self, state: &str) -> u64 {
        self.states.get(state).copied().unwrap_or_default()
    }
}
