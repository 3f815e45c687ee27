//! `waibao doctor`: versions, hashes, the machine, and a self-test on the official examples.

use std::io::Write;
use std::process::ExitCode;

use waibao::record::Versions;
use waibao::{Label, Settings};

use super::args::SourceArgs;
use super::{Done, cache, open};

pub(super) fn run(args: &SourceArgs, out: &mut dyn Write) -> Done {
    let classifier = open(args, Settings::default())?;
    let (pack, encoder) = (classifier.pack(), classifier.encoder());
    let versions = Versions::of(&classifier);
    writeln!(out, "程序    {}（{}-{}）", versions.program, std::env::consts::ARCH, std::env::consts::OS)?;
    writeln!(out, "分类包  {} {}\n        {}", pack.id, pack.title, pack.hash)?;
    writeln!(out, "规则    {} 条\n        {}", pack.rules.len(), pack.rules_hash)?;
    writeln!(
        out,
        "模型    {}，{} 维，最长 {} 词\n        {}",
        encoder.name(),
        encoder.dimensions(),
        encoder.max_tokens(),
        encoder.hash()
    )?;
    writeln!(out, "校准    {}", classifier.calibrator().hash())?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    writeln!(out, "处理器  {cores} 核；{}", cpu_features())?;
    writeln!(out, "缓存    {}", cache().map_or_else(|| "无".to_owned(), |dir| dir.display().to_string()))?;

    let mut failed = Vec::new();
    let mut count = 0;
    for item in pack.classes() {
        let inclusions = item
            .inclusions
            .iter()
            .map(|inclusion| (inclusion.id.clone(), format!("{}，{}", inclusion.name, inclusion.text)));
        let definition = (item.code.to_string(), format!("{}。{}", item.name, item.definition));
        for (id, text) in inclusions.chain([definition]) {
            count += 1;
            let top = classifier.classify(&text)?.top().map(|top| top.label);
            if top != Some(Label::Class(item.code)) {
                failed.push(format!("{id} 判为 {}", top.map_or_else(|| "无".to_owned(), |label| label.to_string())));
            }
        }
    }
    writeln!(out, "自检    官方定义和典型业务 {count} 条，{} 条归入本类", count - failed.len())?;
    for failure in &failed {
        writeln!(out, "        {failure}")?;
    }
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// The vector instructions that matter to speed.
fn cpu_features() -> String {
    #[cfg(target_arch = "x86_64")]
    let known = [
        ("AVX2", std::arch::is_x86_feature_detected!("avx2")),
        ("FMA", std::arch::is_x86_feature_detected!("fma")),
        ("AVX-512F", std::arch::is_x86_feature_detected!("avx512f")),
    ];
    #[cfg(not(target_arch = "x86_64"))]
    let known: [(&str, bool); 0] = [];
    let present: Vec<&str> = known.iter().filter(|(_, present)| *present).map(|(name, _)| *name).collect();
    if present.is_empty() { "无向量指令信息".to_owned() } else { present.join("、") }
}
