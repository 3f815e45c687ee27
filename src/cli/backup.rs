//! `waibao backup` and `waibao restore`: copies of the data file.

use std::io::Write;
use std::process::ExitCode;

use waibao::server::{Verdict, console};

use super::Done;
use super::args::{BackupArgs, RestoreArgs};

pub(super) fn run(args: &BackupArgs, out: &mut dyn Write) -> Done {
    let verdict = console::back_up(&args.data.path, &args.to, args.overwrite)?;
    writeln!(out, "已备份到 {}；{}", args.to.display(), said(&verdict))?;
    Ok(code(&verdict))
}

pub(super) fn restore(args: &RestoreArgs, out: &mut dyn Write) -> Done {
    let restored = console::restore(&args.data.path, &args.from)?;
    writeln!(out, "已用 {} 恢复 {}；{}", args.from.display(), args.data.path.display(), said(&restored.audit))?;
    if let Some(kept) = &restored.kept {
        writeln!(out, "原来的数据文件留在 {}，确认无误后可删除", kept.display())?;
    }
    Ok(code(&restored.audit))
}

fn said(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Whole { entries, head } => format!("审计日志完好：{entries} 条，末条哈希 {head}"),
        Verdict::Broken { id } => format!("但其中审计日志的第 {id} 条被改动过"),
    }
}

fn code(verdict: &Verdict) -> ExitCode {
    match verdict {
        Verdict::Whole { .. } => ExitCode::SUCCESS,
        Verdict::Broken { .. } => ExitCode::from(1),
    }
}
