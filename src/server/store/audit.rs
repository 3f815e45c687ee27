//! The audit log: who did what when, append-only, each entry holding the hash of the one before it.
//!
//! The program has no way to change or remove an entry, so all are kept for as long as the data file is.

use rusqlite::types::ToSql;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::now;

/// One entry.
#[derive(Debug, Clone)]
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
    /// Further particulars: JSON, as it was written. It is never parsed and written again, so that its hash holds.
    pub(crate) detail: String,
    pub(crate) previous: Vec<u8>,
    pub(crate) hash: Vec<u8>,
}

impl Entry {
    /// SHA-256 over every field, each with its length, so that no two entries have the same bytes.
    fn seal(&self) -> Vec<u8> {
        let (id, at) = (self.id.to_string(), self.at.to_string());
        let mut hasher = Sha256::new();
        for field in [
            self.previous.as_slice(),
            id.as_bytes(),
            at.as_bytes(),
            self.actor.as_bytes(),
            self.action.as_bytes(),
            self.subject.as_bytes(),
            self.detail.as_bytes(),
        ] {
            hasher.update((field.len() as u64).to_le_bytes());
            hasher.update(field);
        }
        hasher.finalize().to_vec()
    }

    fn of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            at: row.get("at")?,
            actor: row.get("actor")?,
            action: row.get("action")?,
            subject: row.get("subject")?,
            detail: row.get("detail")?,
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
        detail: detail.to_string(),
        previous,
        hash: Vec::new(),
    };
    entry.hash = entry.seal();
    let sql =
        "INSERT INTO audit (id, at, actor, action, subject, detail, previous, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    change.prepare_cached(sql)?.execute(params![
        entry.id,
        entry.at,
        entry.actor,
        entry.action,
        entry.subject,
        entry.detail,
        entry.previous,
        entry.hash
    ])?;
    Ok(())
}

/// What looking through the log found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every entry holds.
    Whole {
        /// How many there are.
        entries: i64,
        /// The hash of the last. Who notes it can tell later whether the log was cut or written anew.
        head: String,
    },
    /// This entry is not the one that was written, or the one before it is missing.
    Broken {
        /// Its number.
        id: i64,
    },
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
            return Ok(Verdict::Broken { id: entries });
        }
        head = entry.hash;
    }
    Ok(Verdict::Whole { entries, head: crate::hex(&head) })
}

/// The entry that had this hash, where it is still there.
pub(crate) fn entry_of(connection: &Connection, hash: &str) -> rusqlite::Result<Option<i64>> {
    connection.query_row("SELECT id FROM audit WHERE hex(hash) = upper(?)", [hash], |row| row.get(0)).optional()
}

/// Which entries are wanted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    pub(crate) actor: Option<String>,
    pub(crate) action: Option<String>,
    /// From this second …
    pub(crate) from: Option<i64>,
    /// … up to but without this one.
    pub(crate) until: Option<i64>,
}

impl Filter {
    /// The conditions, and what stands for their question marks.
    fn sql(&self) -> (String, Vec<&dyn ToSql>) {
        let conditions: [(&str, Option<&dyn ToSql>); 4] = [
            ("actor = ?", self.actor.as_ref().map(|value| value as &dyn ToSql)),
            ("action = ?", self.action.as_ref().map(|value| value as &dyn ToSql)),
            ("at >= ?", self.from.as_ref().map(|value| value as &dyn ToSql)),
            ("at < ?", self.until.as_ref().map(|value| value as &dyn ToSql)),
        ];
        let wanted = conditions.into_iter().filter_map(|(sql, value)| Some((sql, value?)));
        let (sql, values): (Vec<&str>, Vec<&dyn ToSql>) = wanted.unzip();
        (sql.iter().map(|condition| format!(" AND {condition}")).collect(), values)
    }
}

/// The newest of the entries that are wanted, of those before a number.
pub(crate) fn page(
    connection: &Connection,
    filter: &Filter,
    before: i64,
    count: usize,
) -> rusqlite::Result<Vec<Entry>> {
    let (conditions, mut values) = filter.sql();
    let sql = format!("SELECT * FROM audit WHERE id < ?{conditions} ORDER BY id DESC LIMIT {count}");
    values.insert(0, &before);
    connection.prepare_cached(&sql)?.query_map(&values[..], Entry::of)?.collect()
}

/// Gives every entry that is wanted to a function, the oldest first, until it fails.
pub(crate) fn each<E>(
    connection: &Connection,
    filter: &Filter,
    mut use_it: impl FnMut(Entry) -> Result<(), E>,
) -> rusqlite::Result<Result<(), E>> {
    let (conditions, values) = filter.sql();
    let mut statement = connection.prepare(&format!("SELECT * FROM audit WHERE true{conditions} ORDER BY id"))?;
    let mut rows = statement.query(&values[..])?;
    while let Some(row) = rows.next()? {
        if let Err(error) = use_it(Entry::of(row)?) {
            return Ok(Err(error));
        }
    }
    Ok(Ok(()))
}

/// How many entries are wanted.
pub(crate) fn count(connection: &Connection, filter: &Filter) -> rusqlite::Result<u64> {
    let (conditions, values) = filter.sql();
    let sql = format!("SELECT count(*) FROM audit WHERE true{conditions}");
    connection.prepare(&sql)?.query_row(&values[..], |row| row.get::<_, i64>(0)).map(|count| count as u64)
}

/// Every action that there is an entry of, found by stepping along its index.
pub(crate) fn actions(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let sql = "WITH RECURSIVE found (action) AS (
                   SELECT min(action) FROM audit
                   UNION ALL
                   SELECT (SELECT min(action) FROM audit WHERE action > found.action) FROM found
                   WHERE found.action IS NOT NULL)
               SELECT action FROM found WHERE action IS NOT NULL";
    connection.prepare_cached(sql)?.query_map([], |row| row.get(0))?.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::server::store::Store;

    /// A log of five entries, and what may be done to it by somebody who can write the file.
    fn tampered(with: &str) -> (Verdict, Verdict) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.db");
        let store = Store::open(&path).unwrap();
        for at in 0..5 {
            // Keys out of order and a number that could be written otherwise.
            let detail = json!({ "乙": at, "甲": 1e3, "text": "\u{7f}\u{2028}\"" });
            store.write(|change| Ok(append(change, "张三", "决定", &format!("row {at}"), detail)?)).unwrap();
        }
        let before = store.read(verify).unwrap();
        let other = Connection::open(&path).unwrap();
        other.execute_batch("DROP TRIGGER audit_is_not_changed; DROP TRIGGER audit_is_not_cut;").unwrap();
        other.execute_batch(with).unwrap();
        (before, store.read(verify).unwrap())
    }

    #[test]
    fn what_was_written_is_read_again_with_the_same_hash() {
        let (before, after) = tampered("");
        assert!(matches!(&before, Verdict::Whole { entries: 5, .. }));
        assert_eq!(before, after);
    }

    #[test]
    fn the_first_entry_that_does_not_hold_is_named() {
        for (with, id) in [
            ("UPDATE audit SET subject = 'row 9' WHERE id = 3", 3),
            ("UPDATE audit SET detail = '{}' WHERE id = 2", 2),
            ("UPDATE audit SET at = at + 1 WHERE id = 1", 1),
            ("UPDATE audit SET actor = '张三决', action = '定' WHERE id = 4", 4),
            ("DELETE FROM audit WHERE id = 2", 2),
            ("DELETE FROM audit WHERE id = 1", 1),
            ("DELETE FROM audit WHERE id = 3; UPDATE audit SET id = id - 1 WHERE id > 3", 3),
            ("UPDATE audit SET id = 9 WHERE id = 5; ", 5),
        ] {
            assert_eq!(tampered(with).1, Verdict::Broken { id }, "{with}");
        }
    }

    #[test]
    fn a_tail_that_was_cut_is_noticed_by_whoever_noted_the_head() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("a.db")).unwrap();
        let add = || store.write(|change| Ok(append(change, "张三", "决定", "", json!({}))?)).unwrap();
        add();
        add();
        let Verdict::Whole { head, .. } = store.read(verify).unwrap() else { panic!() };
        add();
        assert_eq!(store.read(|look| entry_of(look, &head)).unwrap(), Some(2));
        let other = Connection::open(store.path()).unwrap();
        other.execute_batch("DROP TRIGGER audit_is_not_cut; DELETE FROM audit WHERE id > 1").unwrap();
        assert!(matches!(store.read(verify).unwrap(), Verdict::Whole { entries: 1, .. }));
        assert_eq!(store.read(|look| entry_of(look, &head)).unwrap(), None);
    }

    #[test]
    fn the_program_cannot_change_or_cut_the_log() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("a.db")).unwrap();
        store.write(|change| Ok(append(change, "张三", "决定", "", json!({}))?)).unwrap();
        for change in ["UPDATE audit SET actor = '李四'", "DELETE FROM audit"] {
            assert!(store.write(|transaction| Ok(transaction.execute(change, [])?)).is_err(), "{change}");
        }
    }

    #[test]
    fn entries_are_found_by_who_what_and_when_and_paged() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("a.db")).unwrap();
        for at in 0..10 {
            let (actor, action) = (["张三", "李四"][at % 2], ["决定", "登录", "导出"][at % 3]);
            store.write(|change| Ok(append(change, actor, action, "", json!({}))?)).unwrap();
        }
        let ids = |filter: &Filter, before| -> Vec<i64> {
            store.read(|look| page(look, filter, before, 3)).unwrap().iter().map(|entry| entry.id).collect()
        };
        let all = Filter::default();
        assert_eq!((ids(&all, i64::MAX), ids(&all, 8), ids(&all, 2)), (vec![10, 9, 8], vec![7, 6, 5], vec![1]));
        let one = Filter { actor: Some("张三".to_owned()), ..Filter::default() };
        assert_eq!(ids(&one, 6), [5, 3, 1]);
        let both = Filter { action: Some("登录".to_owned()), ..one };
        assert_eq!(ids(&both, i64::MAX), [5]);
        assert_eq!(ids(&Filter { from: Some(now() + 60), ..Filter::default() }, i64::MAX), [0; 0]);
        assert_eq!(ids(&Filter { until: Some(now() - 60), ..Filter::default() }, i64::MAX), [0; 0]);
        assert_eq!(store.read(actions).unwrap(), ["决定", "导出", "登录"]);
        let mut seen = Vec::new();
        store
            .read(|look| {
                each(look, &all, |entry| {
                    seen.push(entry.id);
                    Ok::<(), ()>(())
                })
            })
            .unwrap()
            .unwrap();
        assert_eq!(seen, (1..=10).collect::<Vec<_>>());
    }
}
