//! Bulk runs: a whole table in, the same table with its codes out, nothing lost on the way.

mod columns;
mod flat;
mod journal;
mod output;
mod review;
mod summary;
mod work;

pub use columns::{Guess, guess};
pub use flat::{CANDIDATES, COLUMNS, failed, flat};
pub use journal::{Entry, Heading, Journal};
pub use output::{Output, beside};
pub use summary::Summary;
pub use work::{Plan, Shard, decide};
