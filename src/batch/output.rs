//! The output of a bulk run: the table as it was, with its codes, made from the input and what was decided, side by side.

use std::path::{Path, PathBuf};

use super::entry::Entry;
use super::flat::{COLUMNS, place};
use super::journal::Journal;
use super::review::Queue;
use super::sink::Sink;
use super::summary::Summary;
use super::work::{Shard, joined};
use crate::classifier::Classifier;
use crate::decision::Outcome;
use crate::error::{Error, Result};
use crate::record::Versions;
use crate::table::{Book, Cell, Format, Input, RawRow, Value};
use crate::whole::Part;

/// What a person need not see to decide again, of [`COLUMNS`].
const NOT_SHOWN: [&str; 4] = ["大类", "中类", "结论", "重点领域(2022)"];

/// What is written, and from what.
pub struct Output<'a> {
    /// The table.
    pub input: &'a Input,
    /// Who decided.
    pub classifier: &'a Classifier,
    /// The columns that were read.
    pub columns: &'a [usize],
    /// The column by which a person knows a row.
    pub id: Option<usize>,
    /// Columns of the table that are kept.
    pub kept: &'a [usize],
    /// What is added besides the decision.
    pub further: Option<Further>,
    /// Whether delimited text begins with a byte order mark, by which Excel knows UTF-8.
    pub bom: bool,
}

/// Columns behind [`COLUMNS`]. In JSON lines they stand under a key of their own, behind code, name and conclusion.
#[derive(Debug, Clone, Copy)]
pub struct Further {
    /// The key.
    pub key: &'static str,
    /// The headings.
    pub columns: &'static [&'static str],
}

/// What journals say of each row: those of all parts of a table, in the order of the parts.
///
/// # Errors
/// [`Error::File`] for a journal that cannot be read; what is returned fails for a row that its journal does not have.
pub fn of_journals(journals: &[Journal]) -> Result<impl FnMut(&RawRow) -> Result<Entry> + use<>> {
    let mut entries = journals.iter().map(Journal::entries).collect::<Result<Vec<_>>>()?;
    Ok(move |row: &RawRow| {
        let part = Shard::number_of(row, entries.len() as u32);
        let missing = || Error::Argument(format!("第 {part} 份缺少第 {} 行的结果，请重做这一份", row.number));
        entries[part as usize - 1].next().ok_or_else(missing)?
    })
}

impl Output<'_> {
    /// Writes the table with what `entry_of` says of each row, and for a person what became of it and what is left to do: as
    /// further sheets of a workbook, or as a workbook beside any other form.
    ///
    /// # Errors
    /// [`Error::File`] where the disk is full, [`Error::Argument`] for a table that no workbook holds, and what `entry_of`
    /// fails with.
    pub fn write(
        &self,
        mut part: Part,
        format: Format,
        entry_of: &mut dyn FnMut(&RawRow) -> Result<Entry>,
    ) -> Result<Summary> {
        let path = &part.path().to_owned();
        let failed = |error| Error::file(path, "写入", error);
        let mut queue = Queue::new(path.parent().unwrap_or(path)).map_err(failed)?;
        let mut summary = Summary::default();
        let mut sink = Sink::new(self, format, path, &mut part.file)?;
        self.input.rows(&mut |row| {
            let entry = entry_of(&row)?;
            summary.add(&entry);
            sink.push(self, &row, &entry)?;
            // What Excel's sheet cannot hold is still in the table itself.
            if entry.needs_person() && (queue.len() as u64) < Book::ROWS {
                let text = joined(&row, self.columns);
                queue.push(&text, certainty(&entry), &self.shown(&row, &text, &entry)).map_err(failed)?;
            }
            Ok(())
        })?;
        self.input.check_unchanged()?;
        let Some(mut book) = sink.finish()? else {
            // The table last: where it stands, all stands.
            self.write_beside(path, &summary, queue)?;
            part.complete()?;
            return Ok(summary);
        };
        self.add_sheets(&mut book, &summary, queue)?;
        book.save(&mut part.file).map_err(failed)?;
        part.complete()?;
        Ok(summary)
    }

    /// The workbook for a person beside an output that is none.
    fn write_beside(&self, path: &Path, summary: &Summary, queue: Queue) -> Result<()> {
        let path = beside(path);
        let mut part = Part::create(&path)?;
        let mut book = Book::default();
        self.add_sheets(&mut book, summary, queue)?;
        book.save(&mut part.file).map_err(|error| Error::file(&path, "写入", error))?;
        part.complete()
    }

    /// The headings of the table that are kept, and those of what is added, none of them twice.
    pub(super) fn headings(&self) -> Vec<String> {
        let mut headings: Vec<String> = self.kept.iter().map(|&at| self.input.headings[at].clone()).collect();
        for column in self.added() {
            let names = std::iter::once(column.to_owned()).chain((2..).map(|number| format!("{column}_{number}")));
            let free = names.into_iter().find(|name| !headings.contains(name));
            headings.extend(free);
        }
        headings
    }

    /// The columns that are added, under the names that they have where no other has them.
    pub(super) fn added(&self) -> Vec<&'static str> {
        COLUMNS.into_iter().chain(self.further.iter().flat_map(|further| further.columns.iter().copied())).collect()
    }

    /// What the summary says besides numbers: versions and settings, by name.
    fn about(&self) -> Vec<(&'static str, String)> {
        let (versions, calibrator) = (Versions::of(self.classifier), self.classifier.calibrator());
        let names: Vec<&str> = self.columns.iter().map(|&at| self.input.headings[at].as_str()).collect();
        let mut about = vec![
            ("归类所用的列", names.join(" + ")),
            ("采纳线", calibrator.assign_from.to_string()),
            ("不属于线", calibrator.out_from.to_string()),
            ("目标正确率", calibrator.target_precision.to_string()),
            ("程序", versions.program),
            ("分类包", versions.pack),
            ("规则", versions.rules),
            ("模型", versions.model),
            ("校准", versions.calibration),
        ];
        about.extend(versions.cases.map(|cases| ("案例", cases)));
        about.push(("输入文件的 SHA-256", self.input.hash.clone()));
        about
    }

    fn add_sheets(&self, book: &mut Book, summary: &Summary, queue: Queue) -> Result<()> {
        let sheet = book.sheet("汇总", &["项目", "值"], |heading| heading == "值")?;
        let count = |number: u64| Cell::Number(number as f64);
        let mut lines = vec![("行数", count(summary.rows))];
        lines.extend(Outcome::ALL.map(|outcome| (outcome.name(), count(summary.of(outcome)))));
        lines.extend(summary.others.iter().map(|(conclusion, number)| (conclusion.as_str(), count(*number))));
        lines.extend([("出错", count(summary.failed)), ("空行", count(summary.empty))]);
        lines.extend(summary.codes.iter().map(|(code, number)| (code.as_str(), count(*number))));
        let about = self.about();
        lines.extend(about.iter().map(|(name, value)| (*name, Cell::from(value.as_str()))));
        lines.into_iter().try_for_each(|(name, value)| book.push(sheet, [Cell::from(name), value].into_iter()))?;
        let id = self.id.map(|at| self.input.headings[at].as_str());
        let headings: Vec<&str> = ["行号"].into_iter().chain(id).chain(["文字", "选定代码"]).chain(shown()).collect();
        let chosen = headings.iter().position(|heading| *heading == "选定代码").unwrap_or_default();
        let sheet = book.sheet("复核", &headings, |heading| heading == "文字")?;
        let any = !queue.is_empty();
        queue.each(|cells| book.push(sheet, cells.iter().map(Cell::from)))?;
        let choices: Vec<String> = self.classifier.index().labels().iter().map(ToString::to_string).collect();
        let choices: Vec<&str> = choices.iter().map(String::as_str).collect();
        if any { book.choices(sheet, chosen as u16, &choices) } else { Ok(()) }
    }

    /// The cells that a person is shown of a row.
    fn shown(&self, row: &RawRow, text: &str, entry: &Entry) -> Vec<Value> {
        let mut cells = vec![Value::Number(row.number as f64)];
        cells.extend(self.id.map(|at| row.cells[at].clone()));
        cells.extend([Value::from(text.to_owned()), Value::Empty]);
        cells.extend(shown().map(|column| entry.cells[place(column)].clone()));
        cells
    }
}

/// The columns of a decision that a person is shown.
fn shown<'a>() -> impl Iterator<Item = &'a str> {
    COLUMNS.into_iter().filter(|column| !NOT_SHOWN.contains(column))
}

/// The confidence of the first candidate; none for a row that failed, which a person sees first.
fn certainty(entry: &Entry) -> f64 {
    match entry.cells[place("置信度")] {
        Value::Number(confidence) => confidence,
        _ => 0.0,
    }
}

/// Where the workbook for a person lies beside an output that is none: `台账.csv` has `台账_复核.xlsx`.
pub fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push("_复核.xlsx");
    path.with_file_name(name)
}
