//! The program `waibao`.

#![warn(clippy::unwrap_used)]

use std::process::ExitCode;

mod cli;

fn main() -> ExitCode {
    cli::run()
}
