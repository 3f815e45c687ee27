//! Delimited text as Excel opens it: UTF-8 with a byte order mark, and no cell that could become a formula.

use std::borrow::Cow;
use std::io::Write;
use std::path::Path;

use super::super::value::Value;
use crate::error::Result;
use crate::whole;

/// A delimited text that is being written.
pub struct Delimited<W: Write> {
    writer: csv::Writer<W>,
}

impl<W: Write> Delimited<W> {
    /// Begins with the headings, and before them the mark if it is wanted.
    ///
    /// # Errors
    /// What the writer fails with, here and below.
    pub fn new<'a>(
        mut to: W,
        delimiter: u8,
        bom: bool,
        headings: impl Iterator<Item = &'a str>,
    ) -> std::io::Result<Self> {
        if bom {
            to.write_all("\u{feff}".as_bytes())?;
        }
        let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(to);
        writer.write_record(headings.map(|heading| harmless(Cow::Borrowed(heading)).into_owned()))?;
        Ok(Self { writer })
    }

    /// Adds a row.
    pub fn push<'a>(&mut self, cells: impl Iterator<Item = &'a Value>) -> std::io::Result<()> {
        for cell in cells {
            let text = match cell {
                Value::Text(text) => harmless(Cow::Borrowed(text)),
                other => Cow::Owned(other.to_text()),
            };
            self.writer.write_field(text.as_bytes())?;
        }
        self.writer.write_record(None::<&[u8]>)?;
        Ok(())
    }

    /// Hands on what is still held back.
    pub fn finish(mut self) -> std::io::Result<()> {
        self.writer.flush()
    }
}

/// Writes a whole CSV in UTF-8, without a mark, for programs.
///
/// # Errors
/// [`crate::Error::File`] where it cannot be written.
pub fn write_csv<const N: usize>(
    path: &Path,
    columns: &[&str; N],
    mut rows: impl Iterator<Item = [String; N]>,
) -> Result<()> {
    whole::write(path, |file| {
        let mut writer = csv::Writer::from_writer(file);
        writer.write_record(columns)?;
        rows.try_for_each(|row| writer.write_record(&row))?;
        writer.flush()
    })
}

/// What a formula begins with (OWASP, CSV Injection). Where full-width forms are typed, spreadsheets take them for the others.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '＝', '＋', '－', '＠', '\t', '\r', '\n'];

/// A text that a spreadsheet would run as a formula gets an apostrophe; a number stays one.
fn harmless(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.starts_with(FORMULA) && text.trim().parse::<f64>().is_err() { Cow::Owned(format!("'{text}")) } else { text }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(rows: &[Vec<Value>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut out = Delimited::new(&mut bytes, b',', true, ["甲", "乙"].into_iter()).unwrap();
        rows.iter().for_each(|row| out.push(row.iter()).unwrap());
        out.finish().unwrap();
        bytes
    }

    #[test]
    fn nothing_that_is_written_can_become_a_formula() {
        for text in [
            "=1+1",
            "+cmd|' /C calc'!A0",
            "-2+3",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "\n=1",
            "＝1+1",
            "＋1",
            "－2",
            "＠SUM(A1)",
        ] {
            let bytes = written(&[vec![Value::Text(text.to_owned()), Value::Empty]]);
            let text = String::from_utf8(bytes).unwrap();
            let row = text.split_once('\n').unwrap().1;
            assert!(row.trim_start_matches('"').starts_with('\''), "{row}");
        }
        for text in ["-12.5", "+86", "1.23E+18"] {
            let bytes = written(&[vec![Value::Text(text.to_owned()), Value::Empty]]);
            assert!(String::from_utf8(bytes).unwrap().contains(&format!("\n{text},")));
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(cells in proptest::collection::vec("[a-z，\"\n\r,;']{0,12}", 2..40)) {
            let rows: Vec<Vec<Value>> = cells.chunks_exact(2).map(|row| row.iter().cloned().map(Value::from).collect()).collect();
            let bytes = written(&rows);
            let mut reader = csv::Reader::from_reader(&bytes[3..]);
            for (row, record) in rows.iter().zip(reader.records()) {
                let record = record.unwrap();
                for (cell, field) in row.iter().zip(record.iter()) {
                    let expected = harmless(Cow::Owned(cell.to_text())).into_owned();
                    prop_assert_eq!(field, expected);
                }
            }
        }
    }
}
