//! Measuring a classifier against labelled texts.

mod labelled;
mod report;

pub use labelled::{Row, read_labelled, shipped_labels};
pub use report::{Answer, Report, evaluate};
