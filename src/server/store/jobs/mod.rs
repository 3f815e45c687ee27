//! Uploaded tables, their rows and their texts.

mod results;
mod rows;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde::{Deserialize, Serialize};
use serde_json::json;

pub(crate) use results::{Final, finals};
pub(crate) use rows::{Content, Row, add, answer, fail, groups, last_row, undecided, usual_amount};

use super::super::auth::{Caller, Right};
use super::super::problem::Problem;
use super::{Store, audit, now};
use crate::table::Options;

/// Jobs of a page.
pub(crate) const PAGE: u32 = 50;
/// Rows that are cleared away in one change, so that decisions made meanwhile need not wait.
const SLICE: u32 = 2_000;

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// Nobody has said yet what to read of it.
    Uploaded,
    /// Its rows are being stored, or it waits for its turn.
    Reading,
    /// Its texts are being decided.
    Deciding,
    Done,
    /// It could not go on.
    Failed,
    /// Somebody stopped it.
    Cancelled,
}

impl State {
    const ALL: [Self; 6] = [Self::Uploaded, Self::Reading, Self::Deciding, Self::Done, Self::Failed, Self::Cancelled];

    /// As a person reads it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Uploaded => "待开始",
            Self::Reading => "读取中",
            Self::Deciding => "归类中",
            Self::Done => "已完成",
            Self::Failed => "出错",
            Self::Cancelled => "已取消",
        }
    }

    fn key(self) -> &'static str {
        match self {
            Self::Uploaded => "uploaded",
            Self::Reading => "reading",
            Self::Deciding => "deciding",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the program has yet to do something.
    pub(crate) fn is_at_work(self) -> bool {
        matches!(self, Self::Reading | Self::Deciding)
    }
}

impl ToSql for State {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.key().into())
    }
}

impl FromSql for State {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let text = value.as_str()?;
        Self::ALL.into_iter().find(|state| state.key() == text).ok_or(FromSqlError::InvalidType)
    }
}

/// What is read of a table, and how much of it people look at.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct Plan {
    /// The sheet of a workbook, where one was named.
    pub(crate) sheet: Option<String>,
    /// The row of the headings, where it was named.
    pub(crate) header_row: Option<u64>,
    /// The columns whose texts are joined, the title first.
    pub(crate) columns: Vec<usize>,
    /// The column by which a person knows a row.
    pub(crate) id: Option<usize>,
    /// The column of the amount.
    pub(crate) amount: Option<usize>,
    /// The share of rows that a second person reads without knowing of the first.
    pub(crate) double: f64,
    /// The share of automatic rows that are looked at all the same.
    pub(crate) sampled: f64,
    /// The median amount, by which rows without one are weighed; known when all rows are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) usual_amount: Option<f64>,
}

impl Plan {
    /// How the file is to be read.
    pub(crate) fn options(&self) -> Options {
        Options { format: None, sheet: self.sheet.clone(), header_row: self.header_row }
    }

    fn check(&self, columns: usize) -> Result<(), Problem> {
        let named = self.columns.iter().chain(&self.id).chain(&self.amount);
        let wrong = match () {
            () if self.columns.is_empty() => "请至少选一列作为归类所用的文字",
            () if named.into_iter().any(|&at| at >= columns) => "没有这一列，请重新选择",
            () if self.columns.iter().enumerate().any(|(at, column)| self.columns[..at].contains(column)) => {
                "同一列选了两次"
            }
            () if ![self.double, self.sampled].iter().all(|share| (0.0..=1.0).contains(share)) => {
                "比例应在 0% 与 100% 之间"
            }
            () => return Ok(()),
        };
        Err(Problem::Invalid(wrong.to_owned()))
    }
}

/// Rows of a job by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub(crate) struct Counts {
    /// That are stored.
    pub(crate) read: i64,
    /// For the program to decide.
    pub(crate) waiting: i64,
    pub(crate) empty: i64,
    pub(crate) failed: i64,
    /// Taken without a person, as a class …
    pub(crate) assigned: i64,
    /// … or as 不属于服务外包.
    pub(crate) out: i64,
    /// For people to decide.
    pub(crate) open: i64,
    /// Decided by people.
    pub(crate) settled: i64,
}

/// A job.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub(crate) struct Job {
    pub(crate) id: i64,
    /// Of the uploaded file, as its sender called it.
    pub(crate) name: String,
    pub(crate) owner: String,
    pub(crate) state: State,
    /// The extension by which it is read.
    pub(crate) format: String,
    pub(crate) headings: Vec<String>,
    /// The first rows.
    pub(crate) sample: Vec<Vec<String>>,
    /// What was assumed in reading it and may be wrong.
    pub(crate) notes: Vec<String>,
    pub(crate) plan: Plan,
    /// Rows in the file.
    pub(crate) rows: i64,
    pub(crate) error: Option<String>,
    pub(crate) created: i64,
    pub(crate) finished: Option<i64>,
    pub(crate) counts: Counts,
}

impl Job {
    /// Which share of the rows the program is done with.
    pub(crate) fn share(&self) -> f64 {
        let done = match self.state {
            State::Uploaded => 0,
            State::Done => self.rows,
            _ => self.counts.read - self.counts.waiting,
        };
        (done as f64 / self.rows.max(1) as f64).clamp(0.0, 1.0)
    }
}

const COLUMNS: &str = "id, name, owner, state, format, headings, sample, plan, rows, error, created, finished, notes";

/// A job as the row of a query over [`COLUMNS`].
fn job(connection: &Connection, row: &rusqlite::Row<'_>) -> rusqlite::Result<Job> {
    let id = row.get(0)?;
    Ok(Job {
        id,
        name: row.get(1)?,
        owner: row.get(2)?,
        state: row.get(3)?,
        format: row.get(4)?,
        headings: from_json(row, 5)?,
        sample: from_json(row, 6)?,
        notes: from_json(row, 12)?,
        plan: from_json(row, 7)?,
        rows: row.get(8)?,
        error: row.get(9)?,
        created: row.get(10)?,
        finished: row.get(11)?,
        counts: counts(connection, id)?,
    })
}

fn from_json<T: for<'a> Deserialize<'a>>(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<T> {
    let failed = |error| rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Text, Box::new(error));
    serde_json::from_str(row.get_ref(at)?.as_str()?).map_err(failed)
}

/// JSON as a value to be stored.
fn to_json(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

/// The rows of a job by what became of them.
pub(crate) fn counts(connection: &Connection, job: i64) -> rusqlite::Result<Counts> {
    let mut statement = connection.prepare_cached("SELECT state, outcome, rows FROM tallies WHERE job = ?")?;
    let mut tallies = statement.query([job])?;
    let mut counts = Counts::default();
    while let Some(tally) = tallies.next()? {
        let rows: i64 = tally.get(2)?;
        counts.read += rows;
        let place = match (tally.get_ref(0)?.as_str()?, tally.get_ref(1)?.as_str()?) {
            ("waiting", _) => &mut counts.waiting,
            ("empty", _) => &mut counts.empty,
            ("failed", _) => &mut counts.failed,
            ("automatic", "out_of_scope") => &mut counts.out,
            ("automatic", _) => &mut counts.assigned,
            ("settled", _) => &mut counts.settled,
            _ => &mut counts.open,
        };
        *place += rows;
    }
    Ok(counts)
}

/// The jobs of a page, from 0, the newest first.
pub(crate) fn all(connection: &Connection, page: u32) -> rusqlite::Result<Vec<Job>> {
    let sql = format!("SELECT {COLUMNS} FROM jobs WHERE state <> 'deleted' ORDER BY id DESC LIMIT ? OFFSET ?");
    let mut statement = connection.prepare_cached(&sql)?;
    let offset = i64::from(page) * i64::from(PAGE);
    statement.query_map(params![PAGE, offset], |row| job(connection, row))?.collect()
}

/// How many jobs there are.
pub(crate) fn count(connection: &Connection) -> rusqlite::Result<i64> {
    let sql = "SELECT count(*) FROM jobs WHERE state <> 'deleted'";
    connection.prepare_cached(sql)?.query_row([], |row| row.get(0))
}

/// A job; [`rusqlite::Error::QueryReturnedNoRows`] where there is none.
pub(crate) fn one(connection: &Connection, id: i64) -> rusqlite::Result<Job> {
    let sql = format!("SELECT {COLUMNS} FROM jobs WHERE id = ? AND state <> 'deleted'");
    connection.prepare_cached(&sql)?.query_row([id], |row| job(connection, row))
}

/// The oldest job at which the program has something to do.
pub(crate) fn next(connection: &Connection) -> rusqlite::Result<Option<Job>> {
    let sql = format!("SELECT {COLUMNS} FROM jobs WHERE state IN ('reading', 'deciding') ORDER BY id LIMIT 1");
    connection.prepare_cached(&sql)?.query_row([], |row| job(connection, row)).optional()
}

/// Whether a job still is where its worker believes it to be: nobody has stopped or deleted it meanwhile.
pub(crate) fn is(change: &Transaction<'_>, id: i64, state: State) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM jobs WHERE id = ? AND state = ?)";
    change.prepare_cached(sql)?.query_row(params![id, state], |row| row.get(0))
}

/// What is known of a file that was looked through.
pub(crate) struct New {
    pub(crate) name: String,
    pub(crate) format: &'static str,
    pub(crate) headings: Vec<String>,
    pub(crate) sample: Vec<Vec<String>>,
    pub(crate) notes: Vec<String>,
    pub(crate) plan: Plan,
    pub(crate) rows: u64,
}

/// A new job; its file is still to be stored, with [`add_chunk`].
pub(crate) fn create(change: &Transaction<'_>, by: &str, new: &New) -> rusqlite::Result<i64> {
    let sql = "INSERT INTO jobs (name, owner, state, format, headings, sample, notes, plan, rows, created)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let (headings, sample) = (to_json(&new.headings)?, to_json(&new.sample)?);
    let (notes, plan) = (to_json(&new.notes)?, to_json(&new.plan)?);
    let rows = i64::try_from(new.rows).unwrap_or(i64::MAX);
    let state = State::Uploaded;
    change.execute(sql, params![new.name, by, state, new.format, headings, sample, notes, plan, rows, now()])?;
    let id = change.last_insert_rowid();
    audit::append(change, by, "上传", &subject(id), json!({ "file": new.name, "rows": new.rows }))?;
    Ok(id)
}

/// The next piece of an uploaded file.
pub(crate) fn add_chunk(change: &Transaction<'_>, job: i64, number: u32, bytes: &[u8]) -> rusqlite::Result<()> {
    let sql = "INSERT INTO chunks (job, number, bytes) VALUES (?, ?, ?)";
    change.prepare_cached(sql)?.execute(params![job, number, bytes]).map(drop)
}

/// A piece of an uploaded file; none behind the last.
pub(crate) fn chunk(connection: &Connection, job: i64, number: u32) -> rusqlite::Result<Option<Vec<u8>>> {
    let sql = "SELECT bytes FROM chunks WHERE job = ? AND number = ?";
    connection.prepare_cached(sql)?.query_row([job, i64::from(number)], |row| row.get(0)).optional()
}

/// Lets the program begin.
pub(crate) fn start(change: &Transaction<'_>, by: &str, id: i64, plan: &Plan) -> Result<(), Problem> {
    let job = one(change, id)?;
    if job.state != State::Uploaded {
        return Err(Problem::Conflict("这个任务已经开始".to_owned()));
    }
    plan.check(job.headings.len())?;
    // How the file was looked through is no longer to be chosen.
    let plan = Plan { sheet: job.plan.sheet, header_row: job.plan.header_row, usual_amount: None, ..plan.clone() };
    set_plan(change, id, &plan)?;
    set_state(change, id, State::Reading)?;
    let columns: Vec<&str> = plan.columns.iter().map(|&at| job.headings[at].as_str()).collect();
    let detail = json!({ "columns": columns, "double": plan.double, "sampled": plan.sampled });
    Ok(audit::append(change, by, "开始任务", &subject(id), detail)?)
}

/// Keeps a plan.
pub(crate) fn set_plan(change: &Transaction<'_>, id: i64, plan: &Plan) -> rusqlite::Result<()> {
    change.execute("UPDATE jobs SET plan = ? WHERE id = ?", params![to_json(plan)?, id]).map(drop)
}

/// Takes a job to where it is now.
pub(crate) fn set_state(change: &Transaction<'_>, id: i64, state: State) -> rusqlite::Result<()> {
    let finished = (state == State::Done).then(now);
    let sql = "UPDATE jobs SET state = ?, finished = ?, error = NULL WHERE id = ?";
    change.execute(sql, params![state, finished, id]).map(drop)
}

/// Notes why a job cannot go on.
pub(crate) fn set_failed(change: &Transaction<'_>, id: i64, reason: &str) -> rusqlite::Result<()> {
    let sql = "UPDATE jobs SET state = ?, error = ? WHERE id = ? AND state IN ('reading', 'deciding')";
    change.execute(sql, params![State::Failed, reason, id]).map(drop)
}

/// Stops a job; what is decided stays.
pub(crate) fn cancel(change: &Transaction<'_>, by: &str, id: i64) -> Result<(), Problem> {
    if !one(change, id)?.state.is_at_work() {
        return Err(Problem::Conflict("这个任务没有在进行".to_owned()));
    }
    set_state(change, id, State::Cancelled)?;
    Ok(audit::append(change, by, "取消任务", &subject(id), json!({}))?)
}

/// Lets a job that was stopped, or failed, go on where it was.
pub(crate) fn resume(change: &Transaction<'_>, by: &str, id: i64) -> Result<(), Problem> {
    if !matches!(one(change, id)?.state, State::Cancelled | State::Failed) {
        return Err(Problem::Conflict("这个任务不需要继续".to_owned()));
    }
    set_state(change, id, State::Reading)?;
    Ok(audit::append(change, by, "继续任务", &subject(id), json!({}))?)
}

/// Takes a job out of sight, for whoever uploaded it or manages; [`clear`] is to follow.
pub(crate) fn delete(change: &Transaction<'_>, by: &Caller, id: i64) -> Result<(), Problem> {
    let job = one(change, id)?;
    if job.owner != by.name {
        by.needs(Right::Manage)?;
    }
    change.execute("UPDATE jobs SET state = 'deleted' WHERE id = ?", [id])?;
    Ok(audit::append(change, &by.name, "删除任务", &subject(id), json!({ "file": job.name, "rows": job.rows }))?)
}

/// Clears away what was deleted, in slices.
pub(crate) fn clear(store: &Store) -> Result<(), Problem> {
    const SLICES: [&str; 3] = [
        "DELETE FROM rows WHERE id IN (SELECT id FROM rows WHERE job = ?1 LIMIT ?2)",
        "DELETE FROM texts WHERE id IN (SELECT id FROM texts WHERE job = ?1 LIMIT ?2)",
        "DELETE FROM chunks WHERE job = ?1 AND number IN (SELECT number FROM chunks WHERE job = ?1 LIMIT ?2 / 100)",
    ];
    let deleted = "SELECT id FROM jobs WHERE state = 'deleted' LIMIT 1";
    while let Some(id) = store.read(|connection| connection.query_row(deleted, [], |row| row.get(0)).optional())? {
        let id: i64 = id;
        for slice in SLICES {
            while store.write(|change| Ok(change.prepare_cached(slice)?.execute(params![id, SLICE])?))? > 0 {}
        }
        store.write(|change| Ok(change.execute("DELETE FROM jobs WHERE id = ?", [id])?))?;
    }
    Ok(())
}

/// How the audit log names a job.
pub(crate) fn subject(id: i64) -> String {
    format!("任务 {id}")
}
