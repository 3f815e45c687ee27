//! How far a bulk run is, and what became of its table.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use waibao::Outcome;
use waibao::batch::{Entry, Summary};

use super::say;

/// Between two lines of progress where there is no terminal.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

/// Progress on stderr: a bar on a terminal, else a line every ten seconds.
pub(super) struct Progress {
    bar: ProgressBar,
    summary: Summary,
    quiet: bool,
    began: Instant,
    said: Instant,
    total: u64,
}

impl Progress {
    pub(super) fn new(total: u64, done: u64, quiet: bool) -> Self {
        let bar =
            if quiet || !std::io::stderr().is_terminal() { ProgressBar::hidden() } else { ProgressBar::new(total) };
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} 行  {per_sec}  剩余 {eta}  {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_position(done);
        bar.reset_eta();
        let now = Instant::now();
        Self { bar, summary: Summary { rows: done, ..Summary::default() }, quiet, began: now, said: now, total }
    }

    pub(super) fn add(&mut self, entries: &[Entry]) {
        entries.iter().for_each(|entry| self.summary.add(entry));
        self.bar.set_position(self.summary.rows);
        self.bar.set_message(counts(&self.summary));
        if !self.quiet && self.bar.is_hidden() && self.said.elapsed() >= SIGN_OF_LIFE {
            self.said = Instant::now();
            let seconds = self.began.elapsed().as_secs();
            say(format_args!("{seconds} 秒：{}/{} 行，{}", self.summary.rows, self.total, counts(&self.summary)));
        }
    }

    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// Says what became of the table; one where rows failed.
pub(super) fn report(summary: &Summary, name: &str, quiet: bool) -> ExitCode {
    if !quiet {
        say(format_args!("完成：{name}，共 {} 行：{}", summary.rows, counts(summary)));
    }
    if summary.failed > 0 { ExitCode::from(1) } else { ExitCode::SUCCESS }
}

fn counts(summary: &Summary) -> String {
    let mut counts: Vec<String> =
        Outcome::ALL.iter().map(|&outcome| format!("{} {}", outcome.name(), summary.of(outcome))).collect();
    for (name, number) in [("出错", summary.failed), ("空行", summary.empty)] {
        if number > 0 {
            counts.push(format!("{name} {number}"));
        }
    }
    counts.join("，")
}
