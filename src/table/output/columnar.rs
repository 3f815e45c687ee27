//! Parquet: cells as Arrow arrays, and arrays into a file.

use std::io::Write;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_schema::{DataType, SchemaRef, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use crate::table::value::{Value, to_unix};

/// Rows of a row group: what lies in memory until it is written.
const ROW_GROUP: usize = 1 << 15;
/// From here on a double no longer holds every whole number.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// What a column holds: the narrowest type that keeps all of its cells as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing so far.
    Nothing,
    /// True or false.
    Bool,
    /// Whole numbers.
    Whole,
    /// Numbers.
    Number,
    /// Days.
    Day,
    /// Points in time.
    Time,
    /// Text, and whatever is mixed.
    Text,
}

impl Kind {
    /// What a column holds that also holds a cell.
    #[must_use]
    pub fn with(self, cell: &Value) -> Self {
        let other = match cell {
            Value::Empty => return self,
            Value::Bool(_) => Self::Bool,
            Value::Number(number) if number.fract() == 0.0 && number.abs() < EXACT => Self::Whole,
            Value::Number(_) => Self::Number,
            Value::Date { date } if date.fract() == 0.0 => Self::Day,
            Value::Date { .. } => Self::Time,
            Value::Text(_) => Self::Text,
        };
        match (self, other) {
            (Self::Nothing, other) => other,
            (one, other) if one == other => one,
            (Self::Whole, Self::Number) | (Self::Number, Self::Whole) => Self::Number,
            (Self::Day, Self::Time) | (Self::Time, Self::Day) => Self::Time,
            _ => Self::Text,
        }
    }

    /// Its Arrow type.
    pub fn data_type(self) -> DataType {
        match self {
            Self::Bool => DataType::Boolean,
            Self::Whole => DataType::Int64,
            Self::Number => DataType::Float64,
            Self::Day => DataType::Date32,
            Self::Time => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Nothing | Self::Text => DataType::Utf8,
        }
    }

    /// The cells of a column as an array of this type; a cell that does not fit is null.
    pub fn array<'a>(self, cells: impl Iterator<Item = &'a Value>) -> ArrayRef {
        let number = |cell: &Value| if let Value::Number(number) = cell { Some(*number) } else { None };
        let days = |cell: &Value| if let Value::Date { date } = cell { Some(to_unix(*date)) } else { None };
        match self {
            Self::Bool => {
                let bools = cells.map(|cell| if let Value::Bool(value) = cell { Some(*value) } else { None });
                Arc::new(bools.collect::<BooleanArray>())
            }
            Self::Whole => Arc::new(cells.map(|cell| number(cell).map(|number| number as i64)).collect::<Int64Array>()),
            Self::Number => Arc::new(cells.map(number).collect::<Float64Array>()),
            Self::Day => Arc::new(cells.map(|cell| days(cell).map(|days| days as i32)).collect::<Date32Array>()),
            Self::Time => {
                let micros = |cell| days(cell).map(|days| (days * 86_400e6).round() as i64);
                Arc::new(cells.map(micros).collect::<TimestampMicrosecondArray>())
            }
            Self::Nothing | Self::Text => {
                let texts = cells.map(|cell| if *cell == Value::Empty { None } else { Some(cell.to_text()) });
                Arc::new(texts.collect::<StringArray>())
            }
        }
    }
}

/// A Parquet file that is being written.
pub struct Parquet<W: Write + Send> {
    writer: ArrowWriter<W>,
}

impl<W: Write + Send> Parquet<W> {
    /// Begins a file with these columns.
    ///
    /// # Errors
    /// What the writer fails with, here and below.
    pub fn new(to: W, schema: SchemaRef) -> std::io::Result<Self> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_max_row_group_row_count(Some(ROW_GROUP))
            .build();
        let writer = ArrowWriter::try_new(to, schema, Some(properties)).map_err(std::io::Error::other)?;
        Ok(Self { writer })
    }

    /// Adds rows.
    pub fn push(&mut self, batch: &RecordBatch) -> std::io::Result<()> {
        self.writer.write(batch).map_err(std::io::Error::other)
    }

    /// Writes what is held back, and the end of the file.
    pub fn finish(self) -> std::io::Result<()> {
        self.writer.close().map(drop).map_err(std::io::Error::other)
    }
}
