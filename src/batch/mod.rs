//! Bulk runs: a whole table in, the same table with its codes out, nothing lost on the way.

mod arrow;
mod columns;
mod entry;
mod flat;
mod journal;
mod output;
mod retry;
mod review;
mod sink;
mod spool;
mod summary;
mod texts;
mod work;

pub use arrow::{classify_column, columns};
pub use columns::{Guess, guess};
pub use entry::Entry;
pub use flat::{CANDIDATES, COLUMNS, flat};
pub use journal::{Heading, Journal};
pub use output::{Output, beside};
pub use retry::Earlier;
pub use summary::Summary;
pub use work::{Plan, Shard, WINDOW, decide};
