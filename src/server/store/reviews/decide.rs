//! Deciding a row, or a group of near duplicates, and taking it back.

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde_json::json;

use super::super::{audit, cases, now};
use super::queue::{self, LIVING, Queue};
use super::{EDITABLE, Kind, Verdict, follows};
use crate::server::auth::{Caller, Right};
use crate::server::problem::Problem;
use crate::server::shown::moment;

/// What a reader wishes to decide.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) row: i64,
    /// The version of the row that the reader saw.
    pub(crate) version: i64,
    pub(crate) verdict: Verdict,
    pub(crate) comment: String,
    pub(crate) flagged: bool,
    pub(crate) reach: Reach,
    /// The bunch of the reader's own decisions that this one takes the place of, for all its rows.
    pub(crate) instead: Option<i64>,
}

/// What a decision is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The row alone.
    Row,
    /// The row and its near duplicates that are open and read by one person.
    Group,
}

/// What was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Done {
    /// By which it can be undone.
    pub(crate) bunch: i64,
    pub(crate) rows: usize,
}

/// What is needed of a row to decide it.
struct Row {
    id: i64,
    job: i64,
    cluster: Option<i64>,
    state: String,
    double: bool,
    version: i64,
}

/// Decides a row or its group. `material` is what a case of the row's text is made of; without it there is none.
pub(crate) fn decide(
    change: &Transaction<'_>,
    caller: &Caller,
    wish: &Wish,
    material: Option<&cases::Material>,
) -> Result<Done, Problem> {
    let mut row = row(change, wish.row)?;
    if row.version != wish.version {
        return Err(overtaken(change, caller, &row)?);
    }
    let mut rows = match wish.instead {
        Some(bunch) => {
            let rows = take_back(change, caller, bunch)?;
            row = self::row(change, wish.row)?;
            if !rows.contains(&row.id) {
                return Err(Problem::Invalid("要改的判断不是这一行的".to_owned()));
            }
            rows
        }
        None if wish.reach == Reach::Group && !row.double => queue::members(change, row.job, row.cluster)?,
        None => Vec::new(),
    };
    let Some(kind) = kind(change, caller, &row)? else { return Err(refused(change, caller, &row)?) };
    // The row that was read comes first: its text is what becomes a case.
    rows.retain(|other| *other != row.id);
    rows.insert(0, row.id);
    // The id that its first decision will have.
    let bunch = "SELECT ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'decisions'), 0) + 1";
    let bunch: i64 = change.prepare_cached(bunch)?.query_row([], |found| found.get(0))?;
    for id in &rows {
        note(change, caller, wish, kind, *id, bunch)?;
        follow(change, *id)?;
    }
    queue::release(change, caller, row.id)?;
    let now = self::row(change, row.id)?;
    if let (Some(label), Some(material), "settled") = (wish.verdict.label(), material, now.state.as_str()) {
        cases::join(change, material, label, Some(bunch), &caller.name, &wish.comment)?;
    }
    let detail = json!({
        "label": wish.verdict, "kind": kind.key(), "rows": rows.len(), "bunch": bunch, "instead": wish.instead,
        "flagged": wish.flagged,
    });
    audit::append(change, &caller.name, "决定", &format!("行 {}", row.id), detail)?;
    Ok(Done { bunch, rows: rows.len() })
}

/// Takes back a bunch of the caller's own decisions and gives the rows that are open again.
pub(crate) fn undo(change: &Transaction<'_>, caller: &Caller, bunch: i64) -> Result<Vec<i64>, Problem> {
    let rows = take_back(change, caller, bunch)?;
    audit::append(change, &caller.name, "撤回", &format!("判断 {bunch}"), json!({ "rows": rows.len() }))?;
    Ok(rows)
}

fn row(connection: &Connection, id: i64) -> rusqlite::Result<Row> {
    let sql = format!("SELECT id, job, cluster, state, double, version FROM rows r WHERE id = ? AND {LIVING}");
    connection.prepare_cached(&sql)?.query_row([id], |row| {
        Ok(Row {
            id: row.get(0)?,
            job: row.get(1)?,
            cluster: row.get(2)?,
            state: row.get(3)?,
            double: row.get(4)?,
            version: row.get(5)?,
        })
    })
}

/// What a decision of the caller would be to a row; none where the caller may not decide it as it is.
fn kind(connection: &Connection, caller: &Caller, row: &Row) -> rusqlite::Result<Option<Kind>> {
    let reads = "SELECT EXISTS (SELECT 1 FROM decisions WHERE row = ? AND reader = ? AND undone IS NULL)";
    let has_read =
        || connection.prepare_cached(reads)?.query_row(params![row.id, caller.name], |found| found.get::<_, bool>(0));
    Ok(match Queue::parse(&row.state) {
        Some(Queue::Open) => Some(Kind::First),
        Some(Queue::Second) => (!has_read()?).then_some(Kind::Second),
        Some(Queue::Disputed) => (caller.role.may(Right::Manage) || !has_read()?).then_some(Kind::Adjudication),
        None => None,
    })
}

/// Whether the caller may decide a row as it is.
pub(crate) fn may_decide(connection: &Connection, caller: &Caller, id: i64) -> rusqlite::Result<bool> {
    Ok(kind(connection, caller, &row(connection, id)?)?.is_some())
}

/// Why the caller may not decide a row as it is.
fn refused(change: &Transaction<'_>, caller: &Caller, row: &Row) -> rusqlite::Result<Problem> {
    Ok(match row.state.as_str() {
        "second" => Problem::Forbidden("这一行您已读过第一遍，第二遍要由另一个人独立判读".to_owned()),
        "disputed" => Problem::Forbidden("这一行您已判读过，分歧要由第三人或管理员裁定".to_owned()),
        "settled" => overtaken(change, caller, row)?,
        _ => Problem::Invalid("这一行不在复核之列".to_owned()),
    })
}

/// Who was faster. Of a row that is to be read blind, nothing is said of what the other decided.
fn overtaken(change: &Transaction<'_>, caller: &Caller, row: &Row) -> rusqlite::Result<Problem> {
    let sql =
        "SELECT reader, label, at, undone FROM decisions WHERE row = ? ORDER BY coalesce(undone, at) DESC, id DESC";
    let last = change.prepare_cached(sql)?.query_row([row.id], |found| {
        let label: String = found.get(1)?;
        Ok((found.get::<_, String>(0)?, label, found.get::<_, i64>(2)?, found.get::<_, Option<i64>>(3)?))
    });
    Ok(Problem::Conflict(match last.optional()? {
        Some((reader, _, at, _)) if row.state == Queue::Second.key() && reader != caller.name => {
            format!(
                "已由他人于 {} 判过。这一行要两个人独立判读，他人的结论不显示；请重新打开后作第二遍判读",
                moment(at)
            )
        }
        Some((reader, _, _, Some(undone))) => {
            format!("{reader} 于 {} 撤回了对这一行的判断，请重新打开后再判", moment(undone))
        }
        Some((reader, label, at, None)) => format!("已由 {reader} 于 {} 判为 {label}", moment(at)),
        None => "这一行在您查看期间有变化，请重新打开后再判".to_owned(),
    }))
}

fn note(
    change: &Transaction<'_>,
    caller: &Caller,
    wish: &Wish,
    kind: Kind,
    row: i64,
    bunch: i64,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO decisions (row, reader, kind, label, comment, flagged, proposed, confidence, bunch, at)
               SELECT id, ?2, ?3, ?4, ?5, ?6, first, confidence, ?7, ?8 FROM rows WHERE id = ?1";
    let label = wish.verdict.to_string();
    let values = params![row, caller.name, kind.key(), label, wish.comment.trim(), wish.flagged, bunch, now()];
    change.prepare_cached(sql)?.execute(values).map(|_| ())
}

/// Brings a row's state in line with its standing decisions: nothing else writes what people decided into a row.
fn follow(change: &Transaction<'_>, row: i64) -> rusqlite::Result<()> {
    let labels = "SELECT label FROM decisions WHERE row = ? AND undone IS NULL ORDER BY id";
    let standing: Vec<String> =
        change.prepare_cached(labels)?.query_map([row], |found| found.get(0))?.collect::<rusqlite::Result<_>>()?;
    let double: bool =
        change.prepare_cached("SELECT double FROM rows WHERE id = ?")?.query_row([row], |found| found.get(0))?;
    let (state, last) = follows(double, &standing);
    let sql = "UPDATE rows SET state = ?, final = ?, version = version + 1 WHERE id = ?";
    change.prepare_cached(sql)?.execute(params![state, last, row]).map(|_| ())
}

/// Marks a bunch as undone, as long as it is among the caller's last and nobody has built on it.
fn take_back(change: &Transaction<'_>, caller: &Caller, bunch: i64) -> Result<Vec<i64>, Problem> {
    let head = "SELECT reader FROM decisions WHERE id = ? AND id = bunch AND undone IS NULL";
    let reader: Option<String> = change.prepare_cached(head)?.query_row([bunch], |found| found.get(0)).optional()?;
    match reader {
        None => return Err(Problem::Missing("没有这个判断，或已撤回".to_owned())),
        Some(reader) if reader != caller.name => {
            return Err(Problem::Forbidden(format!("这是 {reader} 的判断，只有本人可以撤回")));
        }
        Some(_) => {}
    }
    // Those that were taken back count, or each would bring an older one within reach.
    let later = "SELECT count(*) FROM (SELECT 1 FROM decisions WHERE reader = ? AND id > ? AND id = bunch LIMIT ?)";
    let later: u32 =
        change.prepare_cached(later)?.query_row(params![caller.name, bunch, EDITABLE], |found| found.get(0))?;
    if later >= EDITABLE {
        return Err(Problem::Conflict(format!("只能撤回或更改最近 {EDITABLE} 次判断")));
    }
    let built_on =
        "SELECT EXISTS (SELECT 1 FROM decisions d JOIN decisions after ON after.row = d.row AND after.id > d.id
                    WHERE d.bunch = ? AND after.undone IS NULL)";
    if change.prepare_cached(built_on)?.query_row([bunch], |found| found.get(0))? {
        return Err(Problem::Conflict("已有人在这个判断之后作了第二遍判读或裁定，不能再撤回或更改".to_owned()));
    }
    let members = "SELECT row FROM decisions WHERE bunch = ? ORDER BY id";
    let rows: Vec<i64> =
        change.prepare_cached(members)?.query_map([bunch], |found| found.get(0))?.collect::<rusqlite::Result<_>>()?;
    change.prepare_cached("UPDATE decisions SET undone = ? WHERE bunch = ?")?.execute([now(), bunch])?;
    for row in &rows {
        follow(change, *row)?;
    }
    cases::take_back(change, &caller.name, bunch)?;
    Ok(rows)
}
