//! `waibao batch`: a table in, the same table with its codes out. `waibao merge`: its parts put together.

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use tempfile::NamedTempFile;
use waibao::batch::{
    COLUMNS, Earlier, Entry, Guess, Heading, Journal, Output, Plan, Shard, Summary, decide, guess, of_journals,
};
use waibao::record::Versions;
use waibao::table::{Book, Format, Input, Options};
use waibao::whole::Part;
use waibao::{Classifier, Error, Outcome, Settings};

use super::args::{BatchArgs, MergeArgs, OutputArgs, TableArgs};
use super::{Done, leave_cores_to_jobs, open};

/// The name of standard input and output.
const STREAM: &str = "-";
/// Between two lines of progress where there is no terminal.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);
/// What a shell expects of a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

pub(super) fn run(args: &BatchArgs, out: &mut dyn Write) -> Done {
    leave_cores_to_jobs();
    let table = Table::open(&args.table)?;
    table.say(args.output.quiet);
    if args.shard != Shard::WHOLE && (args.output.path == Path::new(STREAM) || Format::of(&args.output.path).is_some())
    {
        let problem = "一份的结果还不是表，要用 merge 合起来。请换一个不是表格的扩展名";
        return Err(Error::Argument(format!(
            "{}：{problem}，如 台账.{}",
            args.output.path.display(),
            args.shard.number
        ))
        .into());
    }
    if args.output.path == Path::new(STREAM) {
        let dir = tempfile::tempdir().map_err(stream)?;
        let format = args.table.format.map_or(Format::Delimited, Into::into);
        let name = if format == Format::JsonLines { "输出.jsonl" } else { "输出.csv" };
        let output = OutputArgs { path: dir.path().join(name), ..args.output.clone() };
        let done = code(&BatchArgs { output, ..args.clone() }, &table, Some(format), "标准输出")?;
        // Not there after an interruption.
        if let Ok(mut file) = File::open(dir.path().join(name)) {
            std::io::copy(&mut file, out)?;
        }
        return Ok(done);
    }
    let format = if args.shard == Shard::WHOLE { Some(form(&args.output.path, &args.table.input)?) } else { None };
    code(args, &table, format, &args.output.path.display().to_string())
}

/// Codes a table into a file, called `name` before the user; into a part of it, where no form is given.
fn code(args: &BatchArgs, table: &Table, format: Option<Format>, name: &str) -> Done {
    table.fits(format)?;
    let classifier = open(&args.table.sources, Settings::default())?;
    // A part may be wanted in any form when it is put together with the others.
    let records = format.is_none_or(|format| format == Format::JsonLines);
    let open = |path: &PathBuf| Earlier::open(path, &table.names(), records);
    let mut earlier = args.retry_failed.as_ref().map(open).transpose()?;
    let heading = table.heading(&classifier, args.shard, records, earlier.as_ref());
    let mut journal = journal(args, &heading)?;
    // Opened before work begins, so that it cannot turn out hours later that there is no place for it.
    let part = format.map(|_| Part::create(&args.output.path)).transpose()?;
    let stop = on_interrupt()?;
    let plan = Plan {
        classifier: &classifier,
        input: &table.input,
        columns: &table.columns,
        shard: args.shard,
        earlier: earlier.as_mut(),
        records,
        jobs: args.jobs.map_or_else(cores, usize::from),
        stop: &stop,
    };
    let mut progress = Progress::new(table.input.rows / u64::from(args.shard.of), journal.rows(), args.output.quiet);
    let whole = decide(plan, &mut journal, &mut |entries| progress.add(entries))?;
    progress.end();
    if !whole {
        eprintln!("已中断，已完成 {} 行。用同样的命令加上 --resume 接着做", journal.rows());
        return Ok(ExitCode::from(INTERRUPTED));
    }
    let (Some(format), Some(part)) = (format, part) else {
        let mut summary = Summary::default();
        journal.entries()?.try_for_each(|entry| entry.map(|entry| summary.add(&entry)))?;
        journal.rename(&args.output.path)?;
        return Ok(report(&summary, name, args.output.quiet));
    };
    let journals = [journal];
    let summary = table.write(&classifier, &journals, part, format, !args.output.no_bom)?;
    let [journal] = journals;
    journal.remove()?;
    Ok(report(&summary, name, args.output.quiet))
}

/// Puts the parts of a table together.
pub(super) fn merge(args: &MergeArgs) -> Done {
    let table = Table::open(&args.table)?;
    let format = form(&args.output.path, &args.table.input)?;
    table.fits(Some(format))?;
    refuse_to_replace(&args.output.path, args.output.overwrite)?;
    let part = Part::create(&args.output.path)?;
    let classifier = open(&args.table.sources, Settings::default())?;
    let of = u32::try_from(args.parts.len()).unwrap_or(u32::MAX);
    let mut journals: Vec<Option<Journal>> = (0..of).map(|_| None).collect();
    for path in &args.parts {
        let shard = Journal::heading(path)?.shard;
        let place = journals.get_mut(shard.number as usize - 1).filter(|_| shard.of == of);
        let Some(place) = place else {
            let message =
                format!("{}：这是 {} 份中的第 {} 份，而给出的有 {of} 份", path.display(), shard.of, shard.number);
            return Err(Error::Argument(message).into());
        };
        if place.is_some() {
            return Err(Error::Argument(format!("{}：第 {} 份给了两次", path.display(), shard.number)).into());
        }
        let heading = table.heading(&classifier, shard, true, None);
        *place = Some(Journal::resume(path, &heading)?);
    }
    let journals: Vec<Journal> = journals.into_iter().flatten().collect();
    let summary = table.write(&classifier, &journals, part, format, !args.output.no_bom)?;
    Ok(report(&summary, &args.output.path.display().to_string(), args.output.quiet))
}

/// A table with what is read of it.
struct Table {
    input: Input,
    /// Where standard input lies while it is worked on.
    _spool: Option<NamedTempFile>,
    columns: Vec<usize>,
    id: Option<usize>,
    kept: Vec<usize>,
}

impl Table {
    fn open(args: &TableArgs) -> Result<Self, Error> {
        let path = args.input.as_path();
        let options =
            Options { format: args.format.map(Into::into), sheet: args.sheet.clone(), header_row: args.header_row };
        let (options, spool) = if path == Path::new(STREAM) {
            let mut spool = NamedTempFile::new().map_err(stream)?;
            std::io::copy(&mut std::io::stdin().lock(), &mut spool).map_err(stream)?;
            (Options { format: options.format.or(Some(Format::Delimited)), ..options }, Some(spool))
        } else {
            (options, None)
        };
        let input = Input::open(spool.as_ref().map_or(path, |spool| spool.path()), &options)?;
        let named = |names: &[String]| names.iter().map(|name| column(&input, name)).collect::<Result<Vec<_>, _>>();
        let columns = match &args.text_columns[..] {
            [] => text_columns(&input)?,
            names => named(names)?,
        };
        let id = args.id_column.as_ref().map(|name| column(&input, name)).transpose()?;
        let kept = match &args.select[..] {
            [] => (0..input.headings.len()).collect(),
            names => named(names)?,
        };
        Ok(Self { input, _spool: spool, columns, id, kept })
    }

    /// Names the columns that are read, so that a wrong guess is seen at once.
    fn say(&self, quiet: bool) {
        if !quiet {
            let (rows, names) = (self.input.rows, self.names().join(" + "));
            eprintln!("共 {rows} 行；按这些列归类：{names}（不对请用 --text-column 指明）");
        }
    }

    /// Whether the output can hold it: better said before work begins.
    fn fits(&self, format: Option<Format>) -> Result<(), Error> {
        match format {
            Some(Format::Workbook) => Book::fits(self.input.rows, self.kept.len() + COLUMNS.len()),
            _ => Ok(()),
        }
    }

    /// The headings of what is read.
    fn names(&self) -> Vec<&str> {
        self.columns.iter().map(|&at| self.input.headings[at].as_str()).collect()
    }

    fn heading(&self, classifier: &Classifier, shard: Shard, records: bool, earlier: Option<&Earlier>) -> Heading {
        let names = self.names().into_iter().map(str::to_owned).collect();
        let mut answers = serde_json::to_string(&Versions::of(classifier)).unwrap_or_default();
        answers.extend(earlier.iter().flat_map(|earlier| earlier.hash.chars()));
        Heading::new(self.input.hash.clone(), answers, names, shard, records)
    }

    fn write(
        &self,
        classifier: &Classifier,
        journals: &[Journal],
        part: Part,
        format: Format,
        bom: bool,
    ) -> Result<Summary, Error> {
        let output = Output {
            input: &self.input,
            classifier,
            columns: &self.columns,
            id: self.id,
            kept: &self.kept,
            further: None,
            bom,
        };
        output.write(part, format, &mut of_journals(journals)?)
    }
}

/// The columns that hold the description; where that is unsure a person is asked, and without one it is an error.
fn text_columns(input: &Input) -> Result<Vec<usize>, Error> {
    let candidates = match guess(&input.headings, &input.sample) {
        Guess::Sure(columns) => return Ok(columns),
        Guess::Unsure(candidates) => candidates,
    };
    let listed: Vec<String> = candidates.iter().map(|&at| format!("  {} {}", at + 1, input.headings[at])).collect();
    if candidates.is_empty() || !std::io::stdin().is_terminal() {
        let listed = if listed.is_empty() { String::new() } else { format!("，可能是：\n{}", listed.join("\n")) };
        return Err(Error::Argument(format!("看不出合同描述在哪一列。请用 --text-column 指明列名或序号{listed}")));
    }
    eprint!("看不出合同描述在哪一列：\n{}\n请输入序号（可几个，以空格分开）：", listed.join("\n"));
    let mut line = String::new();
    let read = |source| Error::File { path: PathBuf::from("标准输入"), action: "读取", source };
    std::io::stdin().read_line(&mut line).map_err(read)?;
    let columns: Result<Vec<usize>, Error> = line.split_whitespace().map(|name| column(input, name)).collect();
    columns
        .and_then(|columns| if columns.is_empty() { Err(Error::Argument("没有选列".to_owned())) } else { Ok(columns) })
}

/// A column by its heading, or by its number from 1.
fn column(input: &Input, name: &str) -> Result<usize, Error> {
    let by_number = || {
        name.parse().ok().filter(|number| (1..=input.headings.len()).contains(number)).map(|number: usize| number - 1)
    };
    input
        .headings
        .iter()
        .position(|heading| heading == name.trim())
        .or_else(by_number)
        .ok_or_else(|| Error::Argument(format!("没有“{name}”这一列；现有的列：{}", input.headings.join("、"))))
}

/// The form of the output: by its extension.
fn form(output: &Path, input: &Path) -> Result<Format, Error> {
    let same =
        |one: &Path, other: &Path| matches!((one.canonicalize(), other.canonicalize()), (Ok(a), Ok(b)) if a == b);
    if same(output, input) {
        return Err(Error::Argument("输出不能就是输入文件，请换一个文件名".to_owned()));
    }
    Format::of(output).filter(|_| writable(output)).ok_or_else(|| {
        Error::Argument(format!("{}：输出只能是 .xlsx、.csv、.tsv、.jsonl 或 .parquet", output.display()))
    })
}

fn stream(source: std::io::Error) -> Error {
    Error::File { path: PathBuf::from("标准输入输出"), action: "读写", source }
}

fn writable(output: &Path) -> bool {
    let extension = output.extension().map(|extension| extension.to_ascii_lowercase());
    !extension.is_some_and(|extension| ["xls", "xlsb", "xlsm", "ods"].iter().any(|other| extension == *other))
}

fn refuse_to_replace(output: &Path, overwrite: bool) -> Result<(), Error> {
    if output.exists() && !overwrite {
        return Err(Error::Argument(format!("{} 已经存在。要替换请加 --overwrite", output.display())));
    }
    Ok(())
}

/// The journal beside the output: a new one, or with `--resume` the one that is there.
fn journal(args: &BatchArgs, heading: &Heading) -> Result<Journal, Error> {
    refuse_to_replace(&args.output.path, args.output.overwrite)?;
    let mut name = args.output.path.file_name().unwrap_or_default().to_owned();
    name.push(".journal");
    let path = args.output.path.with_file_name(name);
    match (path.exists(), args.resume) {
        (true, true) => Journal::resume(&path, heading),
        (true, false) if !args.output.overwrite => Err(Error::Argument(format!(
            "{} 还在，上次没有做完。接着做请加 --resume，重做请加 --overwrite",
            path.display()
        ))),
        (false, true) => Err(Error::Argument(format!("没有 {}，不能接着做。请去掉 --resume", path.display()))),
        _ => Journal::create(&path, heading),
    }
}

/// Set by the first Ctrl-C; the second ends the program at once.
fn on_interrupt() -> Result<Arc<AtomicBool>, Error> {
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    let handler = move || {
        if told.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(INTERRUPTED));
        }
        eprintln!("\n正在停下，请稍候；再按一次 Ctrl-C 立即退出……");
    };
    ctrlc::set_handler(handler).map_err(|error| Error::Argument(format!("不能接收 Ctrl-C：{error}")))?;
    Ok(stop)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Says what became of the table; one where rows failed.
fn report(summary: &Summary, name: &str, quiet: bool) -> ExitCode {
    if !quiet {
        eprintln!("完成：{name}，共 {} 行：{}", summary.rows, counts(summary));
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

/// Progress on stderr: a bar on a terminal, else a line every ten seconds.
struct Progress {
    bar: ProgressBar,
    summary: Summary,
    quiet: bool,
    began: Instant,
    said: Instant,
    total: u64,
}

impl Progress {
    fn new(total: u64, done: u64, quiet: bool) -> Self {
        let bar =
            if quiet || !std::io::stderr().is_terminal() { ProgressBar::hidden() } else { ProgressBar::new(total) };
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} 行  {per_sec}  剩余 {eta}  {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_position(done);
        bar.reset_eta();
        let now = Instant::now();
        Self { bar, summary: Summary { rows: done, ..Summary::default() }, quiet, began: now, said: now, total }
    }

    fn add(&mut self, entries: &[Entry]) {
        entries.iter().for_each(|entry| self.summary.add(entry));
        self.bar.set_position(self.summary.rows);
        self.bar.set_message(counts(&self.summary));
        if !self.quiet && self.bar.is_hidden() && self.said.elapsed() >= SIGN_OF_LIFE {
            self.said = Instant::now();
            let seconds = self.began.elapsed().as_secs();
            eprintln!("{seconds} 秒：{}/{} 行，{}", self.summary.rows, self.total, counts(&self.summary));
        }
    }

    fn end(&self) {
        self.bar.finish_and_clear();
    }
}
