//! The rows that wait for a person: which comes next, who is looking at it.
//!
//! A reader who looks at an open row holds its whole group, by the group's first row: two readers never have near duplicates
//! before them at the same time. A row that is read a second time, or settled, is held by itself.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde::Serialize;
use serde_json::Value as Json;

use super::super::now;
use crate::server::auth::{Caller, Right};

/// How long a row is held for whoever looks at it, in seconds; the page renews it.
const HELD: i64 = 3 * 60;
/// How long a skipped row comes behind the others, in seconds: as long as a session can be.
const SKIPPED: i64 = 12 * 60 * 60;

/// Wordings of a group that are shown to whoever decides for all of it.
pub(crate) const WORDINGS: u32 = 20;

/// What rows wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Queue {
    /// A first reading.
    Open,
    /// A second, blind reading by somebody else.
    Second,
    /// Somebody who settles what two readers disagree on.
    Disputed,
}

impl Queue {
    pub(crate) const ALL: [Self; 3] = [Self::Open, Self::Second, Self::Disputed];

    /// As the state of a row is kept.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Second => "second",
            Self::Disputed => "disputed",
        }
    }

    /// As a person reads it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Open => "待复核",
            Self::Second => "待二读",
            Self::Disputed => "待裁定",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|queue| queue.key() == text)
    }
}

/// A row as whoever decides it needs it. It tells nothing of what others decided.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub(crate) struct Item {
    pub(crate) id: i64,
    pub(crate) job: i64,
    pub(crate) job_name: String,
    /// Its number in the file.
    pub(crate) number: i64,
    /// What stands beside the text: headings with what stands under them.
    pub(crate) cells: Vec<(String, String)>,
    #[serde(skip)]
    pub(crate) text_id: i64,
    pub(crate) text: String,
    /// The program's answer.
    pub(crate) record: Option<Json>,
    /// Hash of the cases that it was decided with.
    #[serde(skip)]
    pub(crate) cases: Option<String>,
    pub(crate) state: String,
    /// Whether two people read it independently.
    pub(crate) double: bool,
    #[serde(skip)]
    pub(crate) cluster: Option<i64>,
    pub(crate) version: i64,
}

/// One row that has a text.
pub(crate) fn item(connection: &Connection, id: i64) -> rusqlite::Result<Item> {
    let sql =
        "SELECT r.id, r.job, j.name, r.number, r.cells, t.id, t.text, t.record, t.cases, r.state, r.double, r.cluster,
                      r.version
               FROM rows r JOIN jobs j ON j.id = r.job JOIN texts t ON t.id = r.text WHERE r.id = ?";
    connection.prepare_cached(sql)?.query_row([id], |row| {
        let (cells, record): (String, Option<String>) = (row.get(4)?, row.get(7)?);
        Ok(Item {
            id: row.get(0)?,
            job: row.get(1)?,
            job_name: row.get(2)?,
            number: row.get(3)?,
            cells: serde_json::from_str(&cells).unwrap_or_default(),
            text_id: row.get(5)?,
            text: row.get(6)?,
            record: record.and_then(|record| serde_json::from_str(&record).ok()),
            cases: row.get(8)?,
            state: row.get(9)?,
            double: row.get(10)?,
            cluster: row.get(11)?,
            version: row.get(12)?,
        })
    })
}

/// The rows of a group that one decision reaches: open, and read by one person.
pub(super) fn members(connection: &Connection, job: i64, cluster: Option<i64>) -> rusqlite::Result<Vec<i64>> {
    let sql = "SELECT id FROM rows WHERE cluster = ? AND job = ? AND state = 'open' AND NOT double ORDER BY id";
    connection.prepare_cached(sql)?.query_map(params![cluster, job], |row| row.get(0))?.collect()
}

/// What a decision for the whole group of a row would reach.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// How many rows, the row itself included; 1 where there is no group.
    pub(crate) rows: usize,
    /// In what other words these say it, in the order of the table; the first [`WORDINGS`] of them.
    pub(crate) others: Vec<Wording>,
}

/// A text that several rows can have.
#[derive(Debug)]
pub(crate) struct Wording {
    /// The number of the first row.
    pub(crate) number: i64,
    pub(crate) rows: u32,
    pub(crate) text: String,
}

/// The group of a row.
pub(crate) fn group(connection: &Connection, item: &Item) -> rusqlite::Result<Group> {
    if item.double || item.state != Queue::Open.key() {
        return Ok(Group { rows: 1, others: Vec::new() });
    }
    let sql = "SELECT min(r.number), count(*), t.text FROM rows r JOIN texts t ON t.id = r.text
               WHERE r.cluster = ? AND r.job = ? AND r.state = 'open' AND NOT r.double AND r.text != ?
               GROUP BY r.text ORDER BY 1 LIMIT ?";
    let wording = |row: &Row<'_>| Ok(Wording { number: row.get(0)?, rows: row.get(1)?, text: row.get(2)? });
    let mut statement = connection.prepare_cached(sql)?;
    let others = statement.query_map(params![item.cluster, item.job, item.text_id, WORDINGS], wording)?;
    let rows = members(connection, item.job, item.cluster)?.len().max(1);
    Ok(Group { rows, others: others.collect::<rusqlite::Result<_>>()? })
}

/// What the rows of a queue that a reader may have before them have in common; `?1` is the reader, `?2` now.
fn offered(queue: Queue, job: Option<i64>, caller: &Caller) -> String {
    let of_job = job.map(|job| format!("r.job = {job} AND ")).unwrap_or_default();
    let any = queue == Queue::Open || queue == Queue::Disputed && caller.role.may(Right::Manage);
    let unread = if any {
        ""
    } else {
        "AND NOT EXISTS (SELECT 1 FROM decisions d WHERE d.row = r.id AND d.reader = ?1 AND d.undone IS NULL)"
    };
    format!(
        "{of_job}r.state = '{}' AND {LIVING} {unread}
         AND (h.held_by IS NULL OR h.held_by = ?1 OR h.held_until <= ?2)",
        queue.key()
    )
}

/// Rows of a job that is not deleted.
pub(super) const LIVING: &str = "r.job NOT IN (SELECT id FROM jobs WHERE state = 'deleted')";

/// By which row it is held.
const HOLDER: &str = "iif(r.state = 'open', coalesce(r.cluster, r.id), r.id)";

/// The rows of a queue that the reader has not skipped, in the order of the index.
fn fresh(queue: Queue, job: Option<i64>, caller: &Caller) -> String {
    let offered = offered(queue, job, caller);
    let index = if job.is_some() { "rows_queued_of_job" } else { "rows_queued" };
    // The index of some states is only taken for a condition in its own words.
    format!(
        "SELECT r.id FROM rows r INDEXED BY {index} LEFT JOIN rows h ON h.id = {HOLDER}
         WHERE r.state IN ('open', 'second', 'disputed') AND {offered}
         AND NOT EXISTS (SELECT 1 FROM skips s WHERE s.reader = ?1 AND s.row = r.id AND s.at > ?2 - {SKIPPED})
         ORDER BY r.rank DESC, r.cluster, r.id LIMIT ?3"
    )
}

/// The rows that would be offered next, the first first.
pub(crate) fn waiting(
    connection: &Connection,
    caller: &Caller,
    queue: Queue,
    job: Option<i64>,
    count: u32,
) -> rusqlite::Result<Vec<i64>> {
    let fresh = fresh(queue, job, caller);
    let ids = |sql: &str, count: u32| -> rusqlite::Result<Vec<i64>> {
        connection.prepare_cached(sql)?.query_map(params![caller.name, now(), count], |row| row.get(0))?.collect()
    };
    let mut found = ids(&fresh, count)?;
    let missing = count.saturating_sub(u32::try_from(found.len()).unwrap_or(count));
    if missing > 0 {
        let offered = offered(queue, job, caller);
        let skipped = format!(
            "SELECT r.id FROM skips s JOIN rows r ON r.id = s.row LEFT JOIN rows h ON h.id = {HOLDER}
             WHERE s.reader = ?1 AND s.at > ?2 - {SKIPPED} AND {offered} ORDER BY s.at, r.rank DESC, r.id LIMIT ?3"
        );
        found.extend(ids(&skipped, missing)?);
    }
    Ok(found)
}

/// Takes the next row of a queue, and holds it.
pub(crate) fn take(
    change: &Transaction<'_>,
    caller: &Caller,
    queue: Queue,
    job: Option<i64>,
) -> rusqlite::Result<Option<i64>> {
    let next = waiting(change, caller, queue, job, 1)?.pop();
    if let Some(row) = next {
        hold(change, caller, row)?;
    }
    Ok(next)
}

/// Holds a row for whoever looks at it, or goes on holding it; who else holds it, if somebody does.
pub(crate) fn hold(change: &Transaction<'_>, caller: &Caller, row: i64) -> rusqlite::Result<Option<String>> {
    let sql = format!(
        "SELECT h.held_by FROM rows r JOIN rows h ON h.id = {HOLDER}
         WHERE r.id = ? AND h.held_by <> ? AND h.held_until > ?"
    );
    let other = change.prepare_cached(&sql)?.query_row(params![row, caller.name, now()], |found| found.get(0));
    if let Some(other) = other.optional()? {
        return Ok(Some(other));
    }
    let sql = format!(
        "UPDATE rows SET held_by = ?1, held_until = ?2 WHERE id = (SELECT {HOLDER} FROM rows r WHERE r.id = ?3)"
    );
    change.prepare_cached(&sql)?.execute(params![caller.name, now() + HELD, row])?;
    Ok(None)
}

/// Lets others have a row.
pub(super) fn release(change: &Transaction<'_>, caller: &Caller, row: i64) -> rusqlite::Result<()> {
    // By its group or by itself: what was decided on it may have changed which.
    let sql = "UPDATE rows SET held_by = NULL, held_until = 0
               WHERE id IN (?1, (SELECT cluster FROM rows WHERE id = ?1)) AND held_by = ?2";
    change.prepare_cached(sql)?.execute(params![row, caller.name]).map(|_| ())
}

/// Puts a row behind the others for this reader, and lets others have it.
pub(crate) fn skip(change: &Transaction<'_>, caller: &Caller, row: i64) -> rusqlite::Result<()> {
    release(change, caller, row)?;
    change
        .prepare_cached("DELETE FROM skips WHERE reader = ? AND at <= ?")?
        .execute(params![caller.name, now() - SKIPPED])?;
    let last = "SELECT coalesce(max(at), 0) FROM skips WHERE reader = ?";
    let last: i64 = change.prepare_cached(last)?.query_row([&caller.name], |found| found.get(0))?;
    let sql = "INSERT INTO skips (reader, row, at) SELECT ?1, id, ?2 FROM rows WHERE id = ?3
               ON CONFLICT (reader, row) DO UPDATE SET at = excluded.at";
    // Two skipped within a second keep their order.
    change.prepare_cached(sql)?.execute(params![caller.name, now().max(last + 1), row]).map(|_| ())
}

/// How many rows wait in each queue, whoever may decide them.
pub(crate) fn left(connection: &Connection, job: Option<i64>) -> rusqlite::Result<[i64; 3]> {
    let of_job = job.map(|job| format!("r.job = {job} AND ")).unwrap_or_default();
    let sql = format!("SELECT coalesce(sum(r.rows), 0) FROM tallies r WHERE {of_job}r.state = ? AND {LIVING}");
    let mut counts = [0; 3];
    for (count, queue) in counts.iter_mut().zip(Queue::ALL) {
        *count = connection.prepare_cached(&sql)?.query_row([queue.key()], |row| row.get(0))?;
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{caller, store};
    use super::*;

    #[test]
    fn the_next_row_is_found_in_an_index_without_sorting() {
        let (_dir, store) = store();
        for queue in Queue::ALL {
            for (job, index) in [(None, "rows_queued "), (Some(1), "rows_queued_of_job ")] {
                let sql = format!("EXPLAIN QUERY PLAN {}", fresh(queue, job, &caller("张三")));
                let plan = store.read(|store| {
                    let values = params!["张三", now(), 1];
                    store
                        .prepare(&sql)?
                        .query_map(values, |row| row.get::<_, String>(3))?
                        .collect::<Result<Vec<_>, _>>()
                });
                let plan = plan.unwrap().join("\n") + " ";
                assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{plan}");
            }
        }
    }
}
