//! The cases: decided texts that others are compared with. Of the same text there is one at a time.

mod list;
mod loaded;

use rusqlite::{OptionalExtension, Transaction, params};
use serde_json::json;
use sha2::{Digest, Sha256};

pub(crate) use list::{Contradiction, Known, against, contradictions, counts, each_active, list};
pub(crate) use loaded::{Loaded, Near, load, near, refresh};

use super::{audit, now};
use crate::classifier::Classifier;
use crate::code::Label;
use crate::encoder::Embedding;
use crate::error::Result;
use crate::server::auth::{Caller, Right};
use crate::server::problem::Problem;

/// What a case is made of. The embeddings take a while, so this is made before anything is written.
#[derive(Debug, Clone)]
pub(crate) struct Material {
    text: String,
    hash: Vec<u8>,
    pub(crate) passages: Vec<(String, Embedding)>,
    model: String,
}

impl Material {
    /// Out of a text.
    pub(crate) fn of(classifier: &Classifier, text: &str) -> Result<Self> {
        Ok(Self {
            text: text.to_owned(),
            hash: Sha256::digest(text).to_vec(),
            passages: classifier.telling(text)?,
            model: classifier.encoder().hash().to_owned(),
        })
    }
}

/// A case that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Joined {
    pub(crate) id: i64,
    /// The case of the same text with another label that was withdrawn for it.
    pub(crate) replaced: Option<i64>,
}

/// Makes a case of a decided text, unless there is one with the same label; one with another is withdrawn.
pub(crate) fn join(
    change: &Transaction<'_>,
    material: &Material,
    label: Label,
    decision: Option<i64>,
    by: &str,
    comment: &str,
) -> Result<Option<Joined>, Problem> {
    let sql = "SELECT id, label FROM cases WHERE hash = ? AND withdrawn IS NULL";
    let known = change
        .prepare_cached(sql)?
        .query_row([&material.hash], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)));
    let known = known.optional()?;
    if known.as_ref().is_some_and(|(_, known)| *known == label.to_string()) {
        return Ok(None);
    }
    let replaced = known.map(|(id, _)| id);
    if let Some(replaced) = replaced {
        mark_withdrawn(change, replaced, by)?;
    }
    let sql = "INSERT INTO cases (text, hash, label, passages, model, decision, comment, added_by, added)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let passages = serde_json::to_string(&material.passages)?;
    let (text, hash, model) = (&material.text, &material.hash, &material.model);
    let values = params![text, hash, label.to_string(), passages, model, decision, comment.trim(), by, now()];
    change.prepare_cached(sql)?.execute(values)?;
    let id = change.last_insert_rowid();
    if let Some(replaced) = replaced {
        change.prepare_cached("UPDATE cases SET replaced_by = ? WHERE id = ?")?.execute([id, replaced])?;
    }
    let detail = json!({ "label": label, "decision": decision, "replaces": replaced });
    audit::append(change, by, "加入案例", &format!("案例 {id}"), detail)?;
    Ok(Some(Joined { id, replaced }))
}

/// Adds a case by hand. One of the same text with another label gives way only to whoever may withdraw it.
pub(crate) fn add(
    change: &Transaction<'_>,
    material: &Material,
    label: Label,
    caller: &Caller,
    comment: &str,
) -> Result<Option<Joined>, Problem> {
    let sql = "SELECT id, label, added_by FROM cases WHERE hash = ? AND label <> ? AND withdrawn IS NULL";
    let other = change.prepare_cached(sql)?.query_row(params![material.hash, label.to_string()], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
    });
    if let Some((id, label, owner)) = other.optional()?
        && owner != caller.name
        && !caller.role.may(Right::Manage)
    {
        let problem = format!("同样的文字已是案例 {id}（{label}，{owner}）。只有本人或管理员可以改换，请与其核对");
        return Err(Problem::Conflict(problem));
    }
    join(change, material, label, None, &caller.name, comment)
}

/// Withdraws a case: the caller's own, or anybody's for whoever manages.
pub(crate) fn withdraw(change: &Transaction<'_>, caller: &Caller, id: i64) -> Result<(), Problem> {
    let sql = "SELECT added_by FROM cases WHERE id = ? AND withdrawn IS NULL";
    let owner: Option<String> = change.prepare_cached(sql)?.query_row([id], |row| row.get(0)).optional()?;
    let owner = owner.ok_or_else(|| Problem::Missing("没有这个案例，或已撤下".to_owned()))?;
    if owner != caller.name && !caller.role.may(Right::Manage) {
        return Err(Problem::Forbidden(format!("这是 {owner} 的案例，只有本人或管理员可以撤下")));
    }
    mark_withdrawn(change, id, &caller.name)?;
    audit::append(change, &caller.name, "撤下案例", &format!("案例 {id}"), json!({}))?;
    Ok(())
}

/// Follows the undoing of a bunch of decisions: the case that it made is borne by another standing decision with the same
/// label on the same text, or else withdrawn, and what it had replaced comes back where that still stands.
pub(super) fn take_back(change: &Transaction<'_>, by: &str, bunch: i64) -> Result<(), Problem> {
    let sql = "SELECT id FROM cases WHERE decision = ? AND withdrawn IS NULL";
    let Some(id) = change.prepare_cached(sql)?.query_row([bunch], |row| row.get(0)).optional()? else {
        return Ok(());
    };
    if let Some(bearer) = bearer(change, id)? {
        change.prepare_cached("UPDATE cases SET decision = ? WHERE id = ?")?.execute([bearer, id])?;
        return Ok(());
    }
    mark_withdrawn(change, id, by)?;
    audit::append(change, by, "撤下案例", &format!("案例 {id}"), json!({ "undone": bunch }))?;
    let mut last = id;
    while let Some((replaced, by_hand)) = replaced_by(change, last)? {
        let bearer = bearer(change, replaced)?;
        if bearer.is_some() || by_hand {
            let sql =
                "UPDATE cases SET withdrawn = NULL, withdrawn_by = NULL, replaced_by = NULL, decision = ?, compared = 0
                       WHERE id = ?";
            change.prepare_cached(sql)?.execute(params![bearer, replaced])?;
            audit::append(change, by, "恢复案例", &format!("案例 {replaced}"), json!({ "undone": bunch }))?;
            break;
        }
        last = replaced;
    }
    Ok(())
}

fn mark_withdrawn(change: &Transaction<'_>, id: i64, by: &str) -> rusqlite::Result<()> {
    let sql = "UPDATE cases SET withdrawn = ?, withdrawn_by = ? WHERE id = ?";
    change.prepare_cached(sql)?.execute(params![now(), by, id]).map(|_| ())
}

/// The case that another one replaced, and whether it was added by hand.
fn replaced_by(change: &Transaction<'_>, id: i64) -> rusqlite::Result<Option<(i64, bool)>> {
    let sql = "SELECT id, decision IS NULL FROM cases WHERE replaced_by = ?";
    change.prepare_cached(sql)?.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional()
}

/// The bunch of a standing decision that gives a case's label to its text, the case's own before others.
fn bearer(change: &Transaction<'_>, id: i64) -> rusqlite::Result<Option<i64>> {
    // From the text to its decisions: by themselves they are too many.
    let sql = "SELECT d.bunch FROM cases c
               CROSS JOIN jobs j CROSS JOIN texts t ON t.job = j.id AND t.hash = c.hash
               CROSS JOIN rows r ON r.text = t.id AND r.state = 'settled' AND r.final = c.label
               CROSS JOIN decisions d ON d.row = r.id AND d.label = c.label AND d.undone IS NULL
               WHERE c.id = ? ORDER BY d.bunch = c.decision DESC, d.id DESC LIMIT 1";
    change.prepare_cached(sql)?.query_row([id], |row| row.get(0)).optional()
}
