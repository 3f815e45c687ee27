//! An earlier output, so that only its rows that failed are decided again.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::entry::Entry;
use super::flat::{COLUMNS, kind, place};
use super::sink::KEY;
use super::spool::{Closed, Spool};
use super::work::joined;
use crate::decision::Outcome;
use crate::error::{Error, Result};
use crate::record::Record;
use crate::table::{Input, Kind, Options, RawRow, Value};

/// What an earlier run answered to each row of a table.
#[derive(Debug)]
pub struct Earlier {
    answers: Closed<Answer>,
    /// SHA-256 of the output.
    pub hash: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    text: String,
    entry: Entry,
}

impl Earlier {
    /// Reads an output of which the table is the input; `names` are the columns that are read, `records` says whether whole
    /// records are wanted.
    ///
    /// # Errors
    /// [`Error::Argument`] for a file that is no such output, and what reading it fails with.
    pub fn open(path: &Path, names: &[&str], records: bool) -> Result<Self> {
        let input = Input::open(path, &Options::default())?;
        let wrong = |problem: &str| Error::Argument(format!("{}：{problem}", path.display()));
        let column = |name: &str| input.headings.iter().position(|heading| heading == name);
        let columns = names.iter().map(|name| column(name).ok_or_else(|| wrong(&format!("没有“{name}”列，无法核对"))));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let added = column(KEY).map_or_else(|| first_added(&input.headings), Some);
        let added = added.ok_or_else(|| wrong("不是 waibao batch 的输出"))?;
        let lines = input.headings[added] == KEY;
        if records && !lines {
            return Err(wrong("不含完整记录。输出 .jsonl 时，--retry-failed 也要给 .jsonl"));
        }
        let failed = |error| Error::file(path, "暂存", error);
        let mut answers = Spool::new(&std::env::temp_dir()).map_err(failed)?;
        input.rows(&mut |row| {
            let cells = &row.cells[added..];
            let entry = if lines { from_record(&cells[0], records) } else { from_cells(&cells[..COLUMNS.len()]) };
            let entry = entry.ok_or_else(|| wrong(&format!("第 {} 行看不出原来的结果", row.number)))?;
            let answer = Answer { text: joined(&row, &columns), entry };
            answers.push(&answer).map(drop).map_err(failed)
        })?;
        Ok(Self { answers: answers.close().map_err(failed)?, hash: input.hash })
    }

    /// The answers from the first on.
    pub(super) fn answers(&mut self) -> Result<Answers<'_>> {
        let answers = self.answers.all().map_err(|error| Error::file(Path::new("暂存的结果"), "读取", error))?;
        Ok(Answers { answers: Box::new(answers) })
    }
}

/// The answers of an earlier run, one row after the other.
pub(super) struct Answers<'a> {
    answers: Box<dyn Iterator<Item = std::io::Result<Answer>> + 'a>,
}

impl Answers<'_> {
    /// What is known of the next row; nothing, where it failed.
    pub(super) fn of(&mut self, row: &RawRow, columns: &[usize]) -> Result<Option<Entry>> {
        let missing = || Error::Argument(format!("原来的输出没有第 {} 行，与输入不是同一张表", row.number));
        let answer = self.answers.next().ok_or_else(missing)?;
        let answer = answer.map_err(|error| Error::file(Path::new("暂存的结果"), "读取", error))?;
        if answer.entry.failed {
            return Ok(None);
        }
        if bare(&answer.text) != bare(&joined(row, columns)) {
            let problem = format!("第 {} 行原来没有出错，而文字已经改动。要全部重做请去掉 --retry-failed", row.number);
            return Err(Error::Argument(problem));
        }
        Ok(Some(answer.entry))
    }

    /// No answer may be left when all rows are through.
    pub(super) fn end(&mut self) -> Result<()> {
        match self.answers.next() {
            None => Ok(()),
            Some(_) => Err(Error::Argument("原来的输出比输入多几行，不是同一张表".to_owned())),
        }
    }
}

/// A text without what keeps its cells from becoming formulas, and without blanks, which differ between forms of files.
fn bare(text: &str) -> String {
    text.lines()
        .map(|line| line.trim_start_matches('\''))
        .flat_map(str::chars)
        .filter(|one| !one.is_whitespace())
        .collect()
}

/// Where the added columns begin: they are the last.
fn first_added(headings: &[String]) -> Option<usize> {
    let first = headings.len().checked_sub(COLUMNS.len())?;
    // A table that had such a column already has ours under a number.
    let same = |(heading, column): (&String, &&str)| {
        heading.strip_prefix(*column).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    };
    headings[first..].iter().zip(&COLUMNS).all(same).then_some(first)
}

fn from_cells(cells: &[Value]) -> Option<Entry> {
    let mut entry = Entry { cells: cells.to_vec(), ..Entry::empty() };
    // Text files know no numbers.
    for (cell, column) in entry.cells.iter_mut().zip(COLUMNS) {
        if let (Value::Text(text), Kind::Number) = (&cell, kind(column)) {
            *cell = Value::Number(text.parse().ok()?);
        }
    }
    let outcome = entry.cells[place("结论")].to_text();
    entry.outcome = Outcome::ALL.into_iter().find(|known| known.name() == outcome);
    entry.failed = !entry.cells[place("出错原因")].is_blank();
    (entry.outcome.is_some() || entry.failed || cells.iter().all(Value::is_blank)).then_some(entry)
}

fn from_record(cell: &Value, whole: bool) -> Option<Entry> {
    let text = cell.to_text();
    let json: Json = serde_json::from_str(&text).ok()?;
    if let Some(reason) = json.get("error").and_then(Json::as_str) {
        return Some(if reason.is_empty() { Entry::empty() } else { Entry::failed(reason) });
    }
    let record: Record = serde_json::from_value(json).ok()?;
    Some(Entry { record: whole.then_some(text), ..Entry::decided(&record) })
}
