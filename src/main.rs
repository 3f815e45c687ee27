//! The program `waibao`.

use std::process::ExitCode;

mod cli;

fn main() -> ExitCode {
    cli::run()
}
