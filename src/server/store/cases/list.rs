//! What the cases are, for people and programs.

use rusqlite::{Connection, params};
use serde::Serialize;

/// A case as people see it.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub(crate) struct Known {
    pub(crate) id: i64,
    pub(crate) text: String,
    /// A class code, or `OUT`.
    pub(crate) label: String,
    pub(crate) comment: String,
    pub(crate) added_by: String,
    pub(crate) added: i64,
    pub(crate) withdrawn_by: Option<String>,
    pub(crate) withdrawn: Option<i64>,
    /// The case with another label that it was withdrawn for.
    pub(crate) replaced_by: Option<i64>,
    /// The row whose decision made it.
    pub(crate) row: Option<i64>,
}

const COLUMNS: &str =
    "c.id, c.text, c.label, c.comment, c.added_by, c.added, c.withdrawn_by, c.withdrawn, c.replaced_by, d.row";
const TABLES: &str = "cases c LEFT JOIN decisions d ON d.id = c.decision";

fn known(row: &rusqlite::Row<'_>) -> rusqlite::Result<Known> {
    Ok(Known {
        id: row.get(0)?,
        text: row.get(1)?,
        label: row.get(2)?,
        comment: row.get(3)?,
        added_by: row.get(4)?,
        added: row.get(5)?,
        withdrawn_by: row.get(6)?,
        withdrawn: row.get(7)?,
        replaced_by: row.get(8)?,
        row: row.get(9)?,
    })
}

/// Cases with an id below one, the newest first, withdrawn ones among them: all, or those that hold some words, have a label
/// or come from a person.
pub(crate) fn list(
    connection: &Connection,
    search: &str,
    before: Option<i64>,
    count: u32,
) -> rusqlite::Result<Vec<Known>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM {TABLES}
         WHERE c.id < ?1 AND (?2 = '' OR instr(lower(c.text), lower(?2)) > 0 OR c.label = upper(?2) OR c.added_by = ?2)
         ORDER BY c.id DESC LIMIT ?3"
    );
    let before = before.unwrap_or(i64::MAX);
    connection.prepare_cached(&sql)?.query_map(params![before, search.trim(), count], known)?.collect()
}

/// How many cases are active, and how many were withdrawn.
pub(crate) fn counts(connection: &Connection) -> rusqlite::Result<(i64, i64)> {
    let sql = "SELECT count(*) FILTER (WHERE withdrawn IS NULL), count(withdrawn) FROM cases";
    connection.prepare_cached(sql)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Shows every active case to a function, the oldest first.
pub(crate) fn each_active(connection: &Connection, mut visit: impl FnMut(&Known)) -> rusqlite::Result<()> {
    let sql = format!("SELECT {COLUMNS} FROM {TABLES} WHERE c.withdrawn IS NULL ORDER BY c.id");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        visit(&known(row)?);
    }
    Ok(())
}

/// Two active cases that say nearly the same and have different labels.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Contradiction {
    pub(crate) one: Known,
    /// The older.
    pub(crate) other: Known,
    pub(crate) similarity: f64,
}

/// The contradictions between active cases, the newest first.
pub(crate) fn contradictions(connection: &Connection, count: u32) -> rusqlite::Result<Vec<Contradiction>> {
    let sql = "SELECT k.one, k.other, k.similarity FROM contradictions k
               JOIN cases a ON a.id = k.one AND a.withdrawn IS NULL
               JOIN cases b ON b.id = k.other AND b.withdrawn IS NULL
               ORDER BY k.one DESC, k.similarity DESC LIMIT ?";
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let pairs: Vec<(i64, i64, f64)> =
        connection.prepare_cached(sql)?.query_map([count], row)?.collect::<rusqlite::Result<_>>()?;
    let case = |id| {
        let sql = format!("SELECT {COLUMNS} FROM {TABLES} WHERE c.id = ?");
        connection.prepare_cached(&sql)?.query_row([id], known)
    };
    pairs
        .into_iter()
        .map(|(one, other, similarity)| Ok(Contradiction { one: case(one)?, other: case(other)?, similarity }))
        .collect()
}

/// The cases that speak against the one that a decision made: those that it contradicts or replaced.
pub(crate) fn against(connection: &Connection, decision: i64) -> rusqlite::Result<Vec<Known>> {
    let made = "cases made ON made.decision = ?1 AND made.withdrawn IS NULL AND made.id";
    let sql = format!(
        "SELECT {COLUMNS} FROM {TABLES} WHERE c.id IN (
             SELECT r.id FROM cases r JOIN {made} = r.replaced_by
             UNION SELECT k.other FROM contradictions k JOIN {made} = k.one
             UNION SELECT k.one FROM contradictions k JOIN {made} = k.other)
         AND (c.withdrawn IS NULL OR c.replaced_by IS NOT NULL) ORDER BY c.id DESC LIMIT 10"
    );
    connection.prepare_cached(&sql)?.query_map([decision], known)?.collect()
}
