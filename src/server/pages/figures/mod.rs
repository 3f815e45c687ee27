//! 统计: how much needs no person, how right it is, and what another cut-off would have meant.

mod chart;
mod choice;
mod table;
mod tables;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use maud::{Markup, html as markup};
use serde_json::json;

use self::choice::{Choice, Wanted};
use self::table::{Table, workbook};
use super::{Shown, asset, page, rounded};
use crate::classifier::Classifier;
use crate::server::app::{App, blocking};
use crate::server::auth::{Caller, Right};
use crate::server::problem::Problem;
use crate::server::store::audit;
use crate::server::store::figures::{self, By, Figures, Score};

/// Jobs to choose from: the latest.
const JOBS: usize = 200;
/// Spans of the mix that a page has room for: the latest.
const SPANS: usize = 6;
/// Rows of a table that a page has room for; the workbook has all.
const ROWS: usize = 40;

pub(crate) fn router() -> Router<App> {
    let script = || asset("text/javascript; charset=utf-8", include_str!("../../assets/figures.js"));
    Router::new()
        .route("/figures", get(show))
        .route("/figures/export", get(export))
        .route("/assets/figures.js", get(script))
}

async fn show(State(app): State<App>, caller: Caller, Query(wanted): Query<Wanted>) -> Shown {
    caller.needs(Right::Look)?;
    let choice = wanted.choice()?;
    let chosen = choice.chosen;
    let look = move |store: &_| Ok((figures::figures(store, &chosen)?, figures::latest_jobs(store, JOBS)?));
    let (found, jobs) = app.read(look).await?;
    let content = markup! {
        (wanted.form(&jobs))
        @if found.jobs.is_empty() {
            p { "这个范围内没有任务。" a href="/jobs" { "上传一张表" } "，或换一个范围。" }
        } @else {
            (shown(&app.engine().classifier(), &found, &choice))
        }
    };
    Ok(page(&caller, "/figures", "统计", content))
}

/// Every table as a sheet of a workbook. That somebody took it along is noted.
async fn export(State(app): State<App>, caller: Caller, Query(wanted): Query<Wanted>) -> Result<Response, Problem> {
    caller.needs(Right::Look)?;
    let choice = wanted.choice()?;
    let chosen = choice.chosen;
    let found = app.read(move |store| figures::figures(store, &chosen)).await?;
    let classifier = app.engine().classifier();
    let bytes = blocking(move || workbook(&every_table(&classifier, &found, &choice))).await?;
    let range = json!({ "任务": wanted.job, "自": wanted.from, "至": wanted.to });
    app.write(move |change| Ok(audit::append(change, &caller.name, "导出", "统计", range)?)).await?;
    let headers = [
        (CONTENT_TYPE, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        (CONTENT_DISPOSITION, "attachment; filename=\"waibao-figures.xlsx\""),
    ];
    Ok((headers, bytes).into_response())
}

fn every_table(classifier: &Classifier, found: &Figures, choice: &Choice) -> Vec<Table> {
    vec![
        tables::states(found),
        tables::outcomes(found),
        tables::accuracy(found),
        tables::reliability(found),
        tables::cut_offs(found),
        tables::changed(found, classifier.pack()),
        tables::agreement(found),
        tables::disagreements(found),
        tables::mix(found.mix(choice.by, choice::month), classifier.pack()),
        tables::work(found),
    ]
}

fn shown(classifier: &Classifier, found: &Figures, choice: &Choice) -> Markup {
    let pack = classifier.pack();
    let mut spans = found.mix(choice.by, choice::month);
    let earlier = spans.len().saturating_sub(SPANS);
    spans.drain(..earlier);
    markup! {
        (headline(found))
        section {
            h2 { "自动与人工" }
            div.columns { (tables::states(found).shown(ROWS)) (tables::outcomes(found).shown(ROWS)) }
        }
        section {
            h2 { "对照复核的正确率" }
            p.quiet { "程序给首位复核员看的建议与最后定的代码相同即为正确。“不清楚”不计对错。抽查的行不因可疑而选，它的正确率是对无人看的部分的诚实估计。区间为 95%（Wilson）" }
            (tables::accuracy(found).shown(ROWS))
        }
        section {
            h2 { "置信度可信吗" }
            @if let Some(error) = found.reviewed.calibration_error() {
                p.quiet { "校准误差 ECE " (format!("{error:.3}")) "（0 为完全可信）。只算复核过的行，多是程序没有把握的" }
            }
            div.columns { (chart::reliability(&found.reviewed.reliability())) (tables::reliability(found).shown(ROWS)) }
        }
        (cut_offs(classifier, found))
        section { h2 { "改判最多的" } (tables::changed(found, pack).shown(ROWS)) }
        section {
            h2 { "两人各自复核" }
            div.columns { (tables::agreement(found).shown(ROWS)) (tables::disagreements(found).shown(ROWS)) }
        }
        section {
            h2 { "类别构成的变化" }
            p.quiet {
                "以人定的代码为准，未复核的取程序首选。括号内为比前一"
                @match choice.by { By::Month => "月", By::Job => "任务" }
                "增减的百分点；总变差距离是须换类别才能与前一期相同的行的比例"
                @if earlier > 0 { "。只列最近 " (SPANS) " 期，其余见导出" }
            }
            (tables::mix(spans, pack).shown(usize::MAX))
        }
        section {
            h2 { "每天的复核" }
            p.quiet { "间隔是同一人相邻两次决定相隔的秒数的中位数，十分钟以上算休息，不计；一次决定可以包括一组近似的行" }
            (tables::work(found).shown(ROWS))
        }
        script src=(concat!("/assets/figures.js?", env!("CARGO_PKG_VERSION"))) defer {}
    }
}

/// The figures that are asked for first.
fn headline(found: &Figures) -> Markup {
    let rows = &found.rows;
    let queue: u64 = ["open", "second", "disputed"].into_iter().map(|state| rows.in_state(state)).sum();
    let automated = figures::share(rows.automatic, rows.decided);
    let agreement = found.readings.agreement();
    let right = |score: Score| {
        markup! {
            dd { (score.share().map_or("–".to_owned(), rounded)) }
            dd.quiet {
                @if let Some((low, high)) = score.interval() { (rounded(low)) "–" (rounded(high)) "，" }
                (score.judged()) " 行"
            }
        }
    };
    markup! {
        dl.tiles {
            div {
                dt { "无需人工" }
                dd { (automated.map_or("–".to_owned(), rounded)) }
                dd.quiet { (rows.automatic) " / " (rows.decided) " 行" }
            }
            div { dt { "抽查正确率" } (right(found.reviewed.sampled)) }
            div { dt { "首选正确率（全部复核）" } (right(found.reviewed.all())) }
            div { dt { "待人处理" } dd { (queue) } dd.quiet { "已定 " (rows.in_state("settled")) " 行" } }
            div {
                dt { "两人一致 κ" }
                dd { (agreement.map_or("–".to_owned(), |found| format!("{:.2}", found.kappa))) }
                dd.quiet { (agreement.map_or(0, |found| found.texts)) " 行" }
            }
        }
    }
}

/// What another cut-off would have meant: a table, which the script makes a slider.
fn cut_offs(classifier: &Classifier, found: &Figures) -> Markup {
    let now = choice::cut_offs(classifier);
    markup! {
        section {
            h2 { "换一个门槛会怎样" }
            p.quiet {
                "置信度不低于门槛的行不经人看。程序现在的门槛：小类 " (format!("{:.3}", now[0])) "，不属于服务外包 " (format!("{:.3}", now[1]))
                "。条款要求人看的行不论门槛，所以“可自动”是上限；“推算正确率”按自动和待复核两部分的行数加权"
            }
            div.slider #slider data-start=(now[0]) hidden {
                label for="cut-off" { "门槛" }
                input #cut-off type="range" min="0" step="1";
                output for="cut-off" #meaning {}
            }
            div.cut-offs #cut-offs { (tables::cut_offs(found).shown(usize::MAX)) }
        }
    }
}
