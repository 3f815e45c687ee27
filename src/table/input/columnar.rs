//! Parquet: columns with their Arrow types.

use std::fs::File;
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{ArrowError, DataType, SchemaRef, TimeUnit};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::{RawRow, Visit};
use crate::error::{Error, Result};
use crate::table::value::{Value, of_unix};

/// Rows that are read together.
const BATCH: usize = 1_024;
/// From here on a double no longer holds every whole number.
const EXACT: u64 = 1 << 53;

fn builder(path: &Path) -> Result<ParquetRecordBatchReaderBuilder<File>> {
    let file = File::open(path).map_err(|error| Error::file(path, "读取", error))?;
    ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| damaged(path, error))
}

fn damaged(path: &Path, error: impl std::fmt::Display) -> Error {
    Error::Argument(format!("{}：不是完好的 Parquet 文件（{error}）", path.display()))
}

/// The columns with their types.
pub(super) fn schema(path: &Path) -> Result<SchemaRef> {
    Ok(builder(path)?.schema().clone())
}

/// The columns as they are, a batch of rows at a time.
pub(super) fn batches(path: &Path) -> Result<ParquetRecordBatchReader> {
    builder(path)?.with_batch_size(BATCH).build().map_err(|error| damaged(path, error))
}

/// Shows every row to a function.
pub(super) fn rows(path: &Path, visit: &mut Visit<'_>) -> Result<()> {
    let mut number = 0;
    for batch in batches(path)? {
        let columns = values(&batch.map_err(|error| damaged(path, error))?).map_err(|error| damaged(path, error))?;
        let mut columns: Vec<_> = columns.into_iter().map(Vec::into_iter).collect();
        while let Some(cells) = columns.iter_mut().map(Iterator::next).collect::<Option<Vec<Value>>>() {
            number += 1;
            if cells.is_empty() {
                break;
            }
            visit(RawRow { number, cells, line: None })?;
        }
    }
    Ok(())
}

fn values(batch: &RecordBatch) -> std::result::Result<Vec<Vec<Value>>, ArrowError> {
    batch.columns().iter().map(column).collect()
}

/// The cells of a column. What has no counterpart among cells (decimals, lists, times of day …) is written out as text.
fn column(array: &ArrayRef) -> std::result::Result<Vec<Value>, ArrowError> {
    use DataType as T;
    let cast = |to: &DataType| arrow_cast::cast(array, to);
    let date = |days: f64| Value::Date { date: of_unix(days) };
    Ok(match array.data_type() {
        T::Boolean => each(array.as_boolean().iter(), Value::Bool),
        T::Int8 | T::Int16 | T::Int32 | T::Int64 | T::UInt8 | T::UInt16 | T::UInt32 => {
            let whole = |number: i64| {
                if number.unsigned_abs() < EXACT {
                    Value::Number(number as f64)
                } else {
                    Value::Text(number.to_string())
                }
            };
            each(cast(&T::Int64)?.as_primitive::<Int64Type>().iter(), whole)
        }
        T::Float64 => each(array.as_primitive::<Float64Type>().iter(), Value::Number),
        T::Date32 => each(array.as_primitive::<Date32Type>().iter(), |days| date(f64::from(days))),
        T::Timestamp(_, None) => {
            let micros = cast(&T::Timestamp(TimeUnit::Microsecond, None))?;
            let days = |micros: i64| date(micros as f64 / 86_400e6);
            each(micros.as_primitive::<TimestampMicrosecondType>().iter(), days)
        }
        _ => {
            let options = FormatOptions::default();
            let text = ArrayFormatter::try_new(array, &options)?;
            let cell = |at: usize| {
                if array.is_null(at) { Value::Empty } else { Value::from(text.value(at).to_string()) }
            };
            (0..array.len()).map(cell).collect()
        }
    })
}

fn each<T>(cells: impl Iterator<Item = Option<T>>, value: impl Fn(T) -> Value) -> Vec<Value> {
    cells.map(|cell| cell.map_or(Value::Empty, &value)).collect()
}
