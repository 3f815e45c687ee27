//! The audit log: who did what when, append-only, each entry holding the hash of the one before it.

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde::Serialize;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::now;

/// One entry.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Entry {
    /// Its number, from 1, without gaps.
    pub(crate) id: i64,
    /// When, in seconds since 1970.
    pub(crate) at: i64,
    /// The user's name; `本机` for the console and for a page without accounts.
    pub(crate) actor: String,
    /// What was done, as a word: `登录`, `决定`, `导出` …
    pub(crate) action: String,
    /// To what.
    pub(crate) subject: String,
    /// Further particulars.
    pub(crate) detail: Json,
    #[serde(skip)]
    previous: Vec<u8>,
    #[serde(serialize_with = "hexadecimal")]
    pub(crate) hash: Vec<u8>,
}

fn hexadecimal<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&crate::hex(bytes))
}

impl Entry {
    /// SHA-256 over every field, each with its length, so that no two entries have the same bytes.
    fn seal(&self) -> Vec<u8> {
        let (id, at, detail) = (self.id.to_string(), self.at.to_string(), self.detail.to_string());
        let mut hasher = Sha256::new();
        let fields: [&[u8]; 7] = [
            &self.previous,
            id.as_bytes(),
            at.as_bytes(),
            self.actor.as_bytes(),
            self.action.as_bytes(),
            self.subject.as_bytes(),
            detail.as_bytes(),
        ];
        for field in fields {
            hasher.update((field.len() as u64).to_le_bytes());
            hasher.update(field);
        }
        hasher.finalize().to_vec()
    }

    pub(crate) fn of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        let detail: String = row.get("detail")?;
        Ok(Self {
            id: row.get("id")?,
            at: row.get("at")?,
            actor: row.get("actor")?,
            action: row.get("action")?,
            subject: row.get("subject")?,
            detail: serde_json::from_str(&detail).unwrap_or(Json::String(detail)),
            previous: row.get("previous")?,
            hash: row.get("hash")?,
        })
    }
}

/// Adds an entry in the same transaction as what it tells of: neither is there without the other.
pub(crate) fn append(
    change: &Transaction<'_>,
    actor: &str,
    action: &str,
    subject: &str,
    detail: Json,
) -> rusqlite::Result<()> {
    let last = "SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1";
    let last = change.prepare_cached(last)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let (id, previous): (i64, Vec<u8>) = last.unwrap_or_default();
    let mut entry = Entry {
        id: id + 1,
        at: now(),
        actor: actor.to_owned(),
        action: action.to_owned(),
        subject: subject.to_owned(),
        detail,
        previous,
        hash: Vec::new(),
    };
    entry.hash = entry.seal();
    change
        .prepare_cached(
            "INSERT INTO audit (id, at, actor, action, subject, detail, previous, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            entry.id,
            entry.at,
            entry.actor,
            entry.action,
            entry.subject,
            entry.detail.to_string(),
            entry.previous,
            entry.hash
        ])?;
    Ok(())
}

/// What looking through the log found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Every entry holds: how many there are, and the hash of the last.
    Whole { entries: i64, head: String },
    /// This entry is not the one that was written, or the one before it is missing.
    Broken { id: i64 },
}

/// Goes through the whole log.
pub(crate) fn verify(connection: &Connection) -> rusqlite::Result<Verdict> {
    let mut statement = connection.prepare("SELECT * FROM audit ORDER BY id")?;
    let mut rows = statement.query([])?;
    let (mut entries, mut head) = (0, Vec::new());
    while let Some(row) = rows.next()? {
        let entry = Entry::of(row)?;
        entries += 1;
        if entry.id != entries || entry.previous != head || entry.hash != entry.seal() {
            return Ok(Verdict::Broken { id: entry.id });
        }
        head = entry.hash;
    }
    Ok(Verdict::Whole { entries, head: crate::hex(&head) })
}
