//! Tables in files: CSV, JSON lines and Excel, read row by row and written row by row.

mod read;
mod write;

pub use read::{Row, read};
pub use write::{Cell, Sheet, write_csv};
