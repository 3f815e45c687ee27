//! `waibao evaluate`: the figures of a classifier on labelled files, for a person, as a page, as tables, and as a check.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use waibao::eval::{
    Answer, Heading, Report, Row, Summary, Thresholds, check_labelled, evaluate, html, moved, total, visit_labelled,
};
use waibao::record::{Record, Versions};
use waibao::table::{Book, Cell, SheetId};
use waibao::{Classifier, Decision, Error, Label, Settings, whole};

use super::args::{Component, EvaluateArgs};
use super::classify::{print, shortened};
use super::{Done, Failure, ask, open, say};

/// Where the gold lies in the repository.
const GOLD: &str = "eval/gold";
/// Moved answers that are listed; of more only the number is given.
const LISTED: usize = 40;
/// Rows between two signs of life on a terminal.
const PROGRESS: usize = 500;

pub(super) fn run(args: &EvaluateArgs, out: &mut dyn Write) -> Done {
    let files = if args.files.is_empty() { gold()? } else { args.files.clone() };
    check_outputs(args, &files)?;
    let kept = |component| !args.without.contains(&component);
    let (lexical, rules) = (kept(Component::Lexical), kept(Component::Rules));
    let classifier = open(&args.sources, Settings { lexical, rules, ..Settings::default() })?;
    if let Some(id) = &args.show {
        return show(&classifier, &files, id, out);
    }
    let thresholds = args.check.as_deref().map(|dir| Thresholds::read(&dir.join("thresholds.toml"))).transpose()?;
    let mut sheet = args.report.as_ref().map(|_| Rows::new(&classifier)).transpose()?;
    let mut done = 0;
    let report = evaluate(&classifier, &files, &args.groups, &mut |row, decision, answer| {
        done += 1;
        if done % PROGRESS == 0 && std::io::stderr().is_terminal() {
            ask(format_args!("\r已答 {done} 条"));
        }
        sheet.as_mut().map_or(Ok(()), |sheet| sheet.push(row, decision, answer))
    })?;
    if done >= PROGRESS && std::io::stderr().is_terminal() {
        say("");
    }
    let summary = report.summary(classifier.pack());
    print_summary(&summary, out)?;
    if let (Some(path), Some(sheet)) = (&args.report, sheet) {
        let page = html(&summary, &heading(&classifier, &files));
        whole::write(path, |file| file.write_all(page.as_bytes()))?;
        let table = path.with_extension("xlsx");
        whole::write(&table, |file| sheet.0.save(file))?;
        writeln!(out, "报告：{}；每一行：{}", path.display(), table.display())?;
    }
    // The check reads what was committed before a run with both flags overwrites it.
    let passed = match (&args.check, thresholds) {
        (Some(dir), Some(thresholds)) => check(&report, &summary, &thresholds, &dir.join("results.csv"), out)?,
        _ => true,
    };
    if let Some(path) = &args.results {
        report.write_results(path)?;
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Refuses an output that would take the place of what is read, of another output, or of what is no file.
fn check_outputs(args: &EvaluateArgs, files: &[PathBuf]) -> Result<(), Error> {
    let table = args.report.as_ref().map(|page| page.with_extension("xlsx"));
    let outputs: Vec<&PathBuf> = args.report.iter().chain(&table).chain(&args.results).collect();
    let thresholds = args.check.as_ref().map(|dir| dir.join("thresholds.toml"));
    for (at, output) in outputs.iter().enumerate() {
        whole::replaceable(output)?;
        let problem = if files.iter().chain(&thresholds).any(|input| whole::same(input, output)) {
            "要读这个文件，不能又把结果写进去"
        } else if outputs[..at].iter().any(|other| whole::same(other, output)) {
            "会写两次"
        } else {
            continue;
        };
        let advice = "请给 --report（旁边还写同名的 .xlsx）或 --results 换一个文件名";
        return Err(Error::Argument(format!("{}：{problem}。{advice}", output.display())));
    }
    Ok(())
}

/// The files of the repository's gold.
fn gold() -> Result<Vec<PathBuf>, Error> {
    let entries = std::fs::read_dir(GOLD)
        .map_err(|_| Error::Argument(format!("请给出标注文件；不给时用 {GOLD} 下的，但当前目录里没有这个目录")))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "csv"));
    files.sort();
    if files.is_empty() {
        return Err(Error::Argument(format!("{GOLD} 里没有 .csv 文件。请给出标注文件")));
    }
    Ok(files)
}

fn heading(classifier: &Classifier, files: &[PathBuf]) -> Heading<'static> {
    let versions = Versions::of(classifier);
    let name = |path: &PathBuf| path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    Heading {
        files: files.iter().map(name).collect(),
        versions: vec![
            ("程序", versions.program),
            ("分类包", versions.pack),
            ("规则", versions.rules),
            ("模型", versions.model),
            ("校准", versions.calibration),
        ],
    }
}

fn print_summary(summary: &Summary, out: &mut dyn Write) -> std::io::Result<()> {
    let percent = |share: f64| format!("{:.1}%", share * 100.0);
    writeln!(out, "条数：{}", summary.texts)?;
    for figure in &summary.figures {
        let (low, high) = figure.interval;
        if figure.is_share {
            let (low, high) = (low * 100.0, high * 100.0);
            writeln!(out, "{}：{}（95% 区间 {low:.1}–{high:.1}）", figure.name, percent(figure.value))?;
        } else {
            writeln!(out, "{}：{:.3}（95% 区间 {low:.3}–{high:.3}）", figure.name, figure.value)?;
        }
    }
    for (precision, coverage) in &summary.coverage {
        writeln!(out, "正确率 {:.0}% 时可自动的比例：{}", precision * 100.0, percent(*coverage))?;
    }
    let outcomes = summary
        .outcomes
        .iter()
        .map(|&(outcome, share, right)| format!("{} {}（对 {}）", outcome.name(), percent(share), percent(right)));
    writeln!(out, "结论：{}", outcomes.collect::<Vec<_>>().join("，"))?;
    for (name, exclusions) in [("排除条款", true), ("判断原则", false)] {
        let trial = total(&summary.trials, exclusions);
        if trial.caught + trial.clear > 0 {
            let (catch, fire, pairs) = (trial.catch_rate(), trial.false_fire_rate(), trial.pair_rate());
            writeln!(
                out,
                "{name}：守住 {}（{} 条），误触发 {}（{} 条），成对都对 {}（{} 对）",
                percent(catch),
                trial.caught,
                percent(fire),
                trial.clear,
                percent(pairs),
                trial.pairs
            )?;
        }
    }
    for (name, figures) in &summary.baselines {
        let (accuracy, f1) = (figures[0].value, figures[4].value);
        writeln!(out, "基线·{name}：小类正确率 {}，宏平均 F1 {f1:.3}", percent(accuracy))?;
    }
    if let Some(agreement) = &summary.agreement {
        writeln!(
            out,
            "两人复读：{} 条，同码 {}，可接受 {}，κ {:.3}",
            agreement.texts,
            percent(agreement.raw),
            percent(agreement.acceptable),
            agreement.kappa
        )?;
    }
    let confusions = summary.confusions.iter().take(5);
    let confusions = confusions.map(|found| format!("{}→{}（{}）", found.gold, found.said, found.count));
    writeln!(out, "最常混淆：{}", confusions.collect::<Vec<_>>().join("，"))
}

/// The table of every row.
struct Rows<'a>(Book, SheetId, &'a Classifier);

impl<'a> Rows<'a> {
    fn new(classifier: &'a Classifier) -> Result<Self, Error> {
        let columns = [
            "编号",
            "文字",
            "标注",
            "第二代码",
            "结论",
            "首选",
            "名称",
            "置信度",
            "第二候选",
            "第三候选",
            "对错",
            "条款",
            "分组",
        ];
        let mut book = Book::default();
        let sheet = book.sheet("结果", &columns, |heading| heading == "文字")?;
        Ok(Self(book, sheet, classifier))
    }

    fn push(&mut self, row: &Row, decision: &Decision, answer: &Answer) -> Result<(), Error> {
        let pack = self.2.pack();
        let text = |label: Option<&Label>| label.map(Label::to_string).unwrap_or_default();
        let clauses: Vec<&str> = answer.fired.iter().map(|fired| pack.rules[fired.rule].clause.as_str()).collect();
        let groups: Vec<String> = row.groups.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let name = answer.candidates.first().map_or("", |label| pack.name(*label));
        let cells = [
            Cell::Text(&answer.id),
            Cell::Text(&row.labelled.text),
            Cell::Text(&text(answer.gold.first())),
            Cell::Text(&text(answer.gold.get(1))),
            Cell::Text(decision.outcome.name()),
            Cell::Text(&text(answer.candidates.first())),
            Cell::Text(name),
            Cell::Number((f64::from(answer.confidence) * 1000.0).floor() / 1000.0),
            Cell::Text(&text(answer.candidates.get(1))),
            Cell::Text(&text(answer.candidates.get(2))),
            Cell::Text(if answer.is_right() { "对" } else { "错" }),
            Cell::Text(&clauses.join(" ")),
            Cell::Text(&groups.join(" ")),
        ];
        self.0.push(self.1, cells.into_iter())
    }
}

/// Says what is below its threshold and which answers moved; whether neither is so.
fn check(
    report: &Report,
    summary: &Summary,
    thresholds: &Thresholds,
    results: &Path,
    out: &mut dyn Write,
) -> Result<bool, Failure> {
    let broken = thresholds.broken(summary);
    for line in &broken {
        writeln!(out, "不达标  {line}")?;
    }
    let moved = moved(report, results)?;
    for answer in moved.iter().take(LISTED) {
        let mark = match answer.right {
            (true, false) => "变错",
            (false, true) => "变对",
            _ => "变动",
        };
        let side = |text: &str| if text.is_empty() { "（无）".to_owned() } else { text.to_owned() };
        writeln!(out, "{mark}    {}：{} → {}", answer.id, side(&answer.before), side(&answer.after))?;
    }
    if moved.len() > LISTED {
        writeln!(out, "……另有 {} 条变动", moved.len() - LISTED)?;
    }
    let passed = broken.is_empty() && moved.is_empty();
    if passed {
        writeln!(out, "检查通过：全部达标，没有变动")?;
    } else {
        let hint = format!("若变动是有意的，用 --results {} 写入后查看差异", results.display());
        writeln!(out, "检查未通过：{} 项不达标，{} 条变动。{hint}", broken.len(), moved.len())?;
    }
    Ok(passed)
}

/// Explains the answer to one row.
fn show(classifier: &Classifier, files: &[PathBuf], id: &str, out: &mut dyn Write) -> Done {
    check_labelled(files, &[], classifier.pack())?;
    let mut found = Vec::new();
    for path in files {
        visit_labelled(path, &[], &mut |row| {
            found.extend((row.id == id).then_some(row));
            Ok(())
        })?;
    }
    let [row] = &found[..] else {
        let names = files.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join("、");
        let problem = if found.is_empty() { "里没有编号为" } else { "里有几个编号为" };
        return Err(Error::Argument(format!("{names} {problem} {id} 的行。请换一个编号或只给一个文件")).into());
    };
    let decision = classifier.classify(&row.labelled.text)?;
    let record = Record::new(classifier, Some(id.to_owned()), &row.labelled.text, &decision, 5);
    writeln!(out, "文字    {}", shortened(&row.labelled.text, 400))?;
    for (at, label) in row.labelled.labels.iter().enumerate() {
        let head = if at == 0 { "标注    " } else { "也可    " };
        writeln!(out, "{head}{label} {}", classifier.pack().name(*label))?;
    }
    if let Some(reading) = &row.second {
        writeln!(out, "复读    {} {}", reading.second, classifier.pack().name(reading.second))?;
    }
    if let Some(trial) = &row.trial {
        writeln!(out, "用意    {} {}", trial.clause, if trial.caught { "应命中" } else { "应放过" })?;
    }
    let right = decision.top().is_some_and(|top| row.labelled.labels.contains(&top.label));
    writeln!(out, "对错    {}", if right { "对" } else { "错" })?;
    print(&record, true, out)?;
    Ok(ExitCode::SUCCESS)
}
