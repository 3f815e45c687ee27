//! Reading: one row at a time, whatever the file's form and encoding.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

use calamine::{DataRef, Reader, Xlsx, XlsxError};
use encoding_rs::GB18030;
use encoding_rs_io::DecodeReaderBytesBuilder;

use crate::error::{Error, Result};

/// A row of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its number as a spreadsheet counts, where the header is row 1; of JSON lines the number of the line.
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

/// Shows every row of a `.csv`, `.jsonl` or `.xlsx` file to a function, in order; empty rows are passed over. A CSV may be
/// UTF-8, GB18030 (as office programs save it) or UTF-16 with a mark; of a workbook the first sheet is read. Memory does
/// not grow with the rows, but for a workbook's table of shared strings.
///
/// # Errors
/// [`Error::File`] for a file that cannot be read, [`Error::Row`] for one that is broken, and what the function returns.
pub fn read(path: &Path, visit: &mut dyn FnMut(Row) -> Result<()>) -> Result<()> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "csv" => csv_rows(path, visit),
        "jsonl" => json_lines(path, visit),
        "xlsx" => sheet_rows(path, visit),
        _ => Err(Error::Argument(format!("{}：只认 .csv、.jsonl 和 .xlsx 文件", path.display()))),
    }
}

fn broken(path: &Path, row: u64, problem: String) -> Error {
    Error::Row { path: path.to_owned(), row, column: "整行".to_owned(), problem }
}

/// Names of columns; a byte-order mark and spaces around a name are not part of it.
fn names<'a>(cells: impl Iterator<Item = &'a str>) -> Vec<Rc<str>> {
    cells.map(|name| Rc::from(name.trim_start_matches('\u{feff}').trim())).collect()
}

fn csv_rows(path: &Path, visit: &mut dyn FnMut(Row) -> Result<()>) -> Result<()> {
    let mut reader = csv::Reader::from_reader(decoded(path)?);
    let problem = |row: u64, error: csv::Error| match error.into_kind() {
        csv::ErrorKind::Io(error) => Error::file(path, "读取", error),
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            broken(path, row, format!("有 {len} 格，表头有 {expected_len} 列；含逗号或换行的格要用双引号括起来"))
        }
        kind => broken(path, row, format!("不是完整的 CSV：{kind:?}")),
    };
    let columns = names(reader.headers().map_err(|error| problem(1, error))?.iter());
    let mut record = csv::StringRecord::new();
    for number in 2.. {
        if !reader.read_record(&mut record).map_err(|error| problem(number, error))? {
            return Ok(());
        }
        if let Some(at) = record.iter().position(|cell| cell.contains('\u{fffd}')) {
            let column = columns.get(at).map_or("", |name| name);
            let problem = "有不是 UTF-8 也不是 GB18030 的字。请另存为 UTF-8 后重试".to_owned();
            return Err(Error::Row { path: path.to_owned(), row: number, column: column.to_owned(), problem });
        }
        row(number, &columns, record.iter().map(str::to_owned), visit)?;
    }
    Ok(())
}

/// The text of a file as UTF-8: by its mark, else UTF-8 if all of it is, else GB18030.
fn decoded(path: &Path) -> Result<impl Read> {
    let open = || File::open(path).map_err(|error| Error::file(path, "读取", error));
    let utf8 = is_utf8(BufReader::new(open()?)).map_err(|error| Error::file(path, "读取", error))?;
    let encoding = if utf8 { None } else { Some(GB18030) };
    Ok(DecodeReaderBytesBuilder::new().encoding(encoding).bom_override(true).strip_bom(true).build(open()?))
}

/// Whether all of a stream is UTF-8, read in pieces.
fn is_utf8(mut stream: impl Read) -> std::io::Result<bool> {
    let mut buffer = vec![0; 1 << 16];
    let mut kept = 0;
    loop {
        let read = stream.read(&mut buffer[kept..])?;
        let end = kept + read;
        let valid = match std::str::from_utf8(&buffer[..end]) {
            Ok(_) => end,
            Err(error) if error.error_len().is_none() && read > 0 => error.valid_up_to(),
            Err(_) => return Ok(false),
        };
        if read == 0 {
            return Ok(true);
        }
        buffer.copy_within(valid..end, 0);
        kept = end - valid;
    }
}

fn json_lines(path: &Path, visit: &mut dyn FnMut(Row) -> Result<()>) -> Result<()> {
    let file = File::open(path).map_err(|error| Error::file(path, "读取", error))?;
    for (number, line) in (1..).zip(BufReader::new(file).lines()) {
        let line = line.map_err(|error| match error.kind() {
            std::io::ErrorKind::InvalidData => broken(path, number, "不是 UTF-8 编码的文字".to_owned()),
            _ => Error::file(path, "读取", error),
        })?;
        let line = line.trim_start_matches('\u{feff}').trim();
        if line.is_empty() {
            continue;
        }
        let object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(line).map_err(|error| broken(path, number, format!("不是一个 JSON 对象：{error}")))?;
        let text = |value: serde_json::Value| match value {
            serde_json::Value::String(text) => text,
            serde_json::Value::Null => String::new(),
            other => other.to_string(),
        };
        let cells = object.into_iter().map(|(key, value)| (Rc::from(key), text(value))).collect();
        visit(Row { number, cells })?;
    }
    Ok(())
}

fn sheet_rows(path: &Path, visit: &mut dyn FnMut(Row) -> Result<()>) -> Result<()> {
    let problem = |error: XlsxError| match error {
        XlsxError::Io(error) => Error::file(path, "读取", error),
        XlsxError::Password => Error::Argument(format!("{}：有密码保护。请去掉密码后重试", path.display())),
        error => Error::Argument(format!("{}：不是完好的 .xlsx 文件：{error}", path.display())),
    };
    let mut workbook: Xlsx<BufReader<File>> = calamine::open_workbook(path).map_err(problem)?;
    let Some(sheet) = workbook.sheet_names().first().cloned() else {
        return Err(Error::Argument(format!("{}：没有工作表", path.display())));
    };
    let mut cells = workbook.worksheet_cells_reader(&sheet).map_err(problem)?;
    let mut columns: Option<Vec<Rc<str>>> = None;
    let mut current: (u32, Vec<String>) = (0, Vec::new());
    let mut finish = |(at, cells): (u32, Vec<String>)| -> Result<()> {
        match &columns {
            _ if cells.iter().all(String::is_empty) => Ok(()),
            None => {
                columns = Some(names(cells.iter().map(String::as_str)));
                Ok(())
            }
            Some(columns) => row(u64::from(at) + 1, columns, cells.into_iter(), visit),
        }
    };
    while let Some(cell) = cells.next_cell().map_err(problem)? {
        let (at, column) = cell.get_position();
        if at != current.0 {
            finish(std::mem::replace(&mut current, (at, Vec::new())))?;
        }
        let column = column as usize;
        if current.1.len() <= column {
            current.1.resize(column + 1, String::new());
        }
        current.1[column] = match cell.get_value() {
            DataRef::Empty => String::new(),
            DataRef::SharedString(text) => (*text).to_owned(),
            DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
            DataRef::Int(number) => number.to_string(),
            DataRef::Float(number) => number.to_string(),
            DataRef::Bool(value) => value.to_string(),
            DataRef::DateTime(date) => date.to_string(),
            DataRef::Error(error) => error.to_string(),
        };
    }
    finish(current)
}

/// Shows a row, unless all of it is empty. A sheet's row may be shorter than its header.
fn row(
    number: u64,
    columns: &[Rc<str>],
    mut cells: impl Iterator<Item = String>,
    visit: &mut dyn FnMut(Row) -> Result<()>,
) -> Result<()> {
    let cells: Vec<_> = columns.iter().map(|name| (name.clone(), cells.next().unwrap_or_default())).collect();
    if cells.iter().all(|(_, cell)| cell.trim().is_empty()) {
        return Ok(());
    }
    visit(Row { number, cells })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Cell, Sheet};

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
        let mut sheet = Sheet::new(&["编号", "内容"]).unwrap();
        sheet.push(&[Cell::Number(1.0), Cell::Text("座席,外包")]).unwrap();
        sheet.push(&[Cell::Text("x"), Cell::Text("")]).unwrap();
        sheet.save(&path).unwrap();
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
        assert!(message("a.csv", "a,b\n1,2\n1,2,3\n".as_bytes()).contains("第 3 行"));
        assert!(message("a.csv", b"a,b\n1,2\n1,\xff\xff\n").contains("第 3 行，b 列"));
        assert!(message("a.jsonl", "{}\n[1]\n".as_bytes()).contains("第 2 行"));
        assert!(message("a.jsonl", b"{}\n\"\xff\"\n").contains("第 2 行"));
        assert!(message("a.xlsx", b"PK not really").contains("a.xlsx"));
        assert!(message("a.xls", b"").contains(".xlsx"));
    }

    #[test]
    fn a_character_may_lie_across_two_pieces() {
        let long = "合".repeat(50_000);
        for lead in ["", "a", "ab"] {
            assert!(is_utf8(format!("{lead}{long}").as_bytes()).unwrap());
        }
        assert!(!is_utf8(&[long.as_bytes(), b"\xe5"].concat()[..]).unwrap());
    }
}
