//! Whole tables through `waibao batch`: rows a second and peak memory, by the number of rows.
//!
//! `cargo bench --bench batch` codes tables of 1,000 and 10,000 rows; `cargo bench --bench batch -- 100000 1000000` others. As
//! in an archive, texts come again: no table has more than 20,000 different ones. Peak memory is read from `/proc`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use waibao::pack::Pack;

/// Different texts of a table, at most.
const DIFFERENT: usize = 20_000;
/// Between two looks at a running process.
const LOOK: Duration = Duration::from_millis(20);

fn main() {
    let said: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if said.is_empty() { vec![1_000, 10_000] } else { said };
    let dir = tempfile::tempdir().expect("a temporary directory");
    println!("rows, form: seconds, rows/s, peak MB; one core's rows/s and the ratio to it (1,000 rows)");
    let (alone, ..) = run(dir.path(), 1_000, "csv", Some("1"));
    for rows in sizes {
        for form in ["csv", "xlsx", "parquet"].into_iter().filter(|form| *form != "xlsx" || rows < 1_000_000) {
            let (seconds, peak) = run(dir.path(), rows, form, None);
            let ratio = rows as f64 / seconds / (1_000.0 / alone);
            println!(
                "{rows}, {form}: {seconds:.1}, {:.0}, {peak}; {:.0}, {ratio:.2}",
                rows as f64 / seconds,
                1_000.0 / alone
            );
        }
    }
}

/// Seconds and peak memory in MB of a table from CSV into a form.
fn run(dir: &Path, rows: usize, form: &str, jobs: Option<&str>) -> (f64, u64) {
    let input = dir.join(format!("{rows}.csv"));
    if !input.exists() {
        write(&input, rows).expect("a table");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_waibao"));
    command.arg("batch").arg(&input).arg("-o").arg(dir.join(format!("out.{form}"))).args(["--overwrite", "-q"]);
    command.args(jobs.iter().flat_map(|jobs| ["-j", jobs]));
    let began = Instant::now();
    let mut child = command.spawn().expect("the program");
    let mut peak = 0;
    let status = loop {
        peak = memory(child.id()).unwrap_or(0).max(peak);
        if let Some(status) = child.try_wait().expect("its end") {
            break status;
        }
        std::thread::sleep(LOOK);
    };
    assert!(status.success(), "{status}");
    (began.elapsed().as_secs_f64(), peak / 1_024)
}

/// A table of sentences of the rules' exemplars, each with a number that makes it another text.
fn write(path: &Path, rows: usize) -> std::io::Result<()> {
    let pack = Pack::embedded().expect("the pack");
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(file, "编号,合同名称,金额")?;
    for at in 0..rows {
        let exemplar = &pack.exemplars[at % DIFFERENT % pack.exemplars.len()].text.replace(['"', ','], "，");
        writeln!(file, "HT-{at:07},{exemplar}（第{}期）,{}", at % DIFFERENT / pack.exemplars.len(), at % 977)?;
    }
    file.flush()
}

/// The most memory that a process has had so far, in KiB.
fn memory(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").trim().parse().ok()
}
