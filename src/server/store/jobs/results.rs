//! What became of each row of a job, by the program and by people.

use rusqlite::{Connection, Row, Statement};

/// What became of a row.
pub(crate) struct Final {
    /// In the file.
    pub(crate) number: i64,
    pub(crate) state: String,
    pub(crate) failure: Option<String>,
    /// The program's first label …
    pub(crate) first: Option<String>,
    /// … and how sure it was of it.
    pub(crate) confidence: Option<f64>,
    /// What people decided: a label, or UNCLEAR.
    pub(crate) label: Option<String>,
    /// Who had the last word, when, and what they said of it.
    pub(crate) reader: Option<String>,
    pub(crate) at: Option<i64>,
    pub(crate) comment: Option<String>,
    /// The program's whole answer, as JSON.
    pub(crate) record: Option<String>,
}

/// What became of the rows of a job, in their order; each row of the query is read by [`Final::of`].
pub(crate) fn finals(connection: &Connection) -> rusqlite::Result<Statement<'_>> {
    connection.prepare(
        "SELECT r.number, r.state, r.failure, r.first, r.confidence, r.final, d.reader, d.at, d.comment, t.record
         FROM rows r LEFT JOIN texts t ON t.id = r.text
         LEFT JOIN decisions d ON r.final IS NOT NULL
             AND d.id = (SELECT max(id) FROM decisions WHERE row = r.id AND undone IS NULL)
         WHERE r.job = ? ORDER BY r.number",
    )
}

impl Final {
    pub(crate) fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            number: row.get(0)?,
            state: row.get(1)?,
            failure: row.get(2)?,
            first: row.get(3)?,
            confidence: row.get(4)?,
            label: row.get(5)?,
            reader: row.get(6)?,
            at: row.get(7)?,
            comment: row.get(8)?,
            record: row.get(9)?,
        })
    }
}
