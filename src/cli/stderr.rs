//! What is said beside the results. Whoever listens may go, and the disk that it is kept on may be full: neither is worth
//! ending a run for, so nothing else writes here.

use std::fmt::Display;
use std::io::Write;

/// A line on standard error.
pub(super) fn say(line: impl Display) {
    ask(format_args!("{line}\n"));
}

/// Words after which the line goes on.
pub(super) fn ask(words: impl Display) {
    let _ = std::io::stderr().write_all(words.to_string().as_bytes());
}
