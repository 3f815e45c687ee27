//! What was decided, by whom and when. Of a row that waits for a second, blind reading others are told nothing.

use rusqlite::{Connection, params};
use serde::Serialize;

/// One decision.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub(crate) struct Decided {
    pub(crate) id: i64,
    pub(crate) row: i64,
    pub(crate) job: i64,
    /// The row's number in its file.
    pub(crate) number: i64,
    pub(crate) reader: String,
    /// `first`, `second` or `adjudication`.
    pub(crate) kind: String,
    /// A class code, `OUT` or `UNCLEAR`.
    pub(crate) label: String,
    pub(crate) comment: String,
    pub(crate) flagged: bool,
    /// What the program gave when it was shown, and how sure it was.
    pub(crate) proposed: Option<String>,
    pub(crate) confidence: Option<f64>,
    /// Decisions made by one key.
    pub(crate) bunch: i64,
    pub(crate) at: i64,
    pub(crate) undone: Option<i64>,
}

const COLUMNS: &str = "d.id, d.row, r.job, r.number, d.reader, d.kind, d.label, d.comment, d.flagged, d.proposed,
                       d.confidence, d.bunch, d.at, d.undone";

/// What may be told to the reader `?1`.
const TOLD: &str = "(r.state <> 'second' OR d.reader = ?1)";

fn decided(row: &rusqlite::Row<'_>) -> rusqlite::Result<Decided> {
    Ok(Decided {
        id: row.get(0)?,
        row: row.get(1)?,
        job: row.get(2)?,
        number: row.get(3)?,
        reader: row.get(4)?,
        kind: row.get(5)?,
        label: row.get(6)?,
        comment: row.get(7)?,
        flagged: row.get(8)?,
        proposed: row.get(9)?,
        confidence: row.get(10)?,
        bunch: row.get(11)?,
        at: row.get(12)?,
        undone: row.get(13)?,
    })
}

/// What was decided on a row, in order, as far as it may be told to a reader.
pub(crate) fn of_row(connection: &Connection, reader: &str, row: i64) -> rusqlite::Result<Vec<Decided>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM decisions d JOIN rows r ON r.id = d.row WHERE d.row = ?2 AND {TOLD} ORDER BY d.id"
    );
    connection.prepare_cached(&sql)?.query_map(params![reader, row], decided)?.collect()
}

/// Decisions before one, the newest first.
pub(crate) fn list(
    connection: &Connection,
    reader: &str,
    before: Option<i64>,
    count: u32,
) -> rusqlite::Result<Vec<Decided>> {
    page(connection, "TRUE", reader, before, count)
}

/// Decisions that were flagged, before one, the newest first.
pub(crate) fn flagged(
    connection: &Connection,
    reader: &str,
    before: Option<i64>,
    count: u32,
) -> rusqlite::Result<Vec<Decided>> {
    page(connection, "d.flagged = 1 AND d.undone IS NULL", reader, before, count)
}

fn page(
    connection: &Connection,
    which: &str,
    reader: &str,
    before: Option<i64>,
    count: u32,
) -> rusqlite::Result<Vec<Decided>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM decisions d JOIN rows r ON r.id = d.row
         WHERE {which} AND d.id < ?2 AND {TOLD} ORDER BY d.id DESC LIMIT ?3"
    );
    let before = before.unwrap_or(i64::MAX);
    connection.prepare_cached(&sql)?.query_map(params![reader, before, count], decided)?.collect()
}

/// What a reader decided by one key.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Bunch {
    /// The decision on the row that was read.
    pub(crate) first: Decided,
    /// How many rows it reached.
    pub(crate) rows: u32,
    /// Whether somebody has decided the row after it, so that it can no longer be changed.
    pub(crate) built_on: bool,
}

/// What stands of the last that a reader decided, the newest first.
pub(crate) fn latest(connection: &Connection, reader: &str, count: u32) -> rusqlite::Result<Vec<Bunch>> {
    let sql = format!(
        "SELECT {COLUMNS}, (SELECT count(*) FROM decisions b WHERE b.bunch = d.id),
                EXISTS (SELECT 1 FROM decisions a WHERE a.row = d.row AND a.id > d.id AND a.undone IS NULL)
         FROM (SELECT id FROM decisions WHERE reader = ? AND id = bunch ORDER BY id DESC LIMIT ?) last
         JOIN decisions d ON d.id = last.id JOIN rows r ON r.id = d.row
         WHERE d.undone IS NULL ORDER BY d.id DESC"
    );
    let bunch =
        |row: &rusqlite::Row<'_>| Ok(Bunch { first: decided(row)?, rows: row.get(14)?, built_on: row.get(15)? });
    connection.prepare_cached(&sql)?.query_map(params![reader, count], bunch)?.collect()
}

/// How many rows a reader has decided since a moment.
pub(crate) fn today(connection: &Connection, reader: &str, since: i64) -> rusqlite::Result<i64> {
    let sql = "SELECT count(*) FROM decisions WHERE reader = ? AND at >= ? AND undone IS NULL";
    connection.prepare_cached(sql)?.query_row(params![reader, since], |row| row.get(0))
}
