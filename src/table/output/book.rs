//! Excel workbooks.

use std::io::{Seek, Write};

use rust_xlsxwriter::{DataValidation, Format, FormatAlign, Workbook, Worksheet, XlsxError};

use super::super::value::Value;
use super::Cell;
use crate::error::{Error, Result};

/// What Excel holds in one cell, in UTF-16 units; a longer text is cut.
const LONGEST_CELL: usize = 32_767;
/// What stands at the end of one that is cut.
const CUT: &str = "……（余下从略）";
/// Columns of a sheet.
const COLUMNS: usize = 16_384;
/// From here on Excel shows whole numbers as 1.23E+18 unless told otherwise.
const LONG_NUMBER: f64 = 1e11;

/// A workbook that is being written.
pub struct Book {
    workbook: Workbook,
    /// For each sheet the next row.
    rows: Vec<u32>,
    formats: Formats,
}

/// A sheet of a [`Book`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SheetId(usize);

struct Formats {
    head: Format,
    wrapped: Format,
    whole: Format,
    date: Format,
    time: Format,
    clock: Format,
}

impl Default for Book {
    fn default() -> Self {
        let top = || Format::new().set_align(FormatAlign::Top);
        let formats = Formats {
            head: top().set_bold(),
            wrapped: top().set_text_wrap(),
            whole: top().set_num_format("0"),
            date: top().set_num_format("yyyy-mm-dd"),
            time: top().set_num_format("yyyy-mm-dd hh:mm:ss"),
            clock: top().set_num_format("hh:mm:ss"),
        };
        Self { workbook: Workbook::new(), rows: Vec::new(), formats }
    }
}

impl Book {
    /// Rows of a sheet below its header.
    pub const ROWS: u64 = 1_048_575;

    /// Whether a table fits into a sheet.
    ///
    /// # Errors
    /// [`Error::Argument`] for more rows or columns than Excel has.
    pub fn fits(rows: u64, columns: usize) -> Result<()> {
        let problem = match () {
            () if rows > Self::ROWS => format!("{rows} 行超过 Excel 表的上限 {}", Self::ROWS),
            () if columns > COLUMNS => format!("{columns} 列超过 Excel 表的上限 {COLUMNS}"),
            () => return Ok(()),
        };
        Err(Error::Argument(format!("{problem}。请输出为 .csv，或用 --select 只留要用的列")))
    }

    /// A further sheet, with headings that stay in view and can be filtered by. A column is wide where `wide` says so.
    ///
    /// # Errors
    /// [`Error::Argument`] for more columns than Excel has.
    pub fn sheet(&mut self, name: &str, headings: &[&str], wide: impl Fn(&str) -> bool) -> Result<SheetId> {
        let head = &self.formats.head;
        let mut begin = || {
            let sheet = self.workbook.add_worksheet_with_constant_memory()?;
            sheet.set_name(name)?;
            sheet.set_freeze_panes(1, 0)?;
            for (at, heading) in (0..).zip(headings) {
                sheet.set_column_width(at, if wide(heading) { 60.0 } else { 12.0 })?;
                sheet.write_string_with_format(0, at, shortened(heading), head)?;
            }
            Ok(())
        };
        begin().map_err(unwritable)?;
        self.rows.push(1);
        Ok(SheetId(self.rows.len() - 1))
    }

    /// Adds a row.
    ///
    /// # Errors
    /// [`Error::Argument`] for more rows or columns than Excel has.
    pub fn push<'a>(&mut self, sheet: SheetId, cells: impl Iterator<Item = Cell<'a>>) -> Result<()> {
        let (row, formats) = (self.rows[sheet.0], &self.formats);
        let write = |sheet: &mut Worksheet| {
            for (at, cell) in (0..).zip(cells) {
                match cell {
                    Cell::Empty => continue,
                    Cell::Bool(value) => sheet.write_boolean(row, at, value)?,
                    Cell::Number(number) if number.fract() == 0.0 && number.abs() >= LONG_NUMBER => {
                        sheet.write_number_with_format(row, at, number, &formats.whole)?
                    }
                    Cell::Number(number) => sheet.write_number_with_format(row, at, number, &formats.wrapped)?,
                    // Before 1900 Excel has no dates.
                    Cell::Date(date) if date < 0.0 => sheet.write_string(row, at, Value::Date { date }.to_text())?,
                    Cell::Date(days) => {
                        let format = match () {
                            () if days.fract() == 0.0 => &formats.date,
                            () if days < 1.0 => &formats.clock,
                            () => &formats.time,
                        };
                        sheet.write_number_with_format(row, at, days, format)?
                    }
                    Cell::Text(text) => sheet.write_string_with_format(row, at, shortened(text), &formats.wrapped)?,
                };
            }
            Ok(())
        };
        self.workbook.worksheet_from_index(sheet.0).and_then(write).map_err(unwritable)?;
        self.rows[sheet.0] += 1;
        Ok(())
    }

    /// Lets a column of the rows so far be filled from a list only.
    ///
    /// # Errors
    /// [`Error::Argument`] for a list too long for Excel.
    pub fn choices(&mut self, sheet: SheetId, column: u16, choices: &[&str]) -> Result<()> {
        let last = self.rows[sheet.0].saturating_sub(1).max(1);
        let mut list = || {
            let list = DataValidation::new().allow_list_strings(choices)?;
            self.workbook.worksheet_from_index(sheet.0)?.add_data_validation(1, column, last, column, &list)?;
            Ok(())
        };
        list().map_err(unwritable)
    }

    /// Writes the workbook.
    ///
    /// # Errors
    /// What the writer fails with.
    pub fn save<W: Write + Seek + Send>(mut self, to: W) -> std::io::Result<()> {
        self.workbook.save_to_writer(to).map_err(|error| match error {
            XlsxError::IoError(error) => error,
            error => std::io::Error::other(error),
        })
    }
}

fn unwritable(error: XlsxError) -> Error {
    Error::Argument(format!("不能写成 Excel 表：{error}"))
}

fn shortened(text: &str) -> String {
    if text.encode_utf16().count() <= LONGEST_CELL {
        return text.to_owned();
    }
    let mut units = 0;
    let kept = text.chars().take_while(|character| {
        units += character.len_utf16();
        units <= LONGEST_CELL - CUT.encode_utf16().count()
    });
    kept.collect::<String>() + CUT
}
