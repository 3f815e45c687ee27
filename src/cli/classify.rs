//! `waibao classify`: one or several texts, answered for a person or as JSON lines.

use std::io::{IsTerminal, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use waibao::record::{EvidenceRecord, Record, RulingRecord};
use waibao::{Error, Outcome, Settings};

use super::args::ClassifyArgs;
use super::{Done, decode, open, say};

/// Cells of the bar that shows a confidence of one.
const BAR: usize = 20;

pub(super) fn run(args: &ClassifyArgs, out: &mut dyn Write) -> Done {
    let texts = read(args)?;
    let classifier = open(&args.sources, Settings::default())?;
    for (at, text) in texts.iter().enumerate() {
        let decision = classifier.classify(text)?;
        let record = Record::new(&classifier, None, text, &decision, usize::from(args.top));
        if args.json {
            serde_json::to_writer(&mut *out, &record).map_err(std::io::Error::from)?;
            writeln!(out)?;
            continue;
        }
        if at > 0 {
            writeln!(out)?;
        }
        if texts.len() > 1 {
            writeln!(out, "〔{}〕{}", at + 1, shortened(text, 60))?;
        }
        print(&record, args.explain, out)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The texts to classify; an empty one is an error, because there is nothing to answer.
fn read(args: &ClassifyArgs) -> Result<Vec<String>, Error> {
    let mut texts = Vec::new();
    for text in &args.texts {
        texts.push(("命令行".to_owned(), text.clone()));
    }
    for path in &args.files {
        let file = |source| Error::File { path: path.clone(), action: "读取", source };
        texts.push((path.display().to_string(), decode(std::fs::read(path).map_err(file)?, path)?));
    }
    if texts.is_empty() {
        let path = Path::new("标准输入");
        if std::io::stdin().is_terminal() {
            say("请输入合同描述，以 Ctrl-D 结束（Windows 为 Ctrl-Z 加回车）：");
        }
        let mut bytes = Vec::new();
        let file = |source| Error::File { path: path.to_owned(), action: "读取", source };
        std::io::stdin().read_to_end(&mut bytes).map_err(file)?;
        texts.push((path.display().to_string(), decode(bytes, path)?));
    }
    let empty = texts.iter().find(|(_, text)| text.trim().is_empty());
    if let Some((origin, _)) = empty {
        return Err(Error::Argument(format!(
            "{origin}：没有文字。请给出合同描述，如 waibao classify \"客服热线外包\""
        )));
    }
    Ok(texts.into_iter().map(|(_, text)| text).collect())
}

/// A record for a person.
pub(super) fn print(record: &Record, explain: bool, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out, "结论    {}", record.outcome.name())?;
    if let (Some(code), Some(name), true) = (&record.code, &record.name, record.outcome != Outcome::OutOfScope) {
        writeln!(out, "代码    {code} {name}")?;
        writeln!(out, "路径    {}", record.path.join(" › "))?;
    }
    if let Some(first) = record.candidates.first() {
        writeln!(out, "置信度  {} {}", bar(first.confidence), percent(first.confidence))?;
    }
    if let Some(review) = &record.review {
        writeln!(out, "原因    {}", review.reason)?;
        if let Some(question) = &review.question {
            writeln!(out, "请核实  {question}")?;
        }
    }
    for (at, candidate) in record.candidates.iter().enumerate() {
        let head = if at == 0 { "候选    " } else { "        " };
        let code = format!("{:<4}", candidate.code);
        writeln!(out, "{head}{} {code} {}", percent(candidate.confidence), candidate.name)?;
    }
    for ruling in &record.rulings {
        print_ruling(ruling, explain, out)?;
    }
    let shown = if explain { usize::MAX } else { 1 };
    for evidence in record.evidence.iter().take(shown) {
        print_evidence(evidence, explain, out)?;
    }
    if let Some(domain) = &record.key_domain.edition_2022
        && record.outcome != Outcome::OutOfScope
    {
        writeln!(out, "领域    {domain}（2022 年版重点领域）")?;
    }
    if explain {
        let versions = &record.versions;
        writeln!(
            out,
            "版本    程序 {}，分类包 {}，规则 {}，模型 {}，校准 {}",
            versions.program, versions.pack, versions.rules, versions.model, versions.calibration
        )?;
    }
    Ok(())
}

fn print_ruling(ruling: &RulingRecord, explain: bool, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out, "条款    {}：{}", ruling.clause, ruling.text)?;
    let moved = match (&ruling.receiver, ruling.vetoed.is_empty()) {
        (Some(receiver), false) => format!("（{} → {receiver}）", scope(&ruling.vetoed)),
        _ => String::new(),
    };
    writeln!(out, "        {}{moved}", ruling.note)?;
    match &ruling.trigger {
        Some(trigger) => writeln!(out, "        触发词：“{}”", shortened(&trigger.words, 40))?,
        None => writeln!(out, "        与该条款的例句相近")?,
    }
    if explain && ruling.vetoed.len() > 1 {
        writeln!(out, "        排除：{}", ruling.vetoed.join(" "))?;
    }
    Ok(())
}

/// The vetoed classes in a few words.
fn scope(vetoed: &[String]) -> String {
    match vetoed {
        [one] => one.clone(),
        [first, ..] => format!("{first} 等 {} 类", vetoed.len()),
        [] => String::new(),
    }
}

fn print_evidence(evidence: &EvidenceRecord, explain: bool, out: &mut dyn Write) -> std::io::Result<()> {
    let kind = match evidence.prototype_kind.as_str() {
        "definition" => "定义",
        "inclusion" => "典型业务",
        "case" => "案例",
        _ => "例句",
    };
    let length = if explain { 200 } else { 60 };
    writeln!(out, "相近    {kind} {}：{}", evidence.prototype, shortened(&evidence.text, length))?;
    if explain {
        writeln!(out, "        原文：“{}”", shortened(&evidence.passage.words, 120))?;
    }
    Ok(())
}

fn bar(confidence: f64) -> String {
    let full = (confidence * BAR as f64).floor() as usize;
    format!("{}{}", "█".repeat(full.min(BAR)), "░".repeat(BAR - full.min(BAR)))
}

/// A percentage of fixed width, never more certain than the number.
fn percent(confidence: f64) -> String {
    format!("{:>5.1}%", (confidence * 1000.0).floor() / 10.0)
}

/// A text on one line, cut to a number of characters.
pub(super) fn shortened(text: &str, length: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= length {
        return line;
    }
    line.chars().take(length - 1).chain(['…']).collect()
}
