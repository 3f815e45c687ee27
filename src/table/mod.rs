//! Tables in files: CSV, JSON lines and Excel, read row by row and written row by row.

mod decode;
mod input;
mod output;
mod read;
mod value;

pub use input::{Format, Input, Options, RawRow};
pub use output::{Book, Cell, Delimited, ROWS, SheetId, write_csv};
pub use read::{Row, read};
pub use value::Value;
