//! Cells between commas, tabs, semicolons or bars, in any encoding that office programs write.

use std::io::Read;
use std::path::Path;

use encoding_rs::{Encoding, UTF_8};

use super::quotes::Quotes;
use super::{RawRow, Visit, letters};
use crate::error::{Error, Result};
use crate::table::decode::{decoded, encoding};
use crate::table::value::Value;

/// Bytes of the beginning by which the delimiter is found.
const BEGINNING: u64 = 1 << 16;

/// How a file is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dialect {
    delimiter: u8,
    encoding: Option<&'static Encoding>,
}

impl Dialect {
    /// Finds out encoding and delimiter.
    pub(super) fn of(path: &Path) -> Result<Self> {
        let encoding = encoding(path)?;
        let mut beginning = Vec::new();
        let read = decoded(path, encoding)?.take(BEGINNING).read_to_end(&mut beginning);
        read.map_err(|error| Error::file(path, "读取", error))?;
        Ok(Self { delimiter: delimiter(&beginning), encoding })
    }

    /// Shows every row to a function. Rows may be of different lengths; a line without anything on it is an empty row.
    pub(super) fn rows(&self, path: &Path, visit: &mut Visit<'_>) -> Result<()> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(self.delimiter)
            .from_reader(Quotes::new(decoded(path, self.encoding)?, self.delimiter));
        let mut record = csv::StringRecord::new();
        let mut number = 0;
        loop {
            let before = reader.position().line();
            let more = reader.read_record(&mut record).map_err(|error| match error.into_kind() {
                csv::ErrorKind::Io(error) => Error::file(path, "读取", error),
                kind => broken(path, number + 1, format!("不是完整的 CSV：{kind:?}")),
            })?;
            if let Some(row) = reader.get_ref().unclosed {
                let problem = "有一格开头的引号没有合上，后面各行会并进这一格。请补上或删去引号后重试";
                return Err(broken(path, row, problem.to_owned()));
            }
            if !more {
                return Ok(());
            }
            // The reader passes over lines without anything on them; what it went through and is not the row's were such.
            let within: usize = record.iter().map(|cell| cell.matches('\n').count()).sum();
            let own = within as u64 + u64::from(!reader.is_done());
            for _ in 0..(reader.position().line() - before).saturating_sub(own) {
                number += 1;
                visit(RawRow { number, cells: Vec::new(), line: None })?;
            }
            number += 1;
            if let Some(at) = record.iter().position(|cell| cell.contains('\u{fffd}')) {
                let encodings =
                    if self.encoding == Some(UTF_8) { "不是 UTF-8" } else { "不是 UTF-8 也不是 GB18030" };
                let problem = format!("有{encodings} 的字。请改正这一格，或另存为 UTF-8 后重试");
                return Err(Error::Row { path: path.to_owned(), row: number, column: letters(at), problem });
            }
            let cells = record.iter().map(|cell| Value::from(cell.to_owned())).collect();
            visit(RawRow { number, cells, line: None })?;
        }
    }
}

fn broken(path: &Path, row: u64, problem: String) -> Error {
    Error::Row { path: path.to_owned(), row, column: "整行".to_owned(), problem }
}

/// Which of comma, tab, semicolon and bar parts the beginning of a file most evenly: into the same number of cells, more than
/// one, in most rows. A comma where none does.
fn delimiter(beginning: &[u8]) -> u8 {
    let evenness = |delimiter: u8| {
        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(beginning);
        let widths: Vec<usize> = reader.byte_records().map_while(|row| Some(row.ok()?.len())).collect();
        // The last row may be cut off.
        let widths = if widths.len() > 1 { &widths[..widths.len() - 1] } else { &widths[..] };
        let same = |width: usize| widths.iter().filter(|&&other| other == width).count();
        widths.iter().filter(|&&width| width > 1).map(|&width| (same(width), width)).max().unwrap_or_default()
    };
    [b',', b'\t', b';', b'|'].into_iter().rev().max_by_key(|&delimiter| evenness(delimiter)).unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_what_parts_the_rows_evenly() {
        assert_eq!(delimiter("a,b\n1;2,3\n4;5,6\n".as_bytes()), b',');
        assert_eq!(delimiter("a\tb\n1,2\t3\n4\t5\n".as_bytes()), b'\t');
        assert_eq!(delimiter("甲;乙\n\"x;y\";2\n3;4\n".as_bytes()), b';');
        assert_eq!(delimiter("甲|乙\n1|2,3\n4|5,6\n7|8\n".as_bytes()), b'|');
        assert_eq!(delimiter("只有一列\n一\n".as_bytes()), b',');
    }
}
