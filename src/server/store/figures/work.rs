//! What people did, day by day.

use std::collections::BTreeMap;

use rusqlite::Connection;

/// Seconds between two decisions from which on the reader was not at it.
const PAUSE: i64 = 600;

/// What a reader did on a day.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Work {
    /// By the calendar of this place: `2026-03-31`.
    pub(crate) day: String,
    pub(crate) reader: String,
    /// Rows that were decided.
    pub(crate) rows: u64,
    /// Decisions that were made for them: one for a group of near duplicates.
    pub(crate) decisions: u64,
    /// The median of the seconds from one decision to the next, pauses left out.
    pub(crate) seconds: Option<f64>,
}

/// Decisions as they were made: id, reader, the id of the first that was made with the same key, second, day.
#[derive(Debug, Default)]
pub(super) struct Keys(Vec<(i64, String, i64, i64, String)>);

pub(super) const SQL: &str = "SELECT d.id, d.reader, d.bunch, d.at, date(d.at, 'unixepoch', 'localtime')
    FROM rows r CROSS JOIN decisions d ON d.row = r.id
    WHERE r.job = ? AND r.state IN ('second', 'disputed', 'settled') AND d.undone IS NULL";

impl Keys {
    /// Reads the decisions about a further job.
    pub(super) fn add(&mut self, connection: &Connection, job: i64) -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached(SQL)?;
        let mut rows = statement.query([job])?;
        while let Some(row) = rows.next()? {
            self.0.push((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?));
        }
        Ok(())
    }

    /// The work of each reader on each day, the latest day first.
    pub(super) fn work(mut self) -> Vec<Work> {
        self.0.sort_unstable();
        let mut last: BTreeMap<String, (i64, i64)> = BTreeMap::new();
        let mut days: BTreeMap<(String, String), (u64, u64, Vec<i64>)> = BTreeMap::new();
        for (_, reader, bunch, at, day) in self.0 {
            let (rows, decisions, gaps) = days.entry((day, reader.clone())).or_default();
            *rows += 1;
            match last.insert(reader, (bunch, at)) {
                Some((before, _)) if before == bunch => continue,
                Some((_, before)) if (0..PAUSE).contains(&(at - before)) => gaps.push(at - before),
                _ => {}
            }
            *decisions += 1;
        }
        let work = days.into_iter().rev().map(|((day, reader), (rows, decisions, gaps))| Work {
            day,
            reader,
            rows,
            decisions,
            seconds: median(gaps),
        });
        work.collect()
    }
}

fn median(mut values: Vec<i64>) -> Option<f64> {
    values.sort_unstable();
    let middle = values.len() / 2;
    let upper = *values.get(middle)? as f64;
    Some(if values.len() % 2 == 1 { upper } else { (values[middle - 1] as f64 + upper) / 2.0 })
}
