//! `waibao audit`: whether the audit log is what was written.

use std::io::Write;
use std::process::ExitCode;

use waibao::server::{Verdict, console};

use super::Done;
use super::args::AuditCommand;

pub(super) fn run(command: &AuditCommand, out: &mut dyn Write) -> Done {
    let AuditCommand::Verify { head: noted, data } = command;
    let (entries, head) = match console::verify_audit(&data.path)? {
        Verdict::Whole { entries, head } => (entries, head),
        Verdict::Broken { id } => {
            writeln!(out, "审计日志被改动过：第 {id} 条与写入时不同，或它前面的一条不见了")?;
            return Ok(ExitCode::from(1));
        }
    };
    writeln!(out, "审计日志完好：{entries} 条，末条哈希 {head}")?;
    let Some(noted) = noted else { return Ok(ExitCode::SUCCESS) };
    match console::audit_entry(&data.path, noted)? {
        Some(id) => {
            writeln!(out, "以前的末条还在：第 {id} 条")?;
            Ok(ExitCode::SUCCESS)
        }
        None => {
            writeln!(out, "以前的末条不在了：日志被截短，或被重写过")?;
            Ok(ExitCode::from(1))
        }
    }
}
