//! The rows of a job and their texts: stored once, decided once, ranked for people.

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use sha2::{Digest, Sha256};

use super::to_json;
use crate::batch::{Groups, fingerprint};
use crate::decision::Outcome;
use crate::record::Record;

/// Texts that are decided together …
const WINDOW: u32 = 256;
/// … or fewer, where they are longer than this together, in bytes.
const WINDOW_TEXT: usize = 1 << 18;

/// A row of a table that is to be stored.
pub(crate) struct Row {
    /// In the file, as a spreadsheet counts.
    pub(crate) number: i64,
    /// What a reviewer is shown beside the text: headings with what stands under them.
    pub(crate) cells: Vec<(String, String)>,
    pub(crate) content: Content,
    pub(crate) amount: Option<f64>,
    pub(crate) sampled: bool,
    pub(crate) double: bool,
}

/// What there is to decide in a row.
pub(crate) enum Content {
    /// Nothing stands in it.
    Empty,
    /// It cannot be decided, for a reason.
    Failed(String),
    Text(String),
}

/// Stores further rows of a job, each under the group of its near duplicates.
pub(crate) fn add(change: &Transaction<'_>, job: i64, rows: &[Row], groups: &mut Groups<i64>) -> rusqlite::Result<()> {
    let last = "SELECT ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'rows'), 0)";
    let last: i64 = change.prepare_cached(last)?.query_row([], |row| row.get(0))?;
    let mut insert = change.prepare_cached(
        "INSERT INTO rows (id, job, number, cells, text, amount, state, failure, sampled, double, cluster)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    for (id, row) in (last + 1..).zip(rows) {
        let (state, failure, text) = match &row.content {
            Content::Empty => ("empty", None, None),
            Content::Failed(reason) => ("failed", Some(reason), None),
            Content::Text(text) => ("waiting", None, Some(text)),
        };
        let (text, cluster) = match text {
            Some(text) => {
                let fingerprint = fingerprint(text);
                let cluster = groups.first_of(fingerprint).unwrap_or_else(|| {
                    groups.begin(fingerprint, id);
                    id
                });
                (Some(text_id(change, job, text, fingerprint)?), Some(cluster))
            }
            None => (None, None),
        };
        let cells = to_json(&row.cells)?;
        let (sampled, double) = (row.sampled, row.double);
        insert
            .execute(params![id, job, row.number, cells, text, row.amount, state, failure, sampled, double, cluster])?;
    }
    Ok(())
}

/// The id of a text of a job, stored where it is new.
fn text_id(change: &Transaction<'_>, job: i64, text: &str, fingerprint: u64) -> rusqlite::Result<i64> {
    let hash = Sha256::digest(text).to_vec();
    let known = "SELECT id FROM texts WHERE job = ? AND hash = ?";
    let known = change.prepare_cached(known)?.query_row(params![job, hash], |row| row.get(0)).optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    let insert = "INSERT INTO texts (job, hash, text, fingerprint) VALUES (?, ?, ?, ?)";
    change.prepare_cached(insert)?.execute(params![job, hash, text, fingerprint.cast_signed()])?;
    Ok(change.last_insert_rowid())
}

/// The groups of near duplicates among the rows that are stored.
pub(crate) fn groups(connection: &Connection, job: i64) -> rusqlite::Result<Groups<i64>> {
    let sql = "SELECT r.id, t.fingerprint FROM rows r JOIN texts t ON t.id = r.text
               WHERE r.job = ? AND r.cluster = r.id ORDER BY r.id";
    let mut statement = connection.prepare(sql)?;
    let mut groups = Groups::default();
    let mut first = statement.query([job])?;
    while let Some(row) = first.next()? {
        let fingerprint: i64 = row.get(1)?;
        groups.begin(fingerprint.cast_unsigned(), row.get(0)?);
    }
    Ok(groups)
}

/// The number of the last row that is stored; none below 0.
pub(crate) fn last_row(connection: &Connection, job: i64) -> rusqlite::Result<i64> {
    let sql = "SELECT ifnull(max(number), -1) FROM rows WHERE job = ?";
    connection.prepare_cached(sql)?.query_row([job], |row| row.get(0))
}

/// The median amount of a job's rows.
pub(crate) fn usual_amount(connection: &Connection, job: i64) -> rusqlite::Result<Option<f64>> {
    let sql = "SELECT abs(amount) FROM rows WHERE job = ?1 AND amount IS NOT NULL ORDER BY abs(amount) LIMIT 1
               OFFSET (SELECT count(amount) / 2 FROM rows WHERE job = ?1)";
    connection.prepare(sql)?.query_row([job], |row| row.get(0)).optional()
}

/// The next texts of a job, behind one of them, that are still to be decided: their ids and themselves.
pub(crate) fn undecided(connection: &Connection, job: i64, behind: i64) -> rusqlite::Result<Vec<(i64, String)>> {
    let sql = "SELECT id, text FROM texts WHERE job = ? AND record IS NULL AND id > ? ORDER BY id LIMIT ?";
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = statement.query(params![job, behind, WINDOW])?;
    let (mut texts, mut bytes) = (Vec::new(), 0);
    while bytes < WINDOW_TEXT
        && let Some(row) = found.next()?
    {
        let text: String = row.get(1)?;
        bytes += text.len();
        texts.push((row.get(0)?, text));
    }
    Ok(texts)
}

/// Keeps the program's answer to a text, given with these cases, and takes the rows of the text to where they belong. Rows
/// that people have begun to decide stay as they were decided on.
pub(crate) fn answer(
    change: &Transaction<'_>,
    text: i64,
    record: &Record,
    cases: Option<&str>,
) -> rusqlite::Result<()> {
    let sql = "UPDATE texts SET record = ?, cases = ? WHERE id = ?";
    change.prepare_cached(sql)?.execute(params![to_json(record)?, cases, text])?;
    let before = Standing::of(change, text)?;
    let outcome = match record.outcome {
        Outcome::Assigned => "assigned",
        Outcome::OutOfScope => "out_of_scope",
        Outcome::NeedsReview => "needs_review",
    };
    let first = record.candidates.first().map(|first| first.code.as_str());
    let sql = "UPDATE rows SET first = ?1, outcome = ?2, confidence = ?3, failure = NULL,
                   state = CASE WHEN state = 'open' OR ?2 = 'needs_review' OR sampled THEN 'open' ELSE 'automatic' END
               WHERE text = ?4 AND state IN ('waiting', 'failed', 'automatic', 'open')";
    change.prepare_cached(sql)?.execute(params![first, outcome, record.confidence, text])?;
    rank(change, text, &before)
}

/// Notes on the rows of a text why it could not be decided.
pub(crate) fn fail(change: &Transaction<'_>, text: i64, reason: &str) -> rusqlite::Result<()> {
    let sql = "UPDATE rows SET state = 'failed', failure = ? WHERE text = ? AND state IN ('waiting', 'failed')";
    change.prepare_cached(sql)?.execute(params![reason, text]).map(drop)
}

/// How uncertain a row is, times what it is worth.
const WEIGHT: &str = "(1 - r.confidence) * abs(coalesce(r.amount, json_extract(j.plan, '$.usual_amount'), 1))";

/// The rank of a text's rows by themselves, and that of the cluster that they lie in.
struct Standing {
    cluster: Option<i64>,
    own: f64,
    shared: f64,
}

impl Standing {
    fn of(change: &Transaction<'_>, text: i64) -> rusqlite::Result<Self> {
        let sql = format!(
            "SELECT min(r.cluster), ifnull(max({WEIGHT}), 0), ifnull(max(f.rank), 0)
             FROM rows r JOIN jobs j ON j.id = r.job LEFT JOIN rows f ON f.id = r.cluster WHERE r.text = ?"
        );
        let standing =
            |row: &rusqlite::Row<'_>| Ok(Self { cluster: row.get(0)?, own: row.get(1)?, shared: row.get(2)? });
        change.prepare_cached(&sql)?.query_row([text], standing)
    }
}

/// Gives all rows of a text's cluster the highest rank among them. Only where that rank was this text's are the others asked:
/// a cluster may have a hundred thousand rows.
fn rank(change: &Transaction<'_>, text: i64, before: &Standing) -> rusqlite::Result<()> {
    let after = Standing::of(change, text)?;
    let Some(cluster) = after.cluster else { return Ok(()) };
    let highest = if after.own >= before.shared {
        after.own
    } else if before.own < before.shared {
        let sql = "UPDATE rows SET rank = ?1 WHERE text = ?2 AND rank <> ?1";
        return change.prepare_cached(sql)?.execute(params![before.shared, text]).map(drop);
    } else {
        let sql =
            format!("SELECT ifnull(max({WEIGHT}), 0) FROM rows r JOIN jobs j ON j.id = r.job WHERE r.cluster = ?");
        change.prepare_cached(&sql)?.query_row([cluster], |row| row.get(0))?
    };
    let sql = "UPDATE rows SET rank = ?1 WHERE cluster = ?2 AND rank <> ?1";
    change.prepare_cached(sql)?.execute(params![highest, cluster]).map(drop)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::server::store::Store;
    use crate::server::store::jobs::{New, Plan, create};

    fn record(code: &str, outcome: &str, confidence: f64) -> Record {
        let versions = json!({ "program": "", "pack": "", "rules": "", "model": "", "calibration": "" });
        serde_json::from_value(json!({
            "outcome": outcome, "code": code, "name": "", "path": [], "confidence": confidence, "margin": 0.0,
            "candidates": [{ "code": code, "name": "", "confidence": confidence }], "rulings": [], "evidence": [],
            "parts": [], "key_domain": { "edition_2022": null, "edition_2018": null }, "review": null,
            "versions": versions,
        }))
        .unwrap()
    }

    /// A job of rows with these texts and amounts.
    fn job(rows: &[(&str, Option<f64>)]) -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("a.db")).unwrap();
        let plan = Plan { usual_amount: Some(10.0), ..Plan::default() };
        let (name, headings, sample) = ("a.csv".to_owned(), Vec::new(), Vec::new());
        let new = New { name, format: "csv", headings, sample, notes: Vec::new(), plan, rows: rows.len() as u64 };
        let row = |(number, (text, amount)): (i64, &(&str, Option<f64>))| {
            let content = Content::Text((*text).to_owned());
            Row { number, cells: Vec::new(), content, amount: *amount, sampled: number == 4, double: false }
        };
        let rows: Vec<Row> = (1..).zip(rows).map(row).collect();
        let stored = store.write(|change| {
            let id = create(change, "a", &new)?;
            Ok(add(change, id, &rows, &mut Groups::default())?)
        });
        stored.unwrap();
        (dir, store)
    }

    fn answered(store: &Store, answers: &[(i64, Record)]) {
        let kept = store
            .write(|change| Ok(answers.iter().try_for_each(|(text, record)| answer(change, *text, record, None))?));
        kept.unwrap();
    }

    fn found<T: rusqlite::types::FromSql>(store: &Store, column: &str) -> Vec<T> {
        let all = |connection: &Connection| {
            connection
                .prepare(&format!("SELECT {column} FROM rows ORDER BY id"))?
                .query_map([], |row| row.get(0))?
                .collect()
        };
        store.read(all).unwrap()
    }

    #[test]
    fn ids_are_not_given_again() {
        let (_dir, store) = job(&[("客服热线座席", None), ("模拟芯片版图设计", None)]);
        let decision = "INSERT INTO decisions (row, reader, kind, label, comment, bunch, at)
                        SELECT max(id), '张三', 'first', 'B21', '', 1, 0 FROM rows";
        store.write(|change| Ok(change.execute(decision, [])?)).unwrap();
        store.write(|change| Ok(change.execute("DELETE FROM jobs", [])?)).unwrap();
        assert!(found::<i64>(&store, "id").is_empty());
        let plan = Plan::default();
        let (name, headings, sample) = (String::new(), Vec::new(), Vec::new());
        let new = New { name, format: "csv", headings, sample, notes: Vec::new(), plan, rows: 1 };
        let content = Content::Text("客服热线座席".to_owned());
        let row = Row { number: 1, cells: Vec::new(), content, amount: None, sampled: false, double: false };
        let again = store.write(|change| {
            let id = create(change, "a", &new)?;
            add(change, id, &[row], &mut Groups::default())?;
            change.execute(decision, [])?;
            Ok((id, change.last_insert_rowid()))
        });
        assert_eq!(again.unwrap(), (2, 2));
        assert_eq!(found::<i64>(&store, "id"), [3]);
    }

    const LONG: &str =
        "为采购人提供门户网站群的日常运行监控、漏洞修复、内容发布支持与重大活动期间的值守保障服务，服务期一年";

    #[test]
    fn near_duplicates_share_the_highest_rank_also_when_it_falls() {
        let again = format!("{LONG}（二次）");
        let (_dir, store) = job(&[(LONG, Some(100.0)), (&again, None), ("客服热线座席", Some(-20.0))]);
        let ranks = |store: &Store| found::<f64>(store, "rank").iter().map(|rank| rank.round()).collect::<Vec<_>>();
        let sure = |confidence| record("B21", "needs_review", confidence);
        answered(&store, &[(1, sure(0.5)), (2, sure(0.2)), (3, sure(0.5))]);
        assert_eq!(ranks(&store), [50.0, 50.0, 10.0]);
        answered(&store, &[(1, sure(0.99))]);
        assert_eq!(ranks(&store), [8.0, 8.0, 10.0]);
    }

    #[test]
    fn an_answer_takes_rows_where_they_belong_and_leaves_what_people_have_begun() {
        let texts = ["客服热线座席", "模拟芯片版图", "记账报税", "门户网站运维", "语音数据标注", "保安巡逻"];
        let (_dir, store) = job(&texts.map(|text| (text, None)));
        let answers = |outcome: &str| (1..7).map(|text| (text, record("B21", outcome, 0.9))).collect::<Vec<_>>();
        store
            .write(|change| {
                change.execute("UPDATE rows SET state = 'settled', first = 'K11' WHERE number = 5", [])?;
                Ok(fail(change, 6, "算不出")?)
            })
            .unwrap();
        assert_eq!(found::<String>(&store, "state")[5], "failed");
        answered(&store, &answers("assigned"));
        // The fourth is a sample, the sixth is decided after all.
        let states = ["automatic", "automatic", "automatic", "open", "settled", "automatic"];
        assert_eq!(found::<String>(&store, "state"), states);
        assert_eq!(found::<String>(&store, "first"), ["B21", "B21", "B21", "B21", "K11", "B21"]);
        answered(&store, &answers("needs_review"));
        assert_eq!(found::<String>(&store, "state"), ["open", "open", "open", "open", "settled", "open"]);
        // What a person may be looking at is not taken away.
        answered(&store, &answers("assigned"));
        assert_eq!(found::<String>(&store, "state"), ["open", "open", "open", "open", "settled", "open"]);
    }
}
