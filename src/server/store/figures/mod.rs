//! What the figures are counted from: what became of the rows, and what people decided about them.
//!
//! Everything is counted job by job over indexes in their order, so that a million rows are gone through once and none
//! is sorted. Decisions that were undone do not count.

mod measures;
mod mix;
mod readings;
mod reviewed;
mod rows;
mod work;

use rusqlite::{Connection, params};

pub(crate) use measures::share;
pub(crate) use mix::{By, Span};
pub(crate) use readings::Readings;
pub(crate) use reviewed::{Reviewed, Score};
pub(crate) use rows::RowCounts;
pub(crate) use work::Work;

/// What a person gives who cannot tell.
pub(crate) const UNCLEAR: &str = "UNCLEAR";
/// Confidences are counted in steps of half a per cent, as the index `rows_counted` has them.
pub(crate) const STEPS: usize = 200;

/// Which jobs are counted: one or all, uploaded in a span of time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chosen {
    pub(crate) job: Option<i64>,
    /// From this second …
    pub(crate) from: i64,
    /// … until before this one.
    pub(crate) until: i64,
}

/// An uploaded table.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) created: i64,
}

/// Everything that the figures are made of.
#[derive(Debug)]
pub(crate) struct Figures {
    /// The jobs that are counted, the oldest first.
    pub(crate) jobs: Vec<Job>,
    pub(crate) rows: RowCounts,
    pub(crate) reviewed: Reviewed,
    pub(crate) readings: Readings,
    /// What each reader did each day, the latest day first.
    pub(crate) work: Vec<Work>,
}

/// Counts everything.
pub(crate) fn figures(connection: &Connection, chosen: &Chosen) -> rusqlite::Result<Figures> {
    let jobs = jobs(connection, chosen)?;
    let (mut rows, mut reviewed, mut readings) = (RowCounts::default(), Reviewed::default(), Readings::default());
    let mut keys = work::Keys::default();
    for job in &jobs {
        rows.add(connection, job.id)?;
        reviewed.add(connection, job.id)?;
        readings.add(connection, job.id)?;
        keys.add(connection, job.id)?;
    }
    Ok(Figures { jobs, rows, reviewed, readings, work: keys.work() })
}

/// The jobs that are counted, the oldest first.
fn jobs(connection: &Connection, chosen: &Chosen) -> rusqlite::Result<Vec<Job>> {
    let sql = "SELECT id, name, created FROM jobs
               WHERE (?1 IS NULL OR id = ?1) AND created >= ?2 AND created < ?3 AND state <> 'deleted'
               ORDER BY created, id";
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_map(params![chosen.job, chosen.from, chosen.until], job)?.collect()
}

/// The latest jobs, so many at most, to choose from.
pub(crate) fn latest_jobs(connection: &Connection, most: usize) -> rusqlite::Result<Vec<Job>> {
    let sql = "SELECT id, name, created FROM jobs WHERE state <> 'deleted' ORDER BY id DESC LIMIT ?";
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_map([most as i64], job)?.collect()
}

fn job(row: &rusqlite::Row<'_>) -> rusqlite::Result<Job> {
    Ok(Job { id: row.get(0)?, name: row.get(1)?, created: row.get(2)? })
}

/// A count in a column of a result.
fn count(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get(column).map(i64::unsigned_abs)
}

/// The step of a confidence, as SQL counts it; certainty belongs to the highest.
fn step(number: Option<i64>) -> Option<usize> {
    number.map(|number| usize::try_from(number).unwrap_or(0).min(STEPS - 1))
}

#[cfg(test)]
mod tests;
