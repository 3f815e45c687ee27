//! The deciding of a table: rows in windows, each text once, long ones with long ones, all cores busy.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::flat::{CANDIDATES, COLUMNS, failed, flat};
use super::journal::{Entry, Journal};
use crate::classifier::Classifier;
use crate::error::Result;
use crate::record::Record;
use crate::table::{Input, RawRow, Value};

/// Rows that are decided together, and brought to the disk together: what an interruption can cost.
const WINDOW: usize = 1_024;
/// Texts that are encoded together, of like length.
const TOGETHER: usize = 32;
/// Texts of earlier windows whose answers are kept, for texts that come again.
const REMEMBERED: usize = 1 << 16;

/// What is to be done.
pub struct Plan<'a> {
    /// Who decides.
    pub classifier: &'a Classifier,
    /// The table.
    pub input: &'a Input,
    /// The columns whose texts are joined, the title first.
    pub columns: &'a [usize],
    /// The part of the table that is decided.
    pub shard: Shard,
    /// Whether the record is kept whole beside its cells.
    pub records: bool,
    /// How many texts are decided at a time.
    pub jobs: usize,
    /// Set to stop after the window at hand.
    pub stop: &'a AtomicBool,
}

/// A stable part of a table: the same rows whatever else the table holds, and equal rows in the same part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Which part, from 1.
    pub number: u32,
    /// Of how many.
    pub of: u32,
}

impl Shard {
    /// The whole table.
    pub const WHOLE: Self = Self { number: 1, of: 1 };

    /// The number of the part, from 1, of so many that a row belongs to.
    pub fn number_of(row: &RawRow, of: u32) -> u32 {
        if of == 1 {
            return 1;
        }
        let cells: Vec<String> = row.cells.iter().map(Value::to_text).collect();
        let [a, b, c, d, ..] = key(&cells.join("\u{1f}"));
        u32::from_le_bytes([a, b, c, d]) % of + 1
    }
}

/// Decides every row of the part that the journal does not have yet, and says whether it now has all. Stopped early, it has
/// whole windows. `progress` is shown the entries of each window.
///
/// # Errors
/// What reading, deciding and the journal fail with.
pub fn decide(plan: &Plan<'_>, journal: &mut Journal, progress: &mut dyn FnMut(&[Entry])) -> Result<bool> {
    let done = journal.rows();
    let (mut at, mut stopped) = (0, false);
    let (mut window, mut known) = (Vec::with_capacity(WINDOW), HashMap::new());
    let mut settle = |window: &mut Vec<RawRow>| -> Result<bool> {
        let entries = entries(plan, window, &mut known)?;
        window.clear();
        entries.iter().try_for_each(|entry| journal.push(entry))?;
        journal.keep()?;
        progress(&entries);
        Ok(plan.stop.load(Ordering::Relaxed))
    };
    plan.input.rows(&mut |row| {
        if stopped || Shard::number_of(&row, plan.shard.of) != plan.shard.number {
            return Ok(());
        }
        at += 1;
        if at > done {
            window.push(row);
        }
        if window.len() == WINDOW {
            stopped = settle(&mut window)?;
        }
        Ok(())
    })?;
    if !stopped && !window.is_empty() {
        settle(&mut window)?;
    }
    Ok(!stopped)
}

/// The entries of a window's rows, in their order.
fn entries(plan: &Plan<'_>, rows: &[RawRow], known: &mut HashMap<[u8; 16], Entry>) -> Result<Vec<Entry>> {
    let texts: Vec<String> = rows.iter().map(|row| joined(row, plan.columns)).collect();
    let keys: Vec<[u8; 16]> = texts.iter().map(|text| key(text)).collect();
    let mut fresh: Vec<(&str, [u8; 16])> = Vec::new();
    for (text, key) in texts.iter().zip(&keys).filter(|(text, _)| !text.is_empty()) {
        if !known.contains_key(key) {
            known.insert(*key, Entry::default());
            fresh.push((text, *key));
        }
    }
    // Texts of like length fill a batch without padding; the longest first, so that no core is left with them at the end.
    fresh.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
    known.extend(decided(plan, &fresh)?);
    let entry = |((row, text), key): ((&RawRow, &String), &[u8; 16])| match known.get(key) {
        Some(entry) if !text.is_empty() => entry.clone(),
        _ if row.cells.iter().all(Value::is_blank) => {
            Entry { cells: vec![Value::Empty; COLUMNS.len()], ..Entry::default() }
        }
        _ => Entry { cells: failed(&no_text(plan)), failed: true, ..Entry::default() },
    };
    let entries = rows.iter().zip(&texts).zip(&keys).map(entry).collect();
    if known.len() > REMEMBERED {
        known.clear();
    }
    Ok(entries)
}

/// The answers to texts, by all workers together.
fn decided(plan: &Plan<'_>, fresh: &[(&str, [u8; 16])]) -> Result<Vec<([u8; 16], Entry)>> {
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Ok(Vec::new())));
    let batches: Vec<_> = fresh.chunks(TOGETHER).collect();
    let work = || {
        while let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
            let answers = answers(plan, batch);
            let mut found = found.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            match (&mut *found, answers) {
                (Ok(found), Ok(answers)) => found.extend(answers),
                (Ok(_), Err(error)) => *found = Err(error),
                (Err(_), _) => return,
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..plan.jobs.min(batches.len()) {
            scope.spawn(work);
        }
        work();
    });
    found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn answers(plan: &Plan<'_>, batch: &[(&str, [u8; 16])]) -> Result<Vec<([u8; 16], Entry)>> {
    let texts: Vec<&str> = batch.iter().map(|(text, _)| *text).collect();
    let decisions = plan.classifier.classify_batch(&texts)?;
    let entry = |((text, key), decision): (&(&str, [u8; 16]), _)| {
        let record = Record::new(plan.classifier, None, text, &decision, CANDIDATES);
        let whole = plan.records.then(|| serde_json::to_string(&record).unwrap_or_default());
        (*key, Entry { cells: flat(&record), record: whole, outcome: Some(record.outcome), failed: false })
    };
    Ok(batch.iter().zip(decisions).map(entry).collect())
}

/// The texts of the columns, one a line, what is empty left out.
pub(super) fn joined(row: &RawRow, columns: &[usize]) -> String {
    let texts = columns.iter().filter_map(|&at| row.cells.get(at)).map(Value::to_text);
    texts.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
}

fn no_text(plan: &Plan<'_>) -> String {
    let names: Vec<&str> = plan.columns.iter().map(|&at| plan.input.headings[at].as_str()).collect();
    format!("所读的列（{}）没有文字", names.join("、"))
}

fn key(text: &str) -> [u8; 16] {
    let digest = Sha256::digest(text);
    std::array::from_fn(|at| digest[at])
}
