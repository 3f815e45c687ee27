//! The deciding of a table: rows in windows, each window brought to the disk before the next.

use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::entry::Entry;
use super::journal::Journal;
use super::retry::Earlier;
use super::texts::Decider;
use crate::classifier::Classifier;
use crate::error::Result;
use crate::table::{Input, RawRow, Value};

/// Rows that are decided together, and brought to the disk together: what an interruption can cost …
const WINDOW: usize = 1_024;
/// … or fewer, where their texts are longer than this together, in bytes.
const WINDOW_TEXT: usize = 1 << 18;

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
    /// An earlier output, of which only the rows that failed are decided again.
    pub earlier: Option<&'a mut Earlier>,
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
        let digest = Sha256::digest(cells.join("\u{1f}"));
        u32::from_le_bytes(std::array::from_fn(|at| digest[at])) % of + 1
    }
}

/// A row, with what an earlier output knows of it.
type Row = (RawRow, Option<Entry>);

/// Decides every row of the part that the journal does not have yet, and says whether it now has all. Stopped early, it has
/// whole windows. `progress` is shown the entries of each window.
///
/// What the journal has is gone through once more, so that the same texts are decided together as without the interruption:
/// the last bits of a confidence depend on the texts beside it.
///
/// # Errors
/// What reading and the journal fail with; a row that cannot be decided is an entry with its reason.
pub fn decide(mut plan: Plan<'_>, journal: &mut Journal, progress: &mut dyn FnMut(&[Entry])) -> Result<bool> {
    let mut earlier = plan.earlier.take().map(Earlier::answers).transpose()?;
    let plan = &plan;
    let mut decider = Decider::new(plan.classifier, plan.records, plan.jobs);
    let (mut at, mut written) = (0, journal.entries()?);
    let mut settle = |window: &mut Vec<Row>| -> Result<bool> {
        let rows = window.len() as u64;
        if at + rows <= journal.rows() {
            let entries = written.by_ref().take(window.len()).collect::<Result<Vec<_>>>()?;
            let open = window.drain(..).zip(entries).filter_map(|(row, entry)| Some((open(plan, &row)?, entry)));
            decider.recall(open);
            at += rows;
            return Ok(false);
        }
        // A window that was cut off is decided again as a whole.
        journal.cut(at)?;
        let entries = entries(plan, &mut decider, window);
        window.clear();
        entries.iter().try_for_each(|entry| journal.push(entry))?;
        journal.keep()?;
        at += rows;
        progress(&entries);
        Ok(plan.stop.load(Ordering::Relaxed))
    };
    let (mut window, mut length, mut stopped) = (Vec::with_capacity(WINDOW), 0, false);
    plan.input.rows(&mut |row| {
        let known = match &mut earlier {
            Some(answers) => answers.of(&row, plan.columns)?,
            None => None,
        };
        if !stopped && Shard::number_of(&row, plan.shard.of) == plan.shard.number {
            length += joined(&row, plan.columns).len();
            window.push((row, known));
        }
        if window.len() == WINDOW || length >= WINDOW_TEXT {
            (stopped, length) = (settle(&mut window)?, 0);
        }
        Ok(())
    })?;
    if let Some(mut answers) = earlier {
        answers.end()?;
    }
    if !stopped && !window.is_empty() {
        settle(&mut window)?;
    }
    Ok(!stopped)
}

/// The text of a row that is to be decided: one that has a text and is not known.
fn open(plan: &Plan<'_>, (row, known): &Row) -> Option<String> {
    let text = || joined(row, plan.columns);
    known.is_none().then(text).filter(|text| !text.is_empty())
}

/// The entries of a window's rows, in their order: what is known of them, else what is decided now.
fn entries(plan: &Plan<'_>, decider: &mut Decider<'_>, rows: &[Row]) -> Vec<Entry> {
    let open: Vec<Option<String>> = rows.iter().map(|row| open(plan, row)).collect();
    let texts: Vec<String> = open.iter().flatten().cloned().collect();
    let mut decided = decider.entries(&texts).into_iter();
    let entry = |((row, known), open): (&Row, &Option<String>)| match (known, open) {
        (Some(known), _) => known.clone(),
        (None, Some(_)) => decided.next().unwrap_or_else(Entry::empty),
        (None, None) if row.cells.iter().all(Value::is_blank) => Entry::empty(),
        (None, None) => Entry::failed(&no_text(&plan.input.headings, plan.columns)),
    };
    rows.iter().zip(&open).map(entry).collect()
}

/// The text of a row: those of the columns, one a line, what is empty left out.
pub fn joined(row: &RawRow, columns: &[usize]) -> String {
    let texts = columns.iter().filter_map(|&at| row.cells.get(at)).map(Value::to_text);
    texts.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
}

/// Why a row with something in it cannot be decided where nothing stands in the columns that are read.
pub fn no_text(headings: &[String], columns: &[usize]) -> String {
    let names: Vec<&str> = columns.iter().map(|&at| headings[at].as_str()).collect();
    format!("所读的列（{}）没有文字", names.join("、"))
}
