//! The active cases in memory, as the classifier and the search for contradictions use them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, params};
use serde::Serialize;

use super::Material;
use crate::code::Label;
use crate::encoder::Embedding;
use crate::index::Case;
use crate::server::app::App;
use crate::server::problem::Problem;

/// From this similarity on, two passages say the same.
const SAME: f32 = 0.97;
/// Cases that are embedded anew before they are written.
const TOGETHER: u32 = 64;

/// The active cases of the moment.
#[derive(Default)]
pub(crate) struct Loaded {
    /// How often somebody has asked for what is in the file by now.
    asked: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Whoever asked up to here has what they asked for.
    up_to: u64,
    cases: BTreeMap<i64, Case>,
}

/// Gives the classifier the cases that are kept; those of another model are embedded anew first.
pub(crate) fn load(app: &App) -> Result<(), Problem> {
    let classifier = app.engine().classifier();
    let model = classifier.encoder().hash().to_owned();
    loop {
        let wanted = model.clone();
        let stale = app.store().read(move |store| {
            let sql = "SELECT id, text FROM cases WHERE withdrawn IS NULL AND model <> ? LIMIT ?";
            let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
            store.prepare(sql)?.query_map(params![wanted, TOGETHER], row)?.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        if stale.is_empty() {
            break;
        }
        let renewed: Vec<(i64, Material)> = stale
            .into_iter()
            .map(|(id, text): (i64, String)| Ok((id, Material::of(&classifier, &text)?)))
            .collect::<Result<_, Problem>>()?;
        app.store().write(|change| {
            for (id, material) in &renewed {
                let sql = "UPDATE cases SET passages = ?, model = ?, compared = 0 WHERE id = ?";
                let passages = serde_json::to_string(&material.passages)?;
                change.prepare_cached(sql)?.execute(params![passages, material.model, id])?;
                change.prepare_cached("DELETE FROM contradictions WHERE one = ?1 OR other = ?1")?.execute([id])?;
            }
            Ok(())
        })?;
    }
    refresh(app)
}

/// Brings the classifier in line with the file: what was written before this was called counts when it returns. Of several
/// who ask at the same time one does the work for all.
pub(crate) fn refresh(app: &App) -> Result<(), Problem> {
    let loaded = app.cases();
    let mine = loaded.asked.fetch_add(1, Ordering::SeqCst) + 1;
    let mut state = loaded.state.lock().unwrap_or_else(PoisonError::into_inner);
    if state.up_to >= mine {
        return Ok(());
    }
    let up_to = loaded.asked.load(Ordering::SeqCst);
    let (active, uncompared) = app.store().read(|store| {
        let ids = |sql: &str| -> rusqlite::Result<BTreeSet<i64>> {
            store.prepare_cached(sql)?.query_map([], |row| row.get(0))?.collect()
        };
        let active = ids("SELECT id FROM cases WHERE withdrawn IS NULL")?;
        let uncompared = ids("SELECT id FROM cases WHERE withdrawn IS NULL AND compared = 0")?;
        Ok((active, uncompared))
    })?;
    let fresh: Vec<i64> = active.iter().copied().filter(|id| !state.cases.contains_key(id)).collect();
    let before = state.cases.len();
    state.cases.retain(|id, _| active.contains(id));
    let fresh =
        app.store().read(|store| fresh.iter().map(|id| one(store, *id)).collect::<rusqlite::Result<Vec<_>>>())?;
    let changed = !fresh.is_empty() || state.cases.len() < before;
    state.cases.extend(fresh.into_iter().flatten());
    if changed {
        app.engine().set_cases(&state.cases.values().cloned().collect::<Vec<_>>());
    }
    state.up_to = up_to;
    compare(app, &state.cases, &uncompared)
}

/// One case; none with a label that this program does not know.
fn one(store: &Connection, id: i64) -> rusqlite::Result<Option<(i64, Case)>> {
    let sql = "SELECT label, passages FROM cases WHERE id = ?";
    let (label, passages): (String, String) =
        store.prepare_cached(sql)?.query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let case = || {
        let (label, passages) = (label.parse().ok()?, serde_json::from_str(&passages).ok()?);
        Some((id, Case { id: id.to_string(), label, passages }))
    };
    Ok(case())
}

/// Notes which of the older cases each of these contradicts.
fn compare(app: &App, cases: &BTreeMap<i64, Case>, uncompared: &BTreeSet<i64>) -> Result<(), Problem> {
    if uncompared.is_empty() {
        return Ok(());
    }
    let found: Vec<(i64, i64, f32)> = uncompared
        .iter()
        .filter_map(|id| Some((id, cases.get(id)?)))
        .flat_map(|(&id, case)| {
            // Of two new ones the later notes the pair.
            let older = cases.iter().filter(move |(other, _)| **other < id || !uncompared.contains(other));
            let against = older.filter(move |(other, known)| **other != id && known.label != case.label);
            against.filter_map(move |(&other, known)| {
                let similarity = similarity(&case.passages, &known.passages);
                (similarity >= SAME).then(|| (id.max(other), id.min(other), similarity))
            })
        })
        .collect();
    app.store().write(|change| {
        for (one, other, similarity) in &found {
            let sql = "INSERT INTO contradictions (one, other, similarity) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
            change.prepare_cached(sql)?.execute(params![one, other, similarity])?;
        }
        for id in uncompared {
            change.prepare_cached("UPDATE cases SET compared = 1 WHERE id = ?")?.execute([id])?;
        }
        Ok(())
    })
}

/// An active case that says nearly the same as a text.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Near {
    pub(crate) id: i64,
    pub(crate) label: Label,
    pub(crate) similarity: f32,
}

/// The active cases that say nearly the same as passages, the nearest first.
pub(crate) fn near(app: &App, passages: &[(String, Embedding)]) -> Vec<Near> {
    let state = app.cases().state.lock().unwrap_or_else(PoisonError::into_inner);
    let near =
        |(&id, case): (&i64, &Case)| Near { id, label: case.label, similarity: similarity(passages, &case.passages) };
    let mut found: Vec<Near> = state.cases.iter().map(near).filter(|near| near.similarity >= SAME).collect();
    found.sort_by(|one, other| other.similarity.total_cmp(&one.similarity).then(one.id.cmp(&other.id)));
    found
}

/// Of the passages of two texts, how similar the two are that are the most so.
fn similarity(one: &[(String, Embedding)], other: &[(String, Embedding)]) -> f32 {
    let dot = |one: &Embedding, other: &Embedding| one.iter().zip(other).map(|(a, b)| a * b).sum::<f32>();
    let pairs = one.iter().flat_map(|(_, one)| other.iter().map(move |(_, other)| dot(one, other)));
    pairs.fold(0.0, f32::max)
}
