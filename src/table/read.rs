//! Reading by the names of the columns.

use std::path::Path;
use std::rc::Rc;

use super::input::{Input, Options};
use crate::error::Result;

/// A row of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its number in the file, from 1, where a spreadsheet's header is row 1.
    pub number: u64,
    /// The names of the columns with what stands in them.
    pub cells: Vec<(Rc<str>, String)>,
}

impl Row {
    /// What stands in a column, without spaces around it; none for a column that is missing or empty.
    pub fn get(&self, column: &str) -> Option<&str> {
        let (_, cell) = self.cells.iter().find(|(name, _)| &**name == column)?;
        Some(cell.trim()).filter(|cell| !cell.is_empty())
    }

    /// The names of the columns.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.cells.iter().map(|(name, _)| &**name)
    }
}

/// Shows every row of a table to a function, in order; empty rows are passed over. Memory does not grow with the rows, but
/// for what a workbook's library keeps.
///
/// # Errors
/// As [`Input::open`], and what the function returns.
pub fn read(path: &Path, visit: &mut dyn FnMut(Row) -> Result<()>) -> Result<()> {
    let input = Input::open(path, &Options::default())?;
    let names: Vec<Rc<str>> = input.headings.iter().map(|name| Rc::from(name.as_str())).collect();
    input.rows(&mut |row| {
        if row.cells.iter().all(super::Value::is_blank) {
            return Ok(());
        }
        let cells = names.iter().cloned().zip(row.cells.iter().map(super::Value::to_text)).collect();
        visit(Row { number: row.number, cells })
    })
}

#[cfg(test)]
mod tests {
    use encoding_rs::GB18030;

    use super::*;
    use crate::table::{Book, Cell};

    fn rows(name: &str, content: &[u8]) -> Result<Vec<Row>> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        let mut rows = Vec::new();
        read(&path, &mut |row| {
            rows.push(row);
            Ok(())
        })?;
        Ok(rows)
    }

    fn cell(rows: &[Row], at: usize, column: &str) -> String {
        rows[at].get(column).unwrap().to_owned()
    }

    #[test]
    fn the_same_table_in_every_form_and_encoding() {
        let text = "编号,内容\n1,\"座席,外包\"\n,\n3,\"两\n行\"\n";
        let mut utf16 = vec![0xff, 0xfe];
        utf16.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
        let with_mark = format!("\u{feff}{text}");
        let forms: [(&str, &[u8]); 5] = [
            ("a.csv", text.as_bytes()),
            ("b.CSV", with_mark.as_bytes()),
            ("c.csv", &GB18030.encode(text).0),
            ("d.csv", &utf16),
            ("e.jsonl", "{\"编号\":1,\"内容\":\"座席,外包\"}\n\n{\"编号\":\"3\",\"内容\":\"两\\n行\"}\n".as_bytes()),
        ];
        for (name, content) in forms {
            let rows = rows(name, content).unwrap();
            assert_eq!(rows.len(), 2, "{name}");
            assert_eq!((cell(&rows, 0, "编号"), cell(&rows, 0, "内容")), ("1".into(), "座席,外包".into()), "{name}");
            assert_eq!(cell(&rows, 1, "内容"), "两\n行", "{name}");
            assert_eq!(rows[1].number, if name == "e.jsonl" { 3 } else { 4 }, "{name}");
        }
    }

    #[test]
    fn a_workbook_is_read_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.xlsx");
        let mut book = Book::default();
        let sheet = book.sheet("台账", &["编号", "内容"], |_| false).unwrap();
        book.push(sheet, [Cell::Number(1.0), Cell::Text("座席,外包")].into_iter()).unwrap();
        book.push(sheet, [Cell::Text("x"), Cell::Empty].into_iter()).unwrap();
        book.save(std::fs::File::create(&path).unwrap()).unwrap();
        let rows = rows("b.xlsx", &std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(
            (rows[0].number, cell(&rows, 0, "编号"), cell(&rows, 0, "内容")),
            (2, "1".into(), "座席,外包".into())
        );
        assert_eq!(rows[1].get("内容"), None);
    }

    #[test]
    fn what_is_broken_is_named_with_its_row() {
        let message = |name, content: &[u8]| rows(name, content).unwrap_err().to_string();
        assert!(message("a.csv", b"a,b\n1,2\n1,\xff\xff\n").contains("第 3 行，B 列"));
        assert!(message("a.jsonl", "{}\n[1]\n".as_bytes()).contains("第 2 行"));
        assert!(message("a.jsonl", b"{}\n\"\xff\"\n").contains("第 2 行"));
        assert!(message("a.xlsx", b"PK not really").contains("a.xlsx"));
        assert!(message("a.doc", b"").contains(".xlsx"));
    }
}
