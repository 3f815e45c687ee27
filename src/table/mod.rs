//! Tables in files: CSV, JSON lines, Excel and Parquet, read row by row and written row by row.

mod decode;
mod input;
mod output;
mod read;
mod value;

pub use input::{Format, Input, Options, RawRow};
pub use output::{Book, Cell, Delimited, Kind, Parquet, SheetId, write_csv};
pub use read::{Row, read};
pub use value::Value;
