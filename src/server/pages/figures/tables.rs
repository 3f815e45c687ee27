//! The tables of the page and of its workbook.

use std::collections::BTreeSet;

use super::table::{Entry, Table};
use crate::code::Label;
use crate::decision::Outcome;
use crate::pack::Pack;
use crate::server::store::figures::{Figures, Score, Span, UNCLEAR, share};

/// States of a row, as a person reads them.
const STATES: [(&str, &str); 8] = [
    ("automatic", "自动"),
    ("open", "待复核"),
    ("second", "待二读"),
    ("disputed", "待裁定"),
    ("settled", "已定"),
    ("waiting", "待程序"),
    ("failed", "失败"),
    ("empty", "空行"),
];

pub(super) fn states(found: &Figures) -> Table {
    let mut table = Table::new("行的状态", &["状态", "行数", "占比"]);
    let all = found.rows.states.values().sum();
    for (state, name) in STATES {
        let count = found.rows.in_state(state);
        if count == 0 {
            continue;
        }
        table.rows.push(vec![Entry::text(name), Entry::Count(count), Entry::share(share(count, all))]);
    }
    table
}

pub(super) fn outcomes(found: &Figures) -> Table {
    let mut table = Table::new("程序结论", &["结论", "行数", "占比"]);
    for (outcome, count) in &found.rows.outcomes {
        let known = serde_json::from_value::<Outcome>(outcome.as_str().into());
        let name = known.map_or(outcome.as_str(), |known| known.name());
        table.rows.push(vec![Entry::text(name), Entry::Count(*count), Entry::share(share(*count, found.rows.decided))]);
    }
    table
}

pub(super) fn accuracy(found: &Figures) -> Table {
    let mut table = Table::new("正确率", &["范围", "正确率", "下限", "上限", "复核", "正确", "改判", "不清楚"]);
    let scopes = [
        ("全部已定的行", found.reviewed.all()),
        ("抽查：无需人工的行", found.reviewed.sampled),
        ("需要人工的行", found.reviewed.open),
    ];
    for (name, score) in scopes {
        let counts = [score.judged() + score.unclear, score.right, score.wrong, score.unclear].map(Entry::Count);
        table.rows.push([Entry::text(name)].into_iter().chain(rightness(score)).chain(counts).collect());
    }
    table
}

/// The share that was right, with its interval.
fn rightness(score: Score) -> [Entry; 3] {
    let (low, high) = score.interval().unzip();
    [score.share(), low, high].map(Entry::share)
}

pub(super) fn reliability(found: &Figures) -> Table {
    let mut table = Table::new("校准", &["置信度", "复核", "平均置信度", "正确率"]);
    let bins = found.reviewed.reliability();
    for (at, bin) in bins.iter().enumerate().filter(|(_, bin)| bin.count > 0) {
        let (low, high) = (at as f64 / bins.len() as f64, (at + 1) as f64 / bins.len() as f64);
        let count = bin.count as u64;
        table.rows.push(vec![
            Entry::text(format!("{low:.1}–{high:.1}")),
            Entry::Count(count),
            Entry::Share(bin.confidence / bin.count as f64),
            Entry::share(share(bin.right as u64, count)),
        ]);
    }
    table
}

pub(super) fn cut_offs(found: &Figures) -> Table {
    let headings = ["门槛", "可自动", "占比", "其中复核", "正确", "正确率", "下限", "上限", "推算正确率"];
    let mut table = Table::new("门槛", &headings);
    for cut_off in found.reviewed.cut_offs(&found.rows) {
        let counted = [
            Entry::Number(cut_off.from),
            Entry::Count(cut_off.rows),
            Entry::Share(cut_off.share),
            Entry::Count(cut_off.score.judged()),
            Entry::Count(cut_off.score.right),
        ];
        let estimate = Entry::share(cut_off.estimate);
        table.rows.push(counted.into_iter().chain(rightness(cut_off.score)).chain([estimate]).collect());
    }
    table
}

pub(super) fn changed(found: &Figures, pack: &Pack) -> Table {
    let headings = ["程序建议", "人定", "行数", "占改判", "建议名称", "人定名称", "决定二者的问题"];
    let mut table = Table::new("改判", &headings);
    let mut pairs: Vec<_> = found.reviewed.changed.iter().collect();
    pairs.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let all = found.reviewed.all().wrong;
    for ((proposed, last), count) in pairs {
        let question = match (proposed.parse::<Label>(), last.parse::<Label>()) {
            (Ok(one), Ok(other)) => pack.question(one, other).unwrap_or_default(),
            _ => "",
        };
        table.rows.push(vec![
            Entry::Label(proposed.clone()),
            Entry::Label(last.clone()),
            Entry::Count(*count),
            Entry::share(share(*count, all)),
            Entry::text(name(pack, proposed)),
            Entry::text(name(pack, last)),
            Entry::text(question),
        ]);
    }
    table
}

fn name<'a>(pack: &'a Pack, label: &str) -> &'a str {
    match label.parse::<Label>() {
        Ok(label) => pack.name(label),
        Err(_) => "",
    }
}

pub(super) fn agreement(found: &Figures) -> Table {
    let mut table = Table::new("两人一致", &["指标", "值"]);
    let agreement = found.readings.agreement();
    let texts = agreement.map_or(0, |agreement| agreement.texts as u64);
    table.rows = vec![
        vec![Entry::text("两人都给出代码的行"), Entry::Count(texts)],
        vec![Entry::text("两人同码"), Entry::share(agreement.map(|agreement| agreement.raw))],
        vec![Entry::text("Cohen κ"), agreement.map_or(Entry::Nothing, |agreement| Entry::Number(agreement.kappa))],
        vec![Entry::text("有人答“不清楚”的行"), Entry::Count(found.readings.unclear())],
    ];
    table
}

pub(super) fn disagreements(found: &Figures) -> Table {
    let mut table = Table::new("两人分歧", &["第一人", "第二人", "行数"]);
    let mut pairs: Vec<_> = found.readings.pairs.iter().filter(|((one, two), _)| one != two).collect();
    pairs.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for ((one, two), count) in pairs {
        table.rows.push(vec![Entry::Label(one.clone()), Entry::Label(two.clone()), Entry::Count(*count)]);
    }
    table
}

/// A column for each span; below the labels how many rows there are and how far the mix has moved.
pub(super) fn mix(spans: Vec<Span>, pack: &Pack) -> Table {
    let mut table = Table::new("类别构成", &["代码", "名称"]);
    table.headings.extend(spans.iter().map(|span| span.name.clone()));
    let labels: BTreeSet<&String> = spans.iter().flat_map(|span| span.labels.keys()).collect();
    // 不属于 and 不清楚 are no codes and stand behind them.
    let (codes, others): (Vec<&String>, Vec<&String>) =
        labels.into_iter().partition(|label| *label != "OUT" && *label != UNCLEAR);
    for label in codes.into_iter().chain(others) {
        let shares = spans.iter().enumerate().map(|(at, span)| {
            let share = span.share(label);
            match at.checked_sub(1) {
                Some(before) => Entry::Changed(share, share - spans[before].share(label)),
                None => Entry::Share(share),
            }
        });
        let head = [Entry::Label(label.clone()), Entry::text(name(pack, label))];
        table.rows.push(head.into_iter().chain(shares).collect());
    }
    if !spans.is_empty() {
        let rows = spans.iter().map(|span| Entry::Count(span.rows()));
        table.rows.push([Entry::text(""), Entry::text("行数")].into_iter().chain(rows).collect());
        let moved = std::iter::once(Entry::Nothing)
            .chain(spans.windows(2).map(|pair| Entry::Number(pair[1].distance(&pair[0]))));
        table.rows.push([Entry::text(""), Entry::text("总变差距离")].into_iter().chain(moved).collect());
    }
    table
}

pub(super) fn work(found: &Figures) -> Table {
    let mut table = Table::new("每天的复核", &["日期", "复核员", "行数", "决定", "间隔（秒）"]);
    for work in &found.work {
        table.rows.push(vec![
            Entry::text(&work.day),
            Entry::text(&work.reader),
            Entry::Count(work.rows),
            Entry::Count(work.decisions),
            work.seconds.map_or(Entry::Nothing, Entry::Seconds),
        ]);
    }
    table
}
