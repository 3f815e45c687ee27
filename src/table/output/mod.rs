//! Writing tables: delimited text, Excel and Parquet, row by row, in memory that does not grow with the rows.

mod book;
mod columnar;
mod delimited;

pub use book::{Book, SheetId};
pub use columnar::{Kind, Parquet};
pub use delimited::{Delimited, write_csv};

use super::value::Value;

/// What is to stand in a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// Nothing.
    Empty,
    /// True or false.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A point in time: days since the end of 1899.
    Date(f64),
    /// Text, kept as text also where it looks like a number.
    Text(&'a str),
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        if text.is_empty() { Self::Empty } else { Self::Text(text) }
    }
}

impl<'a> From<&'a Value> for Cell<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Empty => Self::Empty,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => Self::Number(*number),
            Value::Date { date } => Self::Date(*date),
            Value::Text(text) => Self::Text(text),
        }
    }
}
