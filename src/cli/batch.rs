//! `waibao batch`: a table in, the same table with its codes out. `waibao merge`: its parts put together.

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tempfile::NamedTempFile;
use waibao::batch::{
    COLUMNS, Earlier, Guess, Heading, Journal, Output, Plan, Shard, Summary, beside, decide, guess, of_journals,
};
use waibao::record::Versions;
use waibao::table::{Book, Format, Input, Options};
use waibao::whole::{Part, replaceable, same};
use waibao::{Classifier, Error, Settings};

use super::args::{BatchArgs, MergeArgs, OutputArgs, TableArgs};
use super::progress::{Progress, report};
use super::{Done, Failure, ask, leave_cores_to_jobs, open, say};

/// The name of standard input and output.
const STREAM: &str = "-";
/// What a shell expects of a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// How far a table was coded.
enum Coded {
    Whole(Summary),
    /// Interrupted, with so many rows in the journal.
    Stopped(u64),
}

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
        if args.resume {
            return Err(Error::Argument("写到标准输出的不能接着做。请去掉 --resume，或写到文件".to_owned()).into());
        }
        let dir = tempfile::tempdir().map_err(stream)?;
        let format = args.table.format.map_or(Format::Delimited, Into::into);
        let name = if format == Format::JsonLines { "输出.jsonl" } else { "输出.csv" };
        let output = OutputArgs { path: dir.path().join(name), ..args.output.clone() };
        let Coded::Whole(summary) = code(&BatchArgs { output, ..args.clone() }, &table, Some(format))? else {
            say("已中断，没有输出");
            return Ok(ExitCode::from(INTERRUPTED));
        };
        std::io::copy(&mut File::open(dir.path().join(name))?, out)?;
        out.flush()?;
        return Ok(report(&summary, "标准输出", args.output.quiet));
    }
    let format = if args.shard == Shard::WHOLE { Some(form(&args.output.path)?) } else { None };
    refuse_inputs(&args.output.path, format, [&args.table.input])?;
    let kept =
        |error| if journal_of(&args.output.path).exists() { Failure::Kept(error) } else { Failure::Library(error) };
    match code(args, &table, format).map_err(kept)? {
        Coded::Whole(summary) => Ok(report(&summary, &args.output.path.display().to_string(), args.output.quiet)),
        Coded::Stopped(rows) => {
            say(format_args!("已中断，已完成 {rows} 行。用同样的命令加上 --resume 接着做"));
            Ok(ExitCode::from(INTERRUPTED))
        }
    }
}

/// Codes a table into a file; into a part of it, where no form is given.
fn code(args: &BatchArgs, table: &Table, format: Option<Format>) -> Result<Coded, Error> {
    table.fits(format)?;
    let classifier = open(&args.table.sources, Settings::default())?;
    // A part may be wanted in any form when it is put together with the others.
    let records = format.is_none_or(|format| format == Format::JsonLines);
    let open = |path: &PathBuf| Earlier::open(path, &table.names(), records);
    let mut earlier = args.retry_failed.as_ref().map(open).transpose()?;
    let heading = table.heading(&classifier, args.shard, records, earlier.as_ref());
    let mut journal = journal(args, &heading, format, table.input.rows)?;
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
        return Ok(Coded::Stopped(journal.rows()));
    }
    let (Some(format), Some(part)) = (format, part) else {
        let mut summary = Summary::default();
        journal.entries()?.try_for_each(|entry| entry.map(|entry| summary.add(&entry)))?;
        journal.rename(&args.output.path)?;
        return Ok(Coded::Whole(summary));
    };
    let journals = [journal];
    let summary = table.write(&classifier, &journals, part, format, !args.output.no_bom)?;
    let [journal] = journals;
    journal.remove()?;
    Ok(Coded::Whole(summary))
}

/// Puts the parts of a table together.
pub(super) fn merge(args: &MergeArgs) -> Done {
    let table = Table::open(&args.table)?;
    let format = form(&args.output.path)?;
    table.fits(Some(format))?;
    refuse_inputs(&args.output.path, Some(format), args.parts.iter().chain([&args.table.input]))?;
    for output in std::iter::once(args.output.path.clone()).chain(beside_of(&args.output.path, Some(format))) {
        refuse_to_replace(&output, args.output.overwrite)?;
    }
    let parts = parts(&args.parts)?;
    let part = Part::create(&args.output.path)?;
    let classifier = open(&args.table.sources, Settings::default())?;
    let journal = |(path, shard): &(&Path, Shard)| {
        let heading = table.heading(&classifier, *shard, true, None);
        Journal::resume(path, &heading, "请从现在的输入重做这一份")
    };
    let journals = parts.iter().map(journal).collect::<Result<Vec<_>, _>>()?;
    let summary = table.write(&classifier, &journals, part, format, !args.output.no_bom)?;
    Ok(report(&summary, &args.output.path.display().to_string(), args.output.quiet))
}

/// The parts of one table in their order: all of them, each once.
fn parts(paths: &[PathBuf]) -> Result<Vec<(&Path, Shard)>, Error> {
    let shard = |path: &PathBuf| Ok(Journal::heading(path)?.shard);
    let shards = paths.iter().map(shard).collect::<Result<Vec<_>, Error>>()?;
    let mut parts: Vec<(&Path, Shard)> = paths.iter().map(PathBuf::as_path).zip(shards).collect();
    parts.sort_by_key(|(_, shard)| (shard.of, shard.number));
    let said =
        |(path, shard): (&Path, Shard)| format!("{} 是 {} 份中的第 {} 份", path.display(), shard.of, shard.number);
    for pair in parts.windows(2) {
        let ((one, first), (other, second)) = (pair[0], pair[1]);
        if first.of != second.of {
            return Err(Error::Argument(format!("这些不是同一次分的：{}，{}", said(pair[0]), said(pair[1]))));
        }
        if first.number == second.number {
            let (one, other) = (one.display(), other.display());
            return Err(Error::Argument(format!("第 {} 份给了两次：{one}，{other}", first.number)));
        }
    }
    let of = parts.first().map_or(0, |(_, shard)| shard.of);
    let missing = (1..=of).filter(|number| parts.iter().all(|(_, shard)| shard.number != *number));
    let missing: Vec<String> = missing.map(|number| number.to_string()).collect();
    if !missing.is_empty() {
        return Err(Error::Argument(format!("共 {of} 份，缺少第 {} 份。请一并给出", missing.join("、"))));
    }
    Ok(parts)
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
            let format = options.format.map_or_else(|| Format::within(spool.path()), Ok)?;
            (Options { format: Some(format), ..options }, Some(spool))
        } else {
            (options, None)
        };
        let input = match &spool {
            Some(spool) => Input::open(spool.path(), &options).map_err(|error| of_stream(error, spool.path())),
            None => Input::open(path, &options),
        }?;
        input.notes.iter().for_each(|note| say(format_args!("注意：{note}")));
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
            say(format_args!("共 {rows} 行；按这些列归类：{names}（不对请用 --text-column 指明）"));
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
    ask(format_args!("看不出合同描述在哪一列：\n{}\n请输入序号（可几个，以空格分开）：", listed.join("\n")));
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
fn form(output: &Path) -> Result<Format, Error> {
    Format::of(output).filter(|_| writable(output)).ok_or_else(|| {
        Error::Argument(format!("{}：输出只能是 .xlsx、.csv、.tsv、.jsonl 或 .parquet", output.display()))
    })
}

/// The workbook for a person beside an output that is none.
fn beside_of(output: &Path, format: Option<Format>) -> Option<PathBuf> {
    format.filter(|format| *format != Format::Workbook).map(|_| beside(output))
}

/// Refuses to write over what is read.
fn refuse_inputs<'a>(
    output: &Path,
    format: Option<Format>,
    inputs: impl IntoIterator<Item = &'a PathBuf>,
) -> Result<(), Error> {
    let beside = beside_of(output, format);
    let over = |input: &&PathBuf| same(output, input) || beside.as_ref().is_some_and(|beside| same(beside, input));
    match inputs.into_iter().find(over) {
        Some(input) => {
            let problem = "是输入文件，不能又是输出或输出旁边的复核清单。请给输出换一个文件名";
            Err(Error::Argument(format!("{}：{problem}", input.display())))
        }
        None => Ok(()),
    }
}

/// An error of what was taken from standard input, which nobody knows by the name that it lies under.
fn of_stream(error: Error, spool: &Path) -> Error {
    let path = PathBuf::from("标准输入");
    match error {
        Error::File { action, source, .. } => Error::File { path, action, source },
        Error::Row { row, column, problem, .. } => Error::Row { path, row, column, problem },
        Error::Argument(text) => Error::Argument(text.replace(&spool.display().to_string(), "标准输入")),
        other => other,
    }
}

fn stream(source: std::io::Error) -> Error {
    Error::File { path: PathBuf::from("标准输入输出"), action: "读写", source }
}

fn writable(output: &Path) -> bool {
    let extension = output.extension().map(|extension| extension.to_ascii_lowercase());
    !extension.is_some_and(|extension| ["xls", "xlsb", "xlsm", "ods"].iter().any(|other| extension == *other))
}

fn refuse_to_replace(output: &Path, overwrite: bool) -> Result<(), Error> {
    replaceable(output)?;
    if output.exists() && !overwrite {
        return Err(Error::Argument(format!("{} 已经存在。要替换请加 --overwrite", output.display())));
    }
    Ok(())
}

/// Where the journal of an output lies.
fn journal_of(output: &Path) -> PathBuf {
    let mut name = output.file_name().unwrap_or_default().to_owned();
    name.push(".journal");
    output.with_file_name(name)
}

/// The journal beside the output: a new one, or with `--resume` the one that is there.
fn journal(args: &BatchArgs, heading: &Heading, format: Option<Format>, rows: u64) -> Result<Journal, Error> {
    refuse_to_replace(&args.output.path, args.output.overwrite)?;
    let refuse_beside = || match beside_of(&args.output.path, format) {
        Some(beside) => refuse_to_replace(&beside, args.output.overwrite),
        None => Ok(()),
    };
    let path = journal_of(&args.output.path);
    match (path.exists(), args.resume) {
        (true, true) => {
            let journal = Journal::resume(&path, heading, "请把 --resume 换成 --overwrite 重做")?;
            // The workbook beside is written when all rows are there; before that it cannot be of the interrupted run.
            if journal.rows() < rows {
                refuse_beside()?;
            }
            Ok(journal)
        }
        (true, false) if !args.output.overwrite => Err(Error::Argument(format!(
            "{} 还在，上次没有做完。接着做请加 --resume，重做请加 --overwrite",
            path.display()
        ))),
        (false, true) => Err(Error::Argument(format!("没有 {}，不能接着做。请去掉 --resume", path.display()))),
        _ => {
            refuse_beside()?;
            Journal::create(&path, heading)
        }
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
        say("\n正在停下，请稍候；再按一次 Ctrl-C 立即退出……");
    };
    ctrlc::set_handler(handler).map_err(|error| Error::Argument(format!("不能接收 Ctrl-C：{error}")))?;
    Ok(stop)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
