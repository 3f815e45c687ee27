//! The program `waibao`.

#![warn(clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)]

use std::process::ExitCode;

mod cli;

fn main() -> ExitCode {
    cli::run()
}
