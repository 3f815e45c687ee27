//! `waibao pack check`: every fault of a pack, with file and line.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use waibao::pack::Pack;
use waibao::rules::RuleSet;

use super::Done;

pub(super) fn check(dir: Option<&Path>, out: &mut dyn Write) -> Done {
    let pack = dir.map_or_else(Pack::embedded, Pack::open)?;
    RuleSet::new(&pack).verify()?;
    writeln!(out, "{}（{}，{}，{}）完好：", pack.title, pack.id, pack.authority, pack.issued)?;
    writeln!(
        out,
        "  {} 小类，{} 典型业务，{} 条款，{} 规则（{} 条款说明了为何没有规则），{} 例句，{} 判别问题，{} 编码惯例，{} 对照目录",
        pack.classes().count(),
        pack.items().map(|item| item.inclusions.len()).sum::<usize>(),
        pack.clauses().count(),
        pack.rules.len(),
        pack.unruled.len(),
        pack.exemplars.len(),
        pack.questions.len(),
        pack.conventions.len(),
        pack.crosswalks.len(),
    )?;
    Ok(ExitCode::SUCCESS)
}
