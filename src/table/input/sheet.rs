//! Workbooks: `.xlsx` cell by cell, `.xls` and `.ods` as a whole, as their library reads them.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use calamine::{Data, Reader, Sheets, XlsxError};

use super::{RawRow, Visit};
use crate::error::{Error, Result};
use crate::table::value::{Value, days_of_iso};

type Book = Sheets<BufReader<File>>;

fn open(path: &Path) -> Result<Book> {
    calamine::open_workbook_auto(path).map_err(|error| match error {
        calamine::Error::Io(error) => Error::file(path, "读取", error),
        calamine::Error::Xlsx(XlsxError::Io(error)) => Error::file(path, "读取", error),
        calamine::Error::Xlsx(XlsxError::Password) => {
            Error::Argument(format!("{}：有密码保护。请去掉密码后重试", path.display()))
        }
        error => damaged(path, error),
    })
}

fn damaged(path: &Path, error: impl std::fmt::Display) -> Error {
    Error::Argument(format!(
        "{}：不是完好的 Excel 文件（{error}）。请用 Excel 或 WPS 打开后另存为 .xlsx 再试",
        path.display()
    ))
}

/// The name of the sheet that is meant; without a word the first in which anything stands.
pub(super) fn choose(path: &Path, said: Option<&str>) -> Result<String> {
    let mut book = open(path)?;
    let names = book.sheet_names();
    let by_number = |said: &str| said.parse::<usize>().ok().and_then(|number| names.get(number.checked_sub(1)?));
    let found = match said {
        None => names.iter().find(|name| is_filled(&mut book, name)),
        Some(said) => names.iter().find(|name| *name == said).or_else(|| by_number(said)),
    };
    found.cloned().ok_or_else(|| {
        let said = said.map_or("没有填了内容的工作表".to_owned(), |said| format!("没有工作表“{said}”"));
        Error::Argument(format!("{}：{said}；现有：{}", path.display(), names.join("、")))
    })
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

/// Shows every row of a sheet to a function, also the empty ones between others.
pub(super) fn rows(path: &Path, sheet: &str, visit: &mut Visit<'_>) -> Result<()> {
    let mut next = 1;
    let mut emit = |number: u64, cells: Vec<Value>| -> Result<()> {
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
                if row != current.0 && !current.1.is_empty() {
                    emit(u64::from(current.0) + 1, std::mem::take(&mut current.1))?;
                }
                current.0 = row;
                let column = column as usize;
                if current.1.len() <= column {
                    current.1.resize(column + 1, Value::Empty);
                }
                current.1[column] = value(cell.get_value().clone().into());
            }
            if current.1.iter().any(|cell| !cell.is_blank()) {
                emit(u64::from(current.0) + 1, current.1)?;
            }
            Ok(())
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
        Data::DateTime(date) => Value::Date { date: date.as_f64() },
        Data::Error(error) => Value::Text(error.to_string()),
    }
}
