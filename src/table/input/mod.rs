//! A table as a user's file holds it: every column, every row, each cell with its type.

mod archive;
mod columnar;
mod delimited;
mod format;
mod headings;
mod lines;
mod quotes;
mod sheet;

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use sha2::{Digest, Sha256};

pub use self::format::Format;
use self::format::Inside;
use self::headings::{HEAD, Headings, Widths};
use super::value::Value;
use crate::error::{Error, Result};

/// Rows that are shown for guessing columns.
const SAMPLE: usize = 200;

/// What the user says of a file; what is not said is found out.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Its form.
    pub format: Option<Format>,
    /// The sheet of a workbook, by its name or its number from 1; else the first that is not empty.
    pub sheet: Option<String>,
    /// The row of the headings, from 1; what stands above is not read. 0 where there are none.
    pub header_row: Option<u64>,
}

/// A row of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct RawRow {
    /// Its number in the file, from 1.
    pub number: u64,
    /// Its cells, as many as there are headings.
    pub cells: Vec<Value>,
    /// Of JSON lines the line itself.
    pub line: Option<String>,
}

/// A file that has been looked through once.
#[derive(Debug)]
pub struct Input {
    path: PathBuf,
    form: Form,
    header_row: u64,
    /// The headings; a column without one is called by its letter.
    pub headings: Vec<String>,
    /// How many rows stand below the headings.
    pub rows: u64,
    /// The first rows as text, for guessing columns.
    pub sample: Vec<Vec<String>>,
    /// SHA-256 of the file, hexadecimal.
    pub hash: String,
    /// What was decided on opening and may be wrong, in sentences for the user.
    pub notes: Vec<String>,
}

#[derive(Debug)]
enum Form {
    Delimited(delimited::Dialect),
    JsonLines,
    Sheet(sheet::Choice),
    Parquet(SchemaRef),
}

type Visit<'a> = dyn FnMut(RawRow) -> Result<()> + 'a;

impl Input {
    /// Looks through a file: form, encoding, headings, number of rows, hash.
    ///
    /// # Errors
    /// [`Error::File`] for a file that cannot be read, [`Error::Row`] and [`Error::Argument`] for one that is broken, has no
    /// such sheet or no rows.
    pub fn open(path: &Path, options: &Options) -> Result<Self> {
        let format = options.format.or_else(|| Format::of(path)).ok_or_else(|| {
            let problem = "认不出文件格式。请用 .xlsx、.xls、.ods、.csv、.tsv、.jsonl 或 .parquet，或用 --format 指明";
            Error::Argument(format!("{}：{problem}", path.display()))
        })?;
        Inside::of(path)?.expect(format, path)?;
        let form = match format {
            Format::Delimited => Form::Delimited(delimited::Dialect::of(path)?),
            Format::JsonLines => Form::JsonLines,
            Format::Workbook => {
                sheet::check(path)?;
                Form::Sheet(sheet::choose(path, options.sheet.as_deref())?)
            }
            Format::Parquet => Form::Parquet(columnar::schema(path)?),
        };
        let hash = hash(path).map_err(|error| Error::file(path, "读取", error))?;
        let mut input = Self {
            path: path.to_owned(),
            form,
            header_row: 0,
            headings: Vec::new(),
            rows: 0,
            sample: Vec::new(),
            hash,
            notes: Vec::new(),
        };
        input.look_through(options.header_row)?;
        Ok(input)
    }

    /// Finds the headings, counts the rows and keeps the first.
    fn look_through(&mut self, header_row: Option<u64>) -> Result<()> {
        let found = match &self.form {
            Form::JsonLines => Headings { last: 0, names: lines::keys(&self.path)?, note: None },
            Form::Parquet(schema) => {
                let names = schema.fields().iter().map(|field| field.name().clone()).collect();
                Headings { last: 0, names, note: None }
            }
            Form::Delimited(_) => self.find_headings(header_row, &[])?,
            Form::Sheet(sheet) => {
                self.notes.extend(sheet.note());
                self.find_headings(header_row, &sheet::merged(&self.path, &sheet.name)?)?
            }
        };
        self.notes.extend(found.note);
        (self.header_row, self.headings) = (found.last, found.names);
        let (mut rows, mut sample) = (0, Vec::new());
        self.rows(&mut |row| {
            rows += 1;
            if sample.len() < SAMPLE {
                sample.push(row.cells.iter().map(Value::to_text).collect());
            }
            Ok(())
        })?;
        if rows == 0 {
            let others = if let Form::Sheet(sheet) = &self.form { sheet.note() } else { None };
            let others = others.map(|others| format!("。{others}")).unwrap_or_default();
            return Err(Error::Argument(format!("{}表头下面没有数据行{others}", self.place())));
        }
        (self.rows, self.sample) = (rows, sample);
        Ok(())
    }

    /// The last row of the headings, and the headings over all columns that any row has.
    fn find_headings(&self, said: Option<u64>, merged: &[headings::Merged]) -> Result<Headings> {
        let (mut head, mut widths): (Vec<RawRow>, Widths) = (Vec::new(), Widths::default());
        let wanted = HEAD + said.unwrap_or(0) as usize;
        self.raw(&mut |row| {
            widths.add(&row.cells);
            if head.len() < wanted {
                head.push(row);
            }
            Ok(())
        })?;
        headings::find(&head, merged, &widths, said).map_err(|problem| {
            let advice = "请用 --header-row 指明表头所在的行（没有表头就写 0）";
            Error::Argument(format!("{}{problem}。{advice}", self.place()))
        })
    }

    /// The file and, of a workbook, the sheet, as the beginning of a message.
    fn place(&self) -> String {
        let sheet =
            if let Form::Sheet(sheet) = &self.form { format!("工作表“{}”", sheet.name) } else { String::new() };
        format!("{}：{sheet}", self.path.display())
    }

    /// Shows every row below the headings to a function, in order.
    ///
    /// # Errors
    /// As [`Self::open`], and what the function returns.
    pub fn rows(&self, visit: &mut Visit<'_>) -> Result<()> {
        let width = self.headings.len();
        match self.form {
            Form::JsonLines => return lines::rows(&self.path, &self.headings, visit),
            Form::Parquet(_) => return columnar::rows(&self.path, visit),
            Form::Delimited(_) | Form::Sheet(_) => {}
        }
        self.raw(&mut |mut row| {
            if row.number <= self.header_row {
                return Ok(());
            }
            row.cells.resize(width, Value::Empty);
            visit(row)
        })
    }

    /// Whether the file still is what it was when it was opened.
    ///
    /// # Errors
    /// [`Error::Argument`] where it is not, [`Error::File`] where it cannot be read.
    pub fn check_unchanged(&self) -> Result<()> {
        let now = hash(&self.path).map_err(|error| Error::file(&self.path, "读取", error))?;
        if now == self.hash {
            return Ok(());
        }
        Err(Error::Argument(format!("{}：在处理中被改动，没有写出结果。请保存并关闭它，然后重做", self.path.display())))
    }

    fn raw(&self, visit: &mut Visit<'_>) -> Result<()> {
        match &self.form {
            Form::Delimited(dialect) => dialect.rows(&self.path, visit),
            Form::Sheet(sheet) => sheet::rows(&self.path, &sheet.name, visit),
            Form::JsonLines | Form::Parquet(_) => Ok(()),
        }
    }

    /// The columns of a Parquet file with their types, and all rows as they are, a batch at a time; none of another file.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn columns(&self) -> Result<Option<(SchemaRef, impl Iterator<Item = Result<RecordBatch>> + use<>)>> {
        let Form::Parquet(schema) = &self.form else { return Ok(None) };
        let path = self.path.clone();
        let damaged = move |error| Error::Argument(format!("{}：读取 Parquet 时出错：{error}", path.display()));
        let batches = columnar::batches(&self.path)?.map(move |batch| batch.map_err(&damaged));
        Ok(Some((schema.clone(), batches)))
    }
}

/// A column's letters, as a spreadsheet names it.
fn letters(at: usize) -> String {
    let mut rest = at + 1;
    let mut letters = Vec::new();
    while rest > 0 {
        letters.push(char::from(b'A' + ((rest - 1) % 26) as u8));
        rest = (rest - 1) / 26;
    }
    letters.iter().rev().collect()
}

/// SHA-256 of a file, hexadecimal.
fn hash(path: &Path) -> std::io::Result<String> {
    let mut file = BufReader::new(File::open(path)?);
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(crate::hex(&hasher.finalize()));
        }
        hasher.update(&buffer[..read]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn open(name: &str, content: &[u8], options: &Options) -> Result<(Input, Vec<RawRow>)> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        let input = Input::open(&path, options)?;
        let mut rows = Vec::new();
        input.rows(&mut |row| {
            rows.push(row);
            Ok(())
        })?;
        assert_eq!(rows.len() as u64, input.rows);
        Ok((input, rows))
    }

    fn texts(row: &RawRow) -> Vec<String> {
        row.cells.iter().map(Value::to_text).collect()
    }

    #[test]
    fn a_title_above_the_headings_is_not_taken_for_them() {
        let content = "2025年合同台账,,\n填报单位：某某局,,\n编号,合同名称,内容\n0012,客服外包,热线座席\n,,\n3,翻译,手册,多一格\n";
        let (input, rows) = open("a.csv", content.as_bytes(), &Options::default()).unwrap();
        assert_eq!(input.headings, ["编号", "合同名称", "内容", "列D"]);
        assert_eq!(rows.iter().map(|row| row.number).collect::<Vec<_>>(), [4, 5, 6]);
        assert_eq!(texts(&rows[0]), ["0012", "客服外包", "热线座席", ""]);
        assert_eq!(texts(&rows[1]), ["", "", "", ""]);
        assert_eq!(texts(&rows[2]), ["3", "翻译", "手册", "多一格"]);
    }

    #[test]
    fn the_header_row_can_be_said() {
        let said = |row| Options { header_row: Some(row), ..Options::default() };
        let (input, rows) = open("a.tsv", "甲\t乙\n丙\t丁\n1\t2\n".as_bytes(), &said(2)).unwrap();
        assert_eq!((input.headings, rows.len()), (vec!["丙".to_owned(), "丁".to_owned()], 1));
        let error = open("a.tsv", "甲\t乙\n".as_bytes(), &said(7)).unwrap_err();
        assert!(error.to_string().contains("没有第 7 行"));
        let (input, rows) = open("a.csv", "客服,1\n翻译,2\n".as_bytes(), &said(0)).unwrap();
        assert_eq!((input.headings, rows.len()), (vec!["列A".to_owned(), "列B".to_owned()], 2));
    }

    #[test]
    fn rows_above_the_headings_are_spoken_of() {
        let content = "台账,\n编号,合同名称\n1,客服\n";
        let (input, _) = open("a.csv", content.as_bytes(), &Options::default()).unwrap();
        assert!(input.notes[..] == [input.notes[0].clone()] && input.notes[0].contains("上面的 1 行没有读"));
        let content = "客服,12\n保洁,13\n合同名称,金额\n运维,3\n";
        let error = open("a.csv", content.as_bytes(), &Options::default()).unwrap_err().to_string();
        assert!(error.contains("第 1、2 行像是数据") && error.contains("--header-row"), "{error}");
    }

    #[test]
    fn lines_without_anything_on_them_are_empty_rows() {
        for (content, numbers) in [
            ("名称\n\n客服\n\n\n翻译\n", &[2, 3, 4, 5, 6][..]),
            ("名称\r\n\r\n客服\r\n\r\n\r\n翻译", &[2, 3, 4, 5, 6]),
            ("名称\n\"客\n\n服\"\n\n翻译\n\n\n", &[2, 3, 4]),
        ] {
            let (_, rows) = open("a.csv", content.as_bytes(), &Options::default()).unwrap();
            assert_eq!(rows.iter().map(|row| row.number).collect::<Vec<_>>(), numbers, "{content:?}");
            assert_eq!(texts(rows.last().unwrap()), ["翻译"]);
            assert_eq!(rows.iter().filter(|row| row.cells.iter().all(Value::is_blank)).count(), numbers.len() - 2);
        }
    }

    #[test]
    fn json_lines_keep_their_lines_and_the_order_of_their_keys() {
        let content = "{\"b\": 1.50, \"a\": \"x\"}\n\n{\"c\": 12345678901234567890, \"b\": null}\n";
        let (input, rows) = open("a.jsonl", content.as_bytes(), &Options::default()).unwrap();
        assert_eq!(input.headings, ["b", "a", "c"]);
        assert_eq!(rows[0].line.as_deref(), Some("{\"b\": 1.50, \"a\": \"x\"}"));
        assert_eq!(texts(&rows[1]), ["", "", "12345678901234567890"]);
    }

    #[test]
    fn what_cannot_be_read_says_what_to_do() {
        let message = |name, content: &[u8]| open(name, content, &Options::default()).unwrap_err().to_string();
        assert!(message("a.doc", b"x").contains("--format"));
        assert!(message("a.csv", b"").contains("--header-row"));
        assert!(message("a.csv", b"a,b\n").contains("没有数据行"));
        for name in ["a.xlsx", "a.xls", "a.ods"] {
            assert!(message(name, b"PK no workbook").contains("另存为 .xlsx"), "{name}");
        }
    }

    proptest! {
        /// Whatever stands in the cells, and however it is encoded and parted, it is read as it was.
        #[test]
        fn text_files_are_read_as_they_were_written(
            cells in proptest::collection::vec("[一-龥a-z0-9，。\"'\n;=+\u{3000}-]{0,8}", 4..24),
            delimiter in proptest::sample::select(&[b',', b'\t', b';', b'|'][..]),
            form in 0..5,
        ) {
            let rows: Vec<&[String]> = cells.chunks_exact(2).collect();
            let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
            writer.write_record(["编号", "内容"]).unwrap();
            rows.iter().for_each(|row| writer.write_record(*row).unwrap());
            let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
            let units = |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
            let content = match form {
                0 => text.clone().into_bytes(),
                1 => [b"\xef\xbb\xbf", text.as_bytes()].concat(),
                2 => [b"\xff\xfe".to_vec(), units(u16::to_le_bytes)].concat(),
                3 => [b"\xfe\xff".to_vec(), units(u16::to_be_bytes)].concat(),
                _ => encoding_rs::GB18030.encode(&text).0.into_owned(),
            };
            let (input, found) = open("a.csv", &content, &Options { header_row: Some(1), ..Options::default() }).unwrap();
            prop_assert_eq!(&input.headings[..2], ["编号", "内容"]);
            let found: Vec<Vec<String>> = found.iter().map(texts).collect();
            prop_assert_eq!(found, rows.iter().map(|row| row.to_vec()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn columns_are_lettered_as_in_a_spreadsheet() {
        let found: Vec<_> = [0, 25, 26, 701, 702].into_iter().map(letters).collect();
        assert_eq!(found, ["A", "Z", "AA", "ZZ", "AAA"]);
    }
}
