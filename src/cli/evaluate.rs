//! `waibao evaluate`: the figures of a classifier on labelled files.

use std::io::Write;
use std::process::ExitCode;

use waibao::Error;
use waibao::eval::{evaluate, read_labelled};

use super::args::EvaluateArgs;
use super::{Done, open};

pub(super) fn run(args: &EvaluateArgs, out: &mut dyn Write) -> Done {
    let mut rows = Vec::new();
    for path in &args.files {
        rows.extend(read_labelled(path)?);
    }
    let report = evaluate(&open(&args.sources)?, &rows)?;
    if let Some(path) = &args.results {
        let file = |source| Error::File { path: path.clone(), action: "写入", source };
        std::fs::write(path, report.to_csv()).map_err(file)?;
    }
    let percent = |share: f64| format!("{:.1}%", share * 100.0);
    let [assigned, out_of_scope, review] = report.outcomes().map(percent);
    let (out_precision, out_recall) = report.out_of_scope();
    let lines = [
        ("条数", report.answers.len().to_string()),
        ("小类正确率", percent(report.accuracy())),
        ("前三正确率", percent(report.top3())),
        ("中类正确率", percent(report.accuracy_at(2))),
        ("大类正确率", percent(report.accuracy_at(1))),
        ("宏平均 F1", format!("{:.3}", report.macro_f1())),
        ("不属于：准确率 / 召回率", format!("{} / {}", percent(out_precision), percent(out_recall))),
        ("结论：可采纳 / 不属于 / 需人工", format!("{assigned} / {out_of_scope} / {review}")),
        ("无需人工部分的正确率", percent(report.precision_without_a_person())),
        ("校准误差 ECE", format!("{:.3}", report.calibration_error())),
    ];
    for (name, value) in lines {
        writeln!(out, "{name}：{value}")?;
    }
    Ok(ExitCode::SUCCESS)
}
