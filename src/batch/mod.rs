//! Bulk runs: a whole table in, the same table with its codes out, nothing lost on the way.

mod arrow;
mod entry;
mod flat;
mod guess;
mod journal;
mod output;
mod retry;
mod review;
mod similar;
mod sink;
mod spool;
mod summary;
mod texts;
mod work;

pub use arrow::classify_column;
pub use entry::Entry;
pub use flat::COLUMNS;
pub use guess::{Guess, guess};
pub use journal::{Heading, Journal};
pub use output::{Further, Output, beside, of_journals};
pub use retry::Earlier;
pub use similar::{Groups, fingerprint};
pub use summary::Summary;
pub use work::{Plan, Shard, decide, joined, no_text};
