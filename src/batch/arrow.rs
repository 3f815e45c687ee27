//! Classification of a column of texts: Arrow arrays in, a struct column out.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StructArray};
use arrow_schema::{DataType, Field, Fields};

use super::entry::Entry;
use super::flat::{COLUMNS, kind};
use super::texts::Decider;
use crate::classifier::Classifier;
use crate::error::{Error, Result};

/// Decides every text of a column, on so many threads. The answer has as many rows, and the fields of [`COLUMNS`]: confidences
/// as doubles, all else as text. Where the text is null the fields are null; where it could not be decided, all but
/// 出错原因.
///
/// With more than one thread `RAYON_NUM_THREADS=1` should stand in the environment of the process: else the encoder parts
/// each batch among all cores, of which every one has a batch already.
///
/// # Errors
/// [`Error::Argument`] for an array that holds no texts.
pub fn classify_column(classifier: &Classifier, texts: &dyn Array, jobs: usize) -> Result<StructArray> {
    let cast = arrow_cast::cast(texts, &DataType::Utf8);
    let cast = cast.map_err(|error| Error::Argument(format!("这一列不是文字：{error}")))?;
    let texts = cast.as_string::<i32>();
    let wanted: Vec<String> =
        texts.iter().flatten().filter(|text| !text.trim().is_empty()).map(str::to_owned).collect();
    let mut decided = Decider::new(classifier, false, jobs).entries(&wanted).into_iter();
    let entry = |text: Option<&str>| match text {
        None => Entry::empty(),
        Some(text) if text.trim().is_empty() => Entry::failed("没有文字"),
        Some(_) => decided.next().unwrap_or_else(Entry::empty),
    };
    let entries: Vec<Entry> = texts.iter().map(entry).collect();
    let fields = COLUMNS.iter().map(|name| field(name, name));
    StructArray::try_new(fields.collect::<Fields>(), columns(&COLUMNS, &entries), texts.nulls().cloned())
        .map_err(|error| Error::Argument(error.to_string()))
}

/// The field of an added column, under a name.
pub(super) fn field(column: &str, name: &str) -> Field {
    Field::new(name, kind(column).data_type(), true)
}

/// What is added to a table, as arrays under the added columns.
pub(super) fn columns(added: &[&str], entries: &[Entry]) -> Vec<ArrayRef> {
    let column = |(at, column): (usize, &&str)| kind(column).array(entries.iter().map(|entry| &entry.cells[at]));
    added.iter().enumerate().map(column).collect()
}
