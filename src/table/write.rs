//! Writing Excel: one sheet with a header, row by row, in memory that does not grow with the rows.

use std::path::Path;

use rust_xlsxwriter::{Format, FormatAlign, Workbook, Worksheet, XlsxError};

use crate::error::{Error, Result};
use crate::whole;

/// What Excel holds in one cell, in UTF-16 units; a longer text is cut.
const LONGEST_CELL: usize = 32_000;

/// What stands in a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// Text, kept as text also where it looks like a number.
    Text(&'a str),
    /// A number.
    Number(f64),
}

/// A workbook of one sheet that is being written.
pub struct Sheet {
    workbook: Workbook,
    rows: u32,
    wrapped: Format,
}

impl Sheet {
    /// A sheet with a header that stays in view and can be filtered by.
    ///
    /// # Errors
    /// [`Error::Argument`] for more columns than Excel has.
    pub fn new(columns: &[&str]) -> Result<Self> {
        let mut workbook = Workbook::new();
        let head = Format::new().set_bold().set_align(FormatAlign::Top);
        let mut begin = || {
            let sheet = workbook.add_worksheet_with_constant_memory()?;
            sheet.set_freeze_panes(1, 0)?;
            for (at, name) in (0..).zip(columns) {
                // Long texts get room, codes and numbers do not.
                sheet.set_column_width(at, if *name == "文字" { 60.0 } else { 12.0 })?;
                sheet.write_string_with_format(0, at, *name, &head)?;
            }
            Ok(())
        };
        begin().map_err(unwritable)?;
        Ok(Self { workbook, rows: 1, wrapped: Format::new().set_text_wrap().set_align(FormatAlign::Top) })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// [`Error::Argument`] for more rows than Excel has.
    pub fn push(&mut self, cells: &[Cell<'_>]) -> Result<()> {
        let row = self.rows;
        let wrapped = &self.wrapped;
        let write = |sheet: &mut Worksheet| {
            for (at, cell) in (0..).zip(cells) {
                match cell {
                    Cell::Text("") => {}
                    Cell::Text(text) => {
                        sheet.write_string_with_format(row, at, shortened(text), wrapped)?;
                    }
                    Cell::Number(number) => {
                        sheet.write_number_with_format(row, at, *number, wrapped)?;
                    }
                }
            }
            Ok(())
        };
        self.workbook.worksheet_from_index(0).and_then(write).map_err(unwritable)?;
        self.rows += 1;
        Ok(())
    }

    /// Writes the workbook.
    ///
    /// # Errors
    /// [`Error::File`] where it cannot be written.
    pub fn save(mut self, path: &Path) -> Result<()> {
        whole::write(path, |file| {
            self.workbook.save_to_writer(file).map_err(|error| match error {
                XlsxError::IoError(error) => error,
                error => std::io::Error::other(error),
            })
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
        units <= LONGEST_CELL
    });
    kept.collect::<String>() + "……（余下从略）"
}

/// Writes a CSV in UTF-8 with a header.
///
/// # Errors
/// [`Error::File`] where it cannot be written.
pub fn write_csv<const N: usize>(
    path: &Path,
    columns: &[&str; N],
    mut rows: impl Iterator<Item = [String; N]>,
) -> Result<()> {
    whole::write(path, |file| {
        let mut writer = csv::Writer::from_writer(file);
        let io = |error: csv::Error| std::io::Error::other(error);
        writer.write_record(columns).map_err(io)?;
        rows.try_for_each(|row| writer.write_record(&row)).map_err(io)?;
        writer.flush()
    })
}
