//! The command line: one file per command. Results go to stdout, everything else to stderr.

mod args;
#[cfg(feature = "server")]
mod audit;
#[cfg(feature = "server")]
mod backup;
mod batch;
mod classify;
mod codes;
mod doctor;
mod evaluate;
mod model;
mod pack;
mod progress;
#[cfg(feature = "server")]
mod serve;
mod stderr;
#[cfg(feature = "server")]
mod user;

use std::error::Error as _;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, error::ErrorKind as Usage};
use waibao::load::{self, Sources, Work};
use waibao::{Classifier, Error, Settings};

use args::{Cli, Command, ModelCommand, PackCommand, SourceArgs};
use stderr::{ask, say};

/// What a command can fail with.
enum Failure {
    /// The library's error.
    Library(Error),
    /// The same, where a journal keeps what was done before.
    Kept(Error),
    /// Standard output or input.
    Stream(std::io::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Library(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Stream(error)
    }
}

/// 0 all done, 1 done with some failures, 2 could not run.
type Done = Result<ExitCode, Failure>;

/// Runs the command that was typed.
pub(super) fn run() -> ExitCode {
    let mut out = std::io::stdout().lock();
    let done = match Cli::try_parse() {
        Ok(cli) => command(cli.command, &mut out),
        Err(error) => usage(&error, &mut out),
    };
    match done.and_then(|code| Ok(out.flush().map(|()| code)?)) {
        Ok(code) => code,
        // Whoever read our output has seen enough.
        Err(Failure::Stream(error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(Failure::Stream(error)) => fail(&format!("读写失败：{error}")),
        Err(Failure::Library(error)) => fail(&told(&error, "请腾出空间后重试")),
        Err(Failure::Kept(error)) => fail(&told(&error, "请腾出空间，再用同样的命令加上 --resume 接着做")),
    }
}

fn command(command: Command, out: &mut dyn Write) -> Done {
    match command {
        Command::Classify(args) => classify::run(&args, out),
        Command::Batch(args) => batch::run(&args, out),
        Command::Merge(args) => batch::merge(&args),
        #[cfg(feature = "server")]
        Command::Serve(args) => serve::run(&args),
        #[cfg(feature = "server")]
        Command::User { command } => user::run(&command, out),
        #[cfg(feature = "server")]
        Command::Audit { command } => audit::run(&command, out),
        #[cfg(feature = "server")]
        Command::Backup(args) => backup::run(&args, out),
        #[cfg(feature = "server")]
        Command::Restore(args) => backup::restore(&args, out),
        Command::Codes(args) => codes::run(&args, out),
        Command::Evaluate(args) => evaluate::run(&args, out),
        Command::Doctor(args) => doctor::run(&args, out),
        Command::Pack { command: PackCommand::Check { dir } } => pack::check(dir.as_deref(), out),
        Command::Model { command: ModelCommand::Prepare { dir, labels, pack } } => {
            model::prepare(&dir, &labels, pack.as_deref(), out)
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "waibao", &mut script);
            out.write_all(&script)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// An error with its causes; where the disk is full, what is to be done then.
fn told(error: &Error, full: &str) -> String {
    let causes: Vec<_> = std::iter::successors(error.source(), |&cause| cause.source()).collect();
    let kinds = causes.iter().filter_map(|cause| cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind));
    let is_full = kinds.into_iter().any(|kind| matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded));
    let advice = if is_full { format!("\n磁盘已满。{full}") } else { String::new() };
    let causes: String = causes.iter().map(|cause| format!("\n  原因：{cause}")).collect();
    format!("{error}{causes}{advice}")
}

fn fail(message: &str) -> ExitCode {
    say(format_args!("错误：{message}"));
    ExitCode::from(2)
}

/// Help and version as asked for; a wrong command line in Chinese.
fn usage(error: &clap::Error, out: &mut dyn Write) -> Done {
    use clap::error::{ContextKind, ContextValue};
    if matches!(error.kind(), Usage::DisplayHelp | Usage::DisplayVersion) {
        write!(out, "{error}")?;
        return Ok(ExitCode::SUCCESS);
    }
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join("、"),
        _ => String::new(),
    };
    let (argument, value) = (context(ContextKind::InvalidArg), context(ContextKind::InvalidValue));
    let message = match error.kind() {
        Usage::UnknownArgument if !argument.starts_with('-') => {
            format!("“{argument}”是多余的：这个命令不再接受文件或文字")
        }
        Usage::UnknownArgument => format!("没有“{argument}”这个选项"),
        Usage::InvalidSubcommand => format!("没有“{}”这个命令", context(ContextKind::InvalidSubcommand)),
        Usage::MissingSubcommand | Usage::DisplayHelpOnMissingArgumentOrSubcommand => "请给出命令".to_owned(),
        Usage::InvalidValue if value.is_empty() => format!("“{argument}”后面缺少内容"),
        Usage::InvalidValue => {
            let allowed = context(ContextKind::ValidValue);
            format!("“{argument}”不能是“{value}”，应为 {allowed} 之一")
        }
        Usage::ValueValidation => {
            let allowed = error.source().map(|reason| format!("，{reason}")).unwrap_or_default();
            format!("“{argument}”不能是“{value}”{allowed}")
        }
        Usage::MissingRequiredArgument => format!("缺少 {argument}"),
        Usage::InvalidUtf8 => "命令行里有不是 UTF-8 的文字。请改用 -f 从文件读".to_owned(),
        Usage::ArgumentConflict => format!("“{argument}”重复或与其他选项冲突"),
        _ => format!("命令行有误：“{argument}”"),
    };
    let similar = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue];
    let hint = similar.into_iter().map(context).find(|text| !text.is_empty());
    let hint = hint.map(|text| format!("，是不是“{text}”？")).unwrap_or_default();
    Ok(fail(&format!("{message}{hint}\n运行 waibao --help 查看用法")))
}

/// The classifier of the flags; first-time work is announced on stderr.
fn open(sources: &SourceArgs, settings: Settings) -> Result<Classifier, Error> {
    let announce = |work| {
        let what = match work {
            Work::Prototypes => "首次使用此模型或分类包，正在计算原型向量……",
            Work::Calibration => "没有现成的校准，正在用随程序的标注文本校准……",
        };
        say(what);
    };
    load::open(&Sources {
        model: sources.model.as_deref(),
        pack: sources.pack.as_deref(),
        cache: cache(),
        settings,
        announce: Some(&announce),
    })
}

/// Keeps the encoder from parting each batch of texts among all cores when every core has a batch of its own, which takes
/// nearly twice as long. Candle reads this variable only.
#[allow(unsafe_code)]
fn leave_cores_to_jobs() {
    // SAFETY: nothing has been started yet that could read the environment at the same time; this is the first thing that
    // the command does, on the only thread.
    unsafe { std::env::set_var("RAYON_NUM_THREADS", "1") };
}

/// Where computed prototypes are kept: `WAIBAO_CACHE`, or the user's cache directory.
fn cache() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable("WAIBAO_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME").map(|dir| dir.join("waibao")))
        .or_else(|| variable("LOCALAPPDATA").map(|dir| dir.join("waibao")))
        .or_else(|| variable("HOME").map(|dir| dir.join(".cache").join("waibao")))
}

/// Text from bytes: UTF-8, else GB18030, in which office programs save Chinese text.
fn decode(bytes: Vec<u8>, path: &std::path::Path) -> Result<String, Error> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").map(<[u8]>::to_vec).unwrap_or(bytes);
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(error) => encoding_rs::GB18030
            .decode_without_bom_handling_and_without_replacement(error.as_bytes())
            .map(|text| text.into_owned())
            .ok_or_else(|| Error::Encoding { path: path.to_owned() }),
    }
}
