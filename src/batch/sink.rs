//! The forms in which a table is written, row by row.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{Field, Schema, SchemaRef};
use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::arrow::{columns, field};
use super::entry::Entry;
use super::flat::{COLUMNS, place};
use super::output::{Further, Output};
use crate::error::{Error, Result};
use crate::table::{Book, Cell, Delimited, Format, Input, Kind, Parquet, RawRow, SheetId, Value};

/// The key under which JSON lines get their record.
pub(super) const KEY: &str = "waibao";
/// Rows that are written together, where columns are.
const TOGETHER: usize = 1_024;

type ToFile<'a> = &'a mut BufWriter<File>;

/// What a table is written as.
pub(super) struct Sink<'a> {
    path: &'a Path,
    form: Form<'a>,
}

enum Form<'a> {
    Delimited(Delimited<ToFile<'a>>),
    Lines(ToFile<'a>),
    Book(Box<Book>, SheetId),
    Parquet(Columns<'a>),
}

impl<'a> Sink<'a> {
    /// Begins a table in a file.
    pub(super) fn new(output: &Output<'_>, format: Format, path: &'a Path, file: ToFile<'a>) -> Result<Self> {
        let headings = output.headings();
        let names = headings.iter().map(String::as_str);
        let failed = |error| Error::file(path, "写入", error);
        let form = match format {
            Format::Delimited => {
                let tabs = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("tsv"));
                let delimiter = if tabs { b'\t' } else { b',' };
                Form::Delimited(Delimited::new(file, delimiter, output.bom, names).map_err(failed)?)
            }
            Format::JsonLines => Form::Lines(file),
            Format::Workbook => {
                let mut book = Book::default();
                let names: Vec<&str> = names.collect();
                let sheet = book.sheet("数据", &names, |_| false)?;
                Form::Book(Box::new(book), sheet)
            }
            Format::Parquet => Form::Parquet(Columns::new(output, &headings, path, file)?),
        };
        Ok(Self { path, form })
    }

    /// Hands on what is held back; a workbook is still to be saved.
    pub(super) fn finish(self) -> Result<Option<Book>> {
        let failed = |error| Error::file(self.path, "写入", error);
        match self.form {
            Form::Delimited(sink) => sink.finish().map(|()| None).map_err(failed),
            Form::Lines(_) => Ok(None),
            Form::Book(book, _) => Ok(Some(*book)),
            Form::Parquet(sink) => sink.finish().map(|()| None),
        }
    }

    pub(super) fn push(&mut self, output: &Output<'_>, row: &RawRow, entry: &Entry) -> Result<()> {
        let own = output.kept.iter().map(|&at| &row.cells[at]);
        let failed = |error| Error::file(self.path, "写入", error);
        match &mut self.form {
            Form::Delimited(sink) => sink.push(own.chain(&entry.cells)).map_err(failed),
            Form::Lines(file) => writeln!(file, "{}", line(output, row, entry)).map_err(failed),
            Form::Book(book, sheet) => book.push(*sheet, own.chain(&entry.cells).map(Cell::from)),
            Form::Parquet(sink) => sink.push(own, entry),
        }
    }
}

/// Columns on their way into a file: those of a Parquet input as they are, others in the narrowest type that keeps all
/// their cells.
struct Columns<'a> {
    path: &'a Path,
    file: Parquet<ToFile<'a>>,
    schema: SchemaRef,
    own: Own,
    added: Vec<&'static str>,
    entries: Vec<Entry>,
}

enum Own {
    /// The input's own batches, of which the places are kept, in step with the entries.
    Batches { batches: Box<dyn Iterator<Item = Result<RecordBatch>>>, at_hand: Option<RecordBatch>, kept: Vec<usize> },
    /// Rows that wait until there are enough.
    Rows { kinds: Vec<Kind>, rows: Vec<Vec<Value>> },
}

impl<'a> Columns<'a> {
    fn new(output: &Output<'_>, headings: &[String], path: &'a Path, file: ToFile<'a>) -> Result<Self> {
        let (mut fields, own) = match output.input.columns()? {
            Some((schema, batches)) => {
                let fields = output.kept.iter().map(|&at| schema.field(at).clone()).collect::<Vec<_>>();
                (fields, Own::Batches { batches: Box::new(batches), at_hand: None, kept: output.kept.to_vec() })
            }
            None => {
                let kinds = kinds(output.input, output.kept)?;
                let own = |(name, kind): (&String, &Kind)| Field::new(name, kind.data_type(), true);
                (headings.iter().zip(&kinds).map(own).collect(), Own::Rows { kinds, rows: Vec::new() })
            }
        };
        let added = output.added();
        fields.extend(added.iter().zip(&headings[output.kept.len()..]).map(|(column, name)| field(column, name)));
        let schema = Arc::new(Schema::new(fields));
        let file = Parquet::new(file, schema.clone()).map_err(|error| Error::file(path, "写入", error))?;
        Ok(Self { path, file, schema, own, added, entries: Vec::with_capacity(TOGETHER) })
    }

    fn push<'v>(&mut self, own: impl Iterator<Item = &'v Value>, entry: &Entry) -> Result<()> {
        self.entries.push(entry.clone());
        let full = match &mut self.own {
            Own::Rows { rows, .. } => {
                rows.push(own.cloned().collect());
                rows.len() == TOGETHER
            }
            Own::Batches { batches, at_hand, .. } => {
                if at_hand.is_none() {
                    *at_hand = batches.next().transpose()?;
                }
                at_hand.as_ref().is_some_and(|batch| batch.num_rows() == self.entries.len())
            }
        };
        if full { self.write() } else { Ok(()) }
    }

    /// Writes the rows that wait.
    fn write(&mut self) -> Result<()> {
        let mut arrays: Vec<ArrayRef> = match &mut self.own {
            Own::Rows { kinds, rows } => {
                let column = |(at, kind): (usize, &Kind)| kind.array(rows.iter().map(|row| &row[at]));
                let arrays = kinds.iter().enumerate().map(column).collect();
                rows.clear();
                arrays
            }
            Own::Batches { at_hand, kept, .. } => {
                let batch = at_hand.take();
                batch.iter().flat_map(|batch| kept.iter().map(|&at| batch.column(at).clone())).collect()
            }
        };
        arrays.extend(columns(&self.added, &self.entries));
        self.entries.clear();
        let batch = RecordBatch::try_new(self.schema.clone(), arrays).map_err(std::io::Error::other);
        let written = batch.and_then(|batch| self.file.push(&batch));
        written.map_err(|error| Error::file(self.path, "写入", error))
    }

    fn finish(mut self) -> Result<()> {
        if !self.entries.is_empty() {
            self.write()?;
        }
        self.file.finish().map_err(|error| Error::file(self.path, "写入", error))
    }
}

/// What the columns hold, over all rows.
fn kinds(input: &Input, kept: &[usize]) -> Result<Vec<Kind>> {
    let mut kinds = vec![Kind::Nothing; kept.len()];
    input.rows(&mut |row| {
        for (kind, &at) in kinds.iter_mut().zip(kept) {
            *kind = kind.with(&row.cells[at]);
        }
        Ok(())
    })?;
    Ok(kinds)
}

/// The line of a row: what it was, byte for byte, and the record.
fn line(output: &Output<'_>, row: &RawRow, entry: &Entry) -> String {
    let failed = || serde_json::json!({ "error": entry.cells[place("出错原因")].to_text() }).to_string();
    let record = entry.record.clone().unwrap_or_else(failed);
    let all = output.kept.len() == output.input.headings.len();
    let own = match &row.line {
        Some(line) if all => line.clone(),
        line => fields(output, row, line.as_deref()),
    };
    let open = own.trim_end().strip_suffix('}').unwrap_or(&own).trim_end();
    let comma = if open.ends_with('{') { "" } else { "," };
    // The output of an earlier run has one already.
    let free = |key: &str| {
        if output.input.headings.iter().any(|heading| heading == key) { format!("{key}_2") } else { key.to_owned() }
    };
    let further = output.further.map(|added| format!(",\"{}\":{}", free(added.key), further(added, entry)));
    format!("{open}{comma}\"{}\":{record}{}}}", free(KEY), further.unwrap_or_default())
}

/// The further columns as an object, with the answer before them; nothing where nothing stands in them.
fn further(added: Further, entry: &Entry) -> Json {
    let cells = &entry.cells[COLUMNS.len()..];
    if cells.iter().all(Value::is_blank) {
        return Json::Null;
    }
    let answer = ["代码", "名称", "结论"].map(|column| (column, &entry.cells[place(column)]));
    let all = answer.into_iter().chain(added.columns.iter().copied().zip(cells));
    Json::Object(all.map(|(column, cell)| (column.to_owned(), json(cell))).collect())
}

/// An object of the columns that are kept; of JSON lines their values byte for byte.
fn fields(output: &Output<'_>, row: &RawRow, line: Option<&str>) -> String {
    let raw: HashMap<String, &RawValue> = line.and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
    let field = |&at: &usize| {
        let name = &output.input.headings[at];
        let value = raw.get(name).map_or_else(|| json(&row.cells[at]).to_string(), |value| value.get().to_owned());
        format!("{}:{value}", Json::String(name.clone()))
    };
    format!("{{{}}}", output.kept.iter().map(field).collect::<Vec<_>>().join(","))
}

fn json(value: &Value) -> Json {
    match value {
        Value::Empty => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Number(number) if number.fract() == 0.0 && number.abs() < 9e15 => Json::from(*number as i64),
        Value::Number(number) => Json::from(*number),
        date @ Value::Date { .. } => Json::String(date.to_text()),
        Value::Text(text) => Json::String(text.clone()),
    }
}
