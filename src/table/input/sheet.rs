//! Workbooks: `.xlsx` cell by cell, `.xls` and `.ods` as a whole, as their library reads them.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use calamine::{Data, ExcelDateTime, OdsError, Reader, Sheets, XlsError, XlsbError, XlsxError, open_workbook};

use super::archive::{self, Family, damaged};
use super::headings::{HEAD, Merged};
use super::{Inside, RawRow, Visit};
use crate::error::{Error, Result};
use crate::table::value::{Value, day, days_of_iso};

type Book = Sheets<BufReader<File>>;

/// Days between the beginnings of the two calendars of Excel.
const FROM_1904: f64 = 1_462.0;

/// By what stands in the file: its extension may be wrong.
fn open(path: &Path) -> Result<Book> {
    let opened = if Inside::of(path)? == Inside::Compound {
        match open_workbook(path).map(Sheets::Xls) {
            // An `.xlsx` with a password is wrapped up so.
            Err(XlsError::Cfb(_)) => open_workbook(path).map(Sheets::Xlsx).map_err(calamine::Error::Xlsx),
            opened => opened.map_err(calamine::Error::Xls),
        }
    } else {
        match archive::family(path)? {
            Family::Xlsx => open_workbook(path).map(Sheets::Xlsx).map_err(calamine::Error::Xlsx),
            Family::Xlsb => open_workbook(path).map(Sheets::Xlsb).map_err(calamine::Error::Xlsb),
            Family::Ods => open_workbook(path).map(Sheets::Ods).map_err(calamine::Error::Ods),
        }
    };
    opened.map_err(|error| match error {
        calamine::Error::Io(error) => Error::file(path, "读取", error),
        calamine::Error::Xls(XlsError::Password)
        | calamine::Error::Xlsx(XlsxError::Password)
        | calamine::Error::Xlsb(XlsbError::Password)
        | calamine::Error::Ods(OdsError::Password) => {
            Error::Argument(format!("{}：有密码保护。请去掉密码后重试", path.display()))
        }
        error => damaged(path, error),
    })
}

/// Whether a workbook can be read without filling memory.
pub(super) fn check(path: &Path) -> Result<()> {
    if Inside::of(path)? == Inside::Zip { archive::check(path) } else { Ok(()) }
}

/// Cells among the first rows that are merged into one; known of `.xlsx` only.
pub(super) fn merged(path: &Path, sheet: &str) -> Result<Vec<Merged>> {
    let Sheets::Xlsx(mut book) = open(path)? else { return Ok(Vec::new()) };
    let merged = book.merge_cells_by_sheet_name(sheet).map_err(|error| damaged(path, error))?;
    let near = merged.into_iter().filter(|cells| (cells.start.0 as usize) < HEAD);
    let cells = near.map(|cells| Merged {
        rows: cells.start.0.into()..=cells.end.0.into(),
        columns: cells.start.1 as usize..=cells.end.1 as usize,
    });
    Ok(cells.collect())
}

/// The sheet that is read.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) name: String,
    /// The others in which anything stands, where nobody said which is meant.
    others: Vec<String>,
}

impl Choice {
    /// What is not read although it may be wanted.
    pub(super) fn note(&self) -> Option<String> {
        let others = Some(self.others.join("”“")).filter(|others| !others.is_empty())?;
        Some(format!("只读工作表“{}”；“{others}”里也有内容，没有读。要读别的请用 --sheet 指明", self.name))
    }
}

/// The sheet that is meant; without a word the first in which anything stands.
pub(super) fn choose(path: &Path, said: Option<&str>) -> Result<Choice> {
    let mut book = open(path)?;
    let names = book.sheet_names();
    let found = match said {
        None => names.iter().filter(|name| is_filled(&mut book, name)).cloned().collect(),
        Some(said) => {
            let by_number = || names.get(said.parse::<usize>().ok()?.checked_sub(1)?);
            names.iter().find(|name| *name == said).or_else(by_number).into_iter().cloned().collect::<Vec<_>>()
        }
    };
    let mut found = found.into_iter();
    let name = found.next().ok_or_else(|| {
        let said = said.map_or("没有填了内容的工作表".to_owned(), |said| format!("没有工作表“{said}”"));
        Error::Argument(format!("{}：{said}；现有：{}", path.display(), names.join("、")))
    })?;
    Ok(Choice { name, others: found.collect() })
}

/// Whether anything stands in a sheet; nothing does in a chart.
fn is_filled(book: &mut Book, sheet: &str) -> bool {
    match book {
        Sheets::Xlsx(book) => book.worksheet_cells_reader(sheet).is_ok_and(|mut cells| {
            let cells = std::iter::from_fn(|| cells.next_cell().ok().flatten());
            cells.map(|cell| value(cell.get_value().clone().into())).any(|cell| !cell.is_blank())
        }),
        book => book.worksheet_range(sheet).is_ok_and(|range| !range.is_empty()),
    }
}

/// Shows every row of a sheet to a function, also the empty ones between others; not those after the last, of which a sheet
/// that was once formatted may have a million.
pub(super) fn rows(path: &Path, sheet: &str, visit: &mut Visit<'_>) -> Result<()> {
    let mut next = 1;
    let mut emit = |number: u64, cells: Vec<Value>| -> Result<()> {
        if cells.iter().all(Value::is_blank) {
            return Ok(());
        }
        while next < number {
            visit(RawRow { number: next, cells: Vec::new(), line: None })?;
            next += 1;
        }
        next += 1;
        visit(RawRow { number, cells, line: None })
    };
    match open(path)? {
        Sheets::Xlsx(mut book) => {
            let mut cells = book.worksheet_cells_reader(sheet).map_err(|error| damaged(path, error))?;
            let mut current: (u32, Vec<Value>) = (0, Vec::new());
            while let Some(cell) = cells.next_cell().map_err(|error| damaged(path, error))? {
                let (row, column) = cell.get_position();
                if row != current.0 {
                    emit(u64::from(current.0) + 1, std::mem::take(&mut current.1))?;
                }
                current.0 = row;
                let value = value(cell.get_value().clone().into());
                // Empty cells with a format may reach far to the right.
                if value != Value::Empty {
                    current.1.resize(current.1.len().max(column as usize + 1), Value::Empty);
                    current.1[column as usize] = value;
                }
            }
            emit(u64::from(current.0) + 1, current.1)
        }
        mut book => {
            let range = book.worksheet_range(sheet).map_err(|error| damaged(path, error))?;
            let (top, left) = range.start().unwrap_or_default();
            for (row, cells) in (u64::from(top) + 1..).zip(range.rows()) {
                let before = std::iter::repeat_n(Value::Empty, left as usize);
                emit(row, before.chain(cells.iter().cloned().map(value)).collect())?;
            }
            Ok(())
        }
    }
}

fn value(data: Data) -> Value {
    match data {
        Data::Empty => Value::Empty,
        Data::String(text) | Data::DurationIso(text) => Value::from(text),
        Data::DateTimeIso(text) => days_of_iso(&text).map_or_else(|| Value::from(text), |date| Value::Date { date }),
        Data::Float(number) => Value::Number(number),
        Data::Int(number) => Value::Number(number as f64),
        Data::Bool(value) => Value::Bool(value),
        Data::DateTime(date) if date.is_duration() => Value::Text(duration(date.as_f64())),
        Data::DateTime(date) => Value::Date { date: serial(date) },
        Data::Error(error) => Value::Text(error.to_string()),
    }
}

/// The days of a date, counted from the end of 1899 also in a workbook that counts from 1904.
fn serial(date: ExcelDateTime) -> f64 {
    let days = date.as_f64();
    let (year, month, of_month, ..) = date.to_ymd_hms_milli();
    let counted = day(year.into(), month.into(), of_month.into()) as f64;
    if (counted - days).abs() > FROM_1904 / 2.0 { days + FROM_1904 } else { days }
}

/// Hours that were counted, not those of a clock: `30:00:00`.
fn duration(days: f64) -> String {
    let seconds = (days.abs() * 86_400.0).round() as u64;
    let sign = if days < 0.0 { "-" } else { "" };
    format!("{sign}{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use calamine::ExcelDateTimeType;

    use super::*;

    #[test]
    fn a_duration_is_no_date() {
        for (days, text) in [(1.25, "30:00:00"), (0.5, "12:00:00"), (-0.0625, "-1:30:00")] {
            let cell = Data::DateTime(ExcelDateTime::new(days, ExcelDateTimeType::TimeDelta, false));
            assert_eq!(value(cell), Value::Text(text.to_owned()));
        }
    }
}
