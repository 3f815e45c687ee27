//! How far two people agree who read the same row without seeing each other's label.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::{UNCLEAR, count};
use crate::code::Label;
use crate::eval::{Agreement, agreement};

/// Pairs of labels of the first and the second reader, with how often.
#[derive(Debug, Default)]
pub(crate) struct Readings {
    pub(crate) pairs: BTreeMap<(String, String), u64>,
}

pub(super) const SQL: &str = "SELECT one.label, two.label, count(*)
    FROM rows r CROSS JOIN decisions one ON one.row = r.id CROSS JOIN decisions two ON two.row = r.id
    WHERE r.job = ? AND r.state IN ('disputed', 'settled')
      AND one.kind = 'first' AND one.undone IS NULL AND two.kind = 'second' AND two.undone IS NULL
    GROUP BY one.label, two.label";

impl Readings {
    /// Counts the rows of a further job that two people read.
    pub(super) fn add(&mut self, connection: &Connection, job: i64) -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached(SQL)?;
        let mut rows = statement.query([job])?;
        while let Some(row) = rows.next()? {
            *self.pairs.entry((row.get(0)?, row.get(1)?)).or_default() += count(row, 2)?;
        }
        Ok(())
    }

    /// The agreement over the rows for which both gave a label.
    pub(crate) fn agreement(&self) -> Option<Agreement> {
        let labels = self.pairs.iter().filter_map(|((one, two), count)| {
            let (one, two): (Label, Label) = (one.parse().ok()?, two.parse().ok()?);
            Some(([one], two, *count as usize))
        });
        let labels: Vec<([Label; 1], Label, usize)> = labels.collect();
        let readings = labels.iter().flat_map(|(one, two, count)| std::iter::repeat_n((&one[..], *two), *count));
        agreement(readings)
    }

    /// Rows that one of the two, or both, could not tell.
    pub(crate) fn unclear(&self) -> u64 {
        self.pairs.iter().filter(|((one, two), _)| one == UNCLEAR || two == UNCLEAR).map(|(_, count)| count).sum()
    }
}
