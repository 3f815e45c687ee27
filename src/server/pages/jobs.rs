//! 任务: tables that are uploaded, watched and downloaded.

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use maud::{Markup, html as markup};
use serde::Deserialize;

use super::{Nothing, Shown, asset, moment, page, percent, token};
use crate::server::app::{App, blocking};
use crate::server::auth::{Caller, Form, Right};
use crate::server::problem::Problem;
use crate::server::store::jobs::{self, Counts, Job, Plan, State as Stage};
use crate::server::work::{self, Received};

/// Shares of second readings and of samples that are offered, in percent.
const MOST: u32 = 100;

pub(crate) fn router() -> Router<App> {
    let script = || asset("text/javascript; charset=utf-8", include_str!("../assets/jobs.js"));
    Router::new()
        .route("/jobs", get(list).post(upload))
        .route("/jobs/{id}", get(one))
        .route("/jobs/{id}/start", post(start))
        .route("/jobs/{id}/cancel", post(cancel))
        .route("/jobs/{id}/continue", post(resume))
        .route("/jobs/{id}/delete", post(delete))
        .route("/jobs/{id}/events", get(events))
        .route("/jobs/{id}/result", get(result))
        .route("/assets/jobs.js", get(script))
}

#[derive(Deserialize)]
struct Listed {
    /// The page, from 1.
    #[serde(default)]
    page: u32,
}

async fn list(State(app): State<App>, caller: Caller, Query(listed): Query<Listed>) -> Shown {
    caller.needs(Right::Work)?;
    let at = listed.page.saturating_sub(1);
    let (jobs, count) = app.read(move |store| Ok((jobs::all(store, at)?, jobs::count(store)?))).await?;
    let more = i64::from(at + 1) * i64::from(jobs::PAGE) < count;
    let content = markup! {
        (upload_form(&app, &caller))
        @if jobs.is_empty() {
            p.quiet { "还没有任务。上传一张合同台账，程序逐行归类，拿不准的交人复核。" }
        } @else {
            (table(&jobs))
        }
        nav.pager aria-label="翻页" {
            @if at > 0 { a href=(format!("/jobs?page={at}")) { "上一页" } }
            @if more { a href=(format!("/jobs?page={}", at + 2)) { "下一页" } }
        }
        (script())
    };
    Ok(page(&caller, "/jobs", "任务", content))
}

fn upload_form(app: &App, caller: &Caller) -> Markup {
    let limit = app.limits().upload;
    markup! {
        form.upload method="post" action="/jobs" enctype="multipart/form-data" data-limit=(limit) {
            (token(caller))
            label for="file" { "上传表格（.xlsx .xls .ods .csv .tsv .jsonl .parquet，不超过 " (limit >> 20) " MB）" }
            details {
                summary { "表不在第一个工作表，或表头认得不对时" }
                label for="sheet" { "工作表（名称或序号）" }
                input #sheet name="sheet" maxlength="100";
                label for="header_row" { "表头所在行（没有表头填 0）" }
                input #header_row name="header_row" type="number" min="0" max="1000";
            }
            input #file type="file" name="file" required accept=".xlsx,.xlsm,.xlsb,.xls,.ods,.csv,.tsv,.txt,.jsonl,.ndjson,.parquet";
            p { button.primary { "上传" } " " span.bad role="alert" data-say {} }
        }
    }
}

fn table(jobs: &[Job]) -> Markup {
    markup! {
        div.scroll {
            table {
                thead {
                    tr {
                        th { "文件" } th { "状态" } th.number { "行数" }
                        @for (_, name, _) in Counts::default().shown() { th.number { (name) } }
                        th { "上传者" } th { "上传时间" }
                    }
                }
                tbody {
                    @for job in jobs {
                        tr {
                            td.name { a href=(format!("/jobs/{}", job.id)) { (job.name) } }
                            td { (badge(job)) }
                            td.number { (job.rows) }
                            @for (_, _, count) in job.counts.shown() { td.number { (count) } }
                            td { (job.owner) }
                            td { (moment(job.created)) }
                        }
                    }
                }
            }
        }
    }
}

impl Counts {
    /// What a person is shown: the field, its name, its number.
    fn shown(&self) -> [(&'static str, &'static str, i64); 7] {
        [
            ("assigned", "自动采纳", self.assigned),
            ("out", "不属于", self.out),
            ("open", "需人工", self.open),
            ("settled", "已复核", self.settled),
            ("failed", "出错", self.failed),
            ("empty", "空行", self.empty),
            ("waiting", "待归类", self.waiting),
        ]
    }
}

fn badge(job: &Job) -> Markup {
    let class = match job.state {
        Stage::Done => "badge good",
        Stage::Failed => "badge bad",
        Stage::Cancelled => "badge out",
        Stage::Uploaded | Stage::Reading | Stage::Deciding => "badge look",
    };
    markup! {
        span class=(class) data-show="state_name" { (job.state.name()) }
        @if job.state.is_at_work() { " " span data-show="share" { (percent(job.share())) } }
    }
}

async fn upload(State(app): State<App>, received: Received) -> Result<Redirect, Problem> {
    let id = received.keep(&app).await?;
    Ok(to(id))
}

fn to(id: i64) -> Redirect {
    Redirect::to(&format!("/jobs/{id}"))
}

async fn one(State(app): State<App>, caller: Caller, Path(id): Path<i64>) -> Shown {
    caller.needs(Right::Work)?;
    let job = app.read(move |store| jobs::one(store, id)).await?;
    let deletes = job.owner == caller.name || caller.role.may(Right::Manage);
    let content = markup! {
        p.quiet { "由 " (job.owner) " 于 " (moment(job.created)) " 上传，共 " (job.rows) " 行 " (badge(&job)) }
        @if let Some(error) = &job.error { p.bad { (error) } }
        @for note in &job.notes { p.warning { (note) } }
        @if job.state == Stage::Uploaded {
            (first_rows(&job))
            (plan_form(&caller, &job))
        } @else {
            (progress(&job))
            (what_next(&caller, &job))
        }
        @if deletes {
            details.danger {
                summary { "删除" }
                form method="post" action=(format!("/jobs/{id}/delete")) {
                    (token(&caller))
                    p { "文件、各行的结果和复核决定都会删除，不能恢复。由判断形成的案例连同文字留在案例库，不要的请先在那里撤下。审计记录保留。" }
                    button { "删除这个任务" }
                }
            }
        }
        (script())
    };
    Ok(page(&caller, "/jobs", &job.name, content))
}

fn first_rows(job: &Job) -> Markup {
    markup! {
        h2 { "前几行" }
        div.scroll {
            table {
                thead { tr { @for heading in &job.headings { th { (heading) } } } }
                tbody { @for row in &job.sample { tr { @for cell in row { td { (cell) } } } } }
            }
        }
    }
}

fn plan_form(caller: &Caller, job: &Job) -> Markup {
    let plan = &job.plan;
    // The order in which they stand here is the one in which their texts are joined.
    let others = (0..job.headings.len()).filter(|at| !plan.columns.contains(at));
    let columns: Vec<usize> = plan.columns.iter().copied().chain(others).collect();
    let one_of = |name: &str, label: &str, chosen: Option<usize>| {
        markup! {
            label for=(name) { (label) }
            select id=(name) name=(name) {
                option value="" selected[chosen.is_none()] { "无" }
                @for (at, heading) in job.headings.iter().enumerate() {
                    option value=(at) selected[chosen == Some(at)] { (heading) }
                }
            }
        }
    };
    let share = |name: &str, label: &str, share: f64| {
        markup! {
            label for=(name) { (label) }
            input id=(name) name=(name) type="number" min="0" max=(MOST) step="any" value=((share * f64::from(MOST)).round());
        }
    };
    markup! {
        form.plan method="post" action=(format!("/jobs/{}/start", job.id)) {
            (token(caller))
            fieldset {
                legend { "按哪些列归类（合同名称在前）" }
                @if plan.columns.is_empty() { p.ask { "看不出合同描述在哪一列，请选择。" } }
                @for at in columns {
                    label.check {
                        input type="checkbox" name="column" value=(at) checked[plan.columns.contains(&at)];
                        " " (job.headings[at])
                    }
                }
            }
            div.columns {
                div {
                    (one_of("id", "编号列（复核时显示在前）", plan.id))
                    (one_of("amount", "金额列（复核按不确定程度 × 金额排序）", plan.amount))
                }
                div {
                    (share("double", "由两人各自独立复核的比例（%）", plan.double))
                    (share("sampled", "自动采纳的行抽查比例（%）", plan.sampled))
                }
            }
            p { button.primary { "开始" } }
        }
    }
}

fn progress(job: &Job) -> Markup {
    let events = job.state.is_at_work().then(|| format!("/jobs/{}/events", job.id));
    markup! {
        section.progress data-events=[events] {
            @if job.state.is_at_work() {
                progress max="1" value=(job.share()) aria-label="进度" {}
                p.quiet { "已读 " span data-show="counts.read" { (job.counts.read) } " / " (job.rows) " 行" }
                noscript { p { a href=(format!("/jobs/{}", job.id)) { "刷新" } " 看最新进度" } }
            }
            dl.counts {
                @for (field, name, count) in job.counts.shown() {
                    div { dt { (name) } dd data-show=(format!("counts.{field}")) { (count) } }
                }
            }
        }
    }
}

fn what_next(caller: &Caller, job: &Job) -> Markup {
    let (id, form) = (job.id, work::Form::of(job));
    let change = |place: &str, name: &str| {
        markup! {
            form.inline method="post" action=(format!("/jobs/{id}/{place}")) { (token(caller)) button { (name) } }
        }
    };
    markup! {
        p.actions {
            @if job.counts.open > 0 { a.button.primary href=(format!("/review?job={id}")) { "复核" } " " }
            @if job.state.is_at_work() { (change("cancel", "取消")) }
            @if matches!(job.state, Stage::Cancelled | Stage::Failed) { (change("continue", "继续")) }
        }
        form.download method="get" action=(format!("/jobs/{id}/result")) {
            label for="format" { "下载结果（随时可以，没归类的行留空）" }
            select #format name="format" {
                @for (kind, extension) in work::Form::ALL {
                    option value=(extension) selected[kind == form] { "." (extension) }
                }
            }
            " " button { "下载" }
        }
    }
}

fn script() -> Markup {
    markup! { script src=(format!("/assets/jobs.js?{}", env!("CARGO_PKG_VERSION"))) defer {} }
}

async fn start(
    State(app): State<App>,
    Path(id): Path<i64>,
    Form(caller, fields): Form<Vec<(String, String)>>,
) -> Result<Redirect, Problem> {
    caller.needs(Right::Work)?;
    let plan = plan(&fields)?;
    app.write(move |change| jobs::start(change, &caller.name, id, &plan)).await?;
    app.tell_progress();
    Ok(to(id))
}

/// The plan that a form describes.
fn plan(fields: &[(String, String)]) -> Result<Plan, Problem> {
    let wrong = || Problem::Invalid("表单有误，请刷新后重试".to_owned());
    let mut plan = Plan::default();
    for (name, value) in fields.iter().filter(|(_, value)| !value.trim().is_empty()) {
        let column = || value.parse::<usize>().map_err(|_| wrong());
        let share = || value.trim().parse::<f64>().map(|percent| percent / f64::from(MOST)).map_err(|_| wrong());
        match name.as_str() {
            "column" => plan.columns.push(column()?),
            "id" => plan.id = Some(column()?),
            "amount" => plan.amount = Some(column()?),
            "double" => plan.double = share()?,
            "sampled" => plan.sampled = share()?,
            _ => {}
        }
    }
    Ok(plan)
}

async fn cancel(
    State(app): State<App>,
    Path(id): Path<i64>,
    Form(caller, _): Form<Nothing>,
) -> Result<Redirect, Problem> {
    caller.needs(Right::Work)?;
    app.write(move |change| jobs::cancel(change, &caller.name, id)).await?;
    app.tell_progress();
    Ok(to(id))
}

async fn resume(
    State(app): State<App>,
    Path(id): Path<i64>,
    Form(caller, _): Form<Nothing>,
) -> Result<Redirect, Problem> {
    caller.needs(Right::Work)?;
    app.write(move |change| jobs::resume(change, &caller.name, id)).await?;
    app.tell_progress();
    Ok(to(id))
}

async fn delete(
    State(app): State<App>,
    Path(id): Path<i64>,
    Form(caller, _): Form<Nothing>,
) -> Result<Redirect, Problem> {
    caller.needs(Right::Work)?;
    app.write(move |change| jobs::delete(change, &caller, id)).await?;
    app.tell_progress();
    blocking(move || jobs::clear(app.store())).await?;
    Ok(Redirect::to("/jobs"))
}

async fn events(State(app): State<App>, caller: Caller, Path(id): Path<i64>) -> Result<Response, Problem> {
    caller.needs(Right::Work)?;
    app.read(move |store| jobs::one(store, id)).await?;
    Ok(work::watch(app, id).into_response())
}

#[derive(Deserialize)]
struct Wanted {
    format: Option<work::Form>,
}

async fn result(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<i64>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    work::made(&app, &caller, id, wanted.format).await
}
