//! The report as one page: Chinese, printable, charts as SVG, nothing from elsewhere.

use maud::{DOCTYPE, Markup, PreEscaped, html as markup};

use crate::code::Label;
use crate::decision::Outcome;

use super::figures::Figure;
use super::report::{Summary, division};
use super::trials::{ClauseTrial, total};

/// What stands above the tables: which files, which versions.
pub struct Heading<'a> {
    /// The names of the files.
    pub files: Vec<String>,
    /// Names and values of what made the answers.
    pub versions: Vec<(&'a str, String)>,
}

const STYLE: &str = "
:root{--ink:#1d2733;--soft:#5d6b7a;--line:#d5dce4;--main:#1f5fa8;--good:#2b7d4f;--warn:#b7791f;--pale:#eef3f8}
*{box-sizing:border-box}body{margin:0 auto;max-width:1080px;padding:24px;color:var(--ink);
font:14px/1.6 'Noto Sans SC','Microsoft YaHei','PingFang SC','Source Han Sans SC',sans-serif}
h1{font-size:22px;margin:0 0 4px}h2{font-size:17px;margin:32px 0 8px;border-bottom:1px solid var(--line);padding-bottom:4px}
p{margin:6px 0;color:var(--soft)}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:4px 8px;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
th{color:var(--soft);font-weight:600;white-space:nowrap}td.n,th.n{text-align:right;white-space:nowrap}
.charts{display:flex;flex-wrap:wrap;gap:24px}figure{margin:0;flex:1 1 420px}figcaption{color:var(--soft)}
svg{width:100%;height:auto}svg text{font:11px sans-serif;fill:var(--soft)}
.bar{display:inline-block;height:10px;background:var(--main);vertical-align:middle}
.key{display:inline-block;width:10px;height:10px;margin:0 4px 0 12px}
@media print{body{max-width:none;padding:0;font-size:11px}h2{break-after:avoid}tr,figure{break-inside:avoid}}
";

/// The report as a page.
pub fn html(summary: &Summary, heading: &Heading<'_>) -> String {
    let page = markup! {
        (DOCTYPE)
        html lang="zh-CN" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "waibao 评测报告" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "评测报告" }
                p { (heading.files.join("、")) "，共 " (summary.texts) " 条" }
                p { @for (name, value) in &heading.versions { (name) " " (value) "　" } }
                (figures(summary))
                (outcomes(summary))
                div.charts { (reliability_chart(summary)) (risk_coverage_chart(summary)) }
                (classes(summary))
                (confusions(summary))
                (clauses(summary))
                (rules(summary))
                (groups(summary))
            }
        }
    };
    page.into_string()
}

fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

pub(super) fn shown(figure: &Figure) -> String {
    if figure.is_share { percent(figure.value) } else { format!("{:.3}", figure.value) }
}

fn interval(figure: &Figure) -> String {
    let (low, high) = figure.interval;
    if figure.is_share { format!("{:.1}–{:.1}", low * 100.0, high * 100.0) } else { format!("{low:.3}–{high:.3}") }
}

fn figures(summary: &Summary) -> Markup {
    let kept = |figure: &Figure| {
        !matches!(figure.key, "top3" | "automated" | "automated_precision" | "calibration_error" | "brier")
    };
    markup! {
        h2 { "总览" }
        table {
            thead { tr { th { "指标" } th.n { "本程序" } th.n { "95% 区间" }
                @for (name, _) in &summary.baselines { th.n { (name) } } } }
            tbody {
                @for (at, figure) in summary.figures.iter().enumerate() {
                    tr {
                        td { (figure.name) } td.n { b { (shown(figure)) } } td.n { (interval(figure)) }
                        @for (_, figures) in &summary.baselines {
                            td.n { @if kept(figure) { (shown(&figures[at])) } @else { "–" } }
                        }
                    }
                }
                @for (precision, coverage) in &summary.coverage {
                    tr { td { "正确率 " (format!("{:.0}%", precision * 100.0)) " 时可自动的比例" }
                        td.n { b { (percent(*coverage)) } } td {} @for _ in &summary.baselines { td.n { "–" } } }
                }
            }
        }
        @if let Some(agreement) = &summary.agreement {
            p { "两人复读（" (agreement.texts) " 条）：同码 " (percent(agreement.raw)) "，可接受 " (percent(agreement.acceptable))
                "，Cohen κ " (format!("{:.3}", agreement.kappa)) "。这是人的水平，供对照。" }
        }
        p { "区间为自助法（重抽 1000 次）。“可接受”指首选代码是标注代码或第二代码。基线一不会答“不属于”。" }
    }
}

fn colour(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Assigned => "#1f5fa8",
        Outcome::OutOfScope => "#6b7f95",
        Outcome::NeedsReview => "#d9a441",
    }
}

fn outcomes(summary: &Summary) -> Markup {
    let mut from = 0.0;
    let bars: Vec<_> = summary
        .outcomes
        .iter()
        .map(|&(outcome, share, right)| {
            let start = from;
            from += share;
            ((outcome.name(), colour(outcome)), start, share, right)
        })
        .collect();
    markup! {
        h2 { "结论" }
        svg viewBox="0 0 1000 28" role="img" aria-label="三种结论的比例" {
            @for ((_, colour), start, share, _) in &bars {
                rect x=(start * 1000.0) y="2" width=(share * 1000.0) height="24" fill=(colour) {}
            }
        }
        p { @for ((name, colour), _, share, right) in &bars {
            span.key style={ "background:" (colour) } {} (name) " " (percent(*share)) "（首选正确 " (percent(*right)) "）"
        } }
    }
}

/// The frame of a chart over the unit square: axes, marks, names.
fn frame(across: &str, up: &str, from: f64, content: &Markup) -> Markup {
    let marks: Vec<f64> = (0..=4).map(|step| f64::from(step) / 4.0).collect();
    markup! {
        svg viewBox="0 0 460 300" role="img" {
            @for mark in &marks {
                line x1="50" x2="440" y1=(y(*mark)) y2=(y(*mark)) stroke="#d5dce4" {}
                text x="44" y=(y(*mark) + 4.0) text-anchor="end" { (format!("{:.0}%", (from + mark * (1.0 - from)) * 100.0)) }
                text x=(x(*mark)) y="276" text-anchor="middle" { (format!("{:.0}%", mark * 100.0)) }
            }
            text x="245" y="294" text-anchor="middle" { (across) }
            text x="50" y="12" { (up) }
            (content)
        }
    }
}

fn x(share: f64) -> f64 {
    50.0 + 390.0 * share
}

fn y(share: f64) -> f64 {
    260.0 - 240.0 * share
}

fn reliability_chart(summary: &Summary) -> Markup {
    let points: Vec<(f64, f64, usize)> = summary
        .reliability
        .iter()
        .filter(|bin| bin.count > 0)
        .map(|bin| (bin.confidence / bin.count as f64, bin.right as f64 / bin.count as f64, bin.count))
        .collect();
    let most = points.iter().map(|point| point.2).max().unwrap_or(1) as f64;
    let content = markup! {
        line x1=(x(0.0)) y1=(y(0.0)) x2=(x(1.0)) y2=(y(1.0)) stroke="#b7791f" stroke-dasharray="4 4" {}
        @for (confidence, right, count) in &points {
            circle cx=(x(*confidence)) cy=(y(*right)) r=(3.0 + 9.0 * (*count as f64 / most).sqrt()) fill="#1f5fa8" fill-opacity="0.75" {
                title { "置信度 " (percent(*confidence)) "，正确 " (percent(*right)) "，" (count) " 条" }
            }
        }
    };
    markup! {
        figure { h2 { "置信度可信吗" } (frame("置信度", "正确率", 0.0, &content))
            figcaption { "点越近虚线越可信；点的大小是条数。ECE " (format!("{:.3}", summary.figures[9].value)) } }
    }
}

fn risk_coverage_chart(summary: &Summary) -> Markup {
    // From the lower half on nothing happens that would be of use.
    let from = 0.5;
    let path: Vec<String> = summary
        .curve
        .iter()
        .map(|(coverage, right)| format!("{:.1},{:.1}", x(*coverage), y(((right - from) / (1.0 - from)).max(0.0))))
        .collect();
    let content = markup! {
        polyline points=(path.join(" ")) fill="none" stroke="#1f5fa8" stroke-width="2" {}
        @for (precision, coverage) in summary.coverage.iter().filter(|(_, coverage)| *coverage > 0.0) {
            circle cx=(x(*coverage)) cy=(y((precision - from) / (1.0 - from))) r="4" fill="#b7791f" {}
            text x=(x(*coverage) + 6.0) y=(y((precision - from) / (1.0 - from)) - 6.0) { (percent(*coverage)) }
        }
    };
    markup! {
        figure { h2 { "自动多少、错多少" } (frame("自动处理的比例（先最有把握的）", "其中正确的比例", from, &content))
            figcaption { "圆点：正确率 95%、97%、99% 时可自动的比例" } }
    }
}

fn classes(summary: &Summary) -> Markup {
    markup! {
        h2 { "各小类" }
        table {
            thead { tr { th { "代码" } th { "名称" } th.n { "条数" } th.n { "准确率" } th.n { "召回率" } th.n { "F1" } th {} } }
            tbody {
                @for (at, class) in summary.classes.iter().enumerate() {
                    @let first = at == 0 || division(summary.classes[at - 1].label) != division(class.label);
                    tr style=[first.then_some("border-top:2px solid #5d6b7a")] {
                        td { (class.label) } td { (class.name) } td.n { (class.texts) } td.n { (percent(class.precision)) }
                        td.n { (percent(class.recall)) } td.n { (format!("{:.3}", class.f1)) }
                        td { span.bar style=(format!("width:{:.0}px", class.f1 * 160.0)) {} }
                    }
                }
            }
        }
    }
}

fn confusions(summary: &Summary) -> Markup {
    let label = |label: Label| markup! { b { (label) } };
    markup! {
        h2 { "最常混淆的" }
        table {
            thead { tr { th { "应为" } th { "答为" } th.n { "次数" } th { "例" } } }
            tbody { @for confusion in &summary.confusions {
                tr { td { (label(confusion.gold)) } td { (label(confusion.said)) } td.n { (confusion.count) }
                    td { @for (id, text) in &confusion.examples { div { (id) "　" (text) "…" } } } }
            } }
        }
    }
}

fn clauses(summary: &Summary) -> Markup {
    let line = |name: &str, trial: &ClauseTrial| {
        markup! {
            tr {
                td { (name) } td.n { (trial.caught) } td.n { (percent(trial.catch_rate())) } td.n { (trial.fired) }
                td.n { (trial.clear) } td.n { (percent(trial.false_fire_rate())) }
                td.n { (trial.pairs) } td.n { (percent(trial.pair_rate())) }
            }
        }
    };
    markup! {
        @if !summary.trials.is_empty() {
            h2 { "排除条款与判断原则" }
            table {
                thead { tr { th { "条款" } th.n { "应命中" } th.n { "守住" } th.n { "规则生效" } th.n { "应放过" } th.n { "误触发" }
                    th.n { "成对" } th.n { "两边都对" } } }
                tbody {
                    (line("排除条款合计", &total(&summary.trials, true)))
                    (line("判断原则合计", &total(&summary.trials, false)))
                    @for (clause, trial) in &summary.trials { (line(clause, trial)) }
                }
            }
            p { "守住：应命中的文字，首选不是该条款所排除的小类，或答案可接受。误触发：应放过的文字，该条款的规则却生效了。" }
        }
    }
}

fn rules(summary: &Summary) -> Markup {
    markup! {
        @if !summary.rules.is_empty() {
            h2 { "各规则" }
            table {
                thead { tr { th { "规则" } th { "条款" } th.n { "生效" } th.n { "排除" } th.n { "错排" } } }
                tbody { @for (rule, clause, count) in &summary.rules {
                    tr { td { (rule) } td { (clause) } td.n { (count.fired) } td.n { (count.vetoed) } td.n { (count.wrongly) } }
                } }
            }
            p { "错排：规则排除了一个可接受的小类。" }
        }
    }
}

/// Names of the columns and values that the gold uses; others are shown as they are.
fn translated(name: &str) -> &str {
    match name {
        "register" => "文体",
        "language" => "语言",
        "quality" => "文字质量",
        "procurement_title" => "采购标题",
        "contract_clause" => "合同条款",
        "report_line" => "填报行",
        "tender_scope" => "招标范围",
        "clerk_note" => "经办人便笺",
        "company_account" => "公司自述",
        "offshore_title" => "离岸合同标题",
        "zh" => "中文",
        "en" => "英文",
        "mixed" => "中英混合",
        "clean" => "干净",
        "noisy" => "有噪声",
        other => other,
    }
}

fn groups(summary: &Summary) -> Markup {
    markup! {
        h2 { "分组" }
        table {
            thead { tr { th { "分组" } th { "值" } th.n { "条数" } th.n { "小类正确率" } th.n { "95% 区间" } th.n { "无需人工" } } }
            tbody { @for group in &summary.groups {
                tr { td { (translated(&group.column)) } td { (translated(&group.value)) } td.n { (group.texts) }
                    td.n { (shown(&group.accuracy)) } td.n { (interval(&group.accuracy)) } td.n { (shown(&group.automated)) } }
            } }
        }
    }
}
