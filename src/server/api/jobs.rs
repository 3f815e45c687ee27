//! `/v1/jobs`: tables that are uploaded, decided and fetched.

use axum::Json;
use axum::extract::{FromRequest, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ask::{Asked, At, Sent};
use super::operation::Operation;
use crate::server::app::{App, blocking};
use crate::server::auth::{Caller, Right};
use crate::server::problem::Problem;
use crate::server::store::jobs::{self, Job, Plan};
use crate::server::work::{self, Received};
use crate::table::Options;

/// What a result can be: Excel, CSV, JSON lines or Parquet.
const RESULT: [&str; 4] = [
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "text/csv",
    "application/x-ndjson",
    "application/vnd.apache.parquet",
];

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/v1/jobs", "任务，新的在前", list).needs(Right::Work).asks::<Page>().gives::<Jobs>(),
        Operation::post("/v1/jobs", "上传台账（整个请求体是文件，或 multipart 的 file），之后用 start 开始", upload)
            .needs(Right::Work)
            .asks::<Named>()
            .takes_file()
            .gives::<Job>(),
        Operation::get("/v1/jobs/{id}", "一个任务和它的进度", one).needs(Right::Work).gives::<Job>(),
        Operation::post("/v1/jobs/{id}/start", "开始归类；没说的按上传时看出的来", start)
            .needs(Right::Work)
            .takes::<Begin>(r#"{"columns": [1, 2], "amount": 3, "double": 0.1}"#)
            .gives::<Job>(),
        Operation::post("/v1/jobs/{id}/cancel", "停下；已归类的保留", cancel).needs(Right::Work).gives::<Job>(),
        Operation::post("/v1/jobs/{id}/continue", "把停下的或出错的继续做完", resume).needs(Right::Work).gives::<Job>(),
        Operation::get("/v1/jobs/{id}/result", "现在的结果：原表加上代码", result)
            .needs(Right::Work)
            .asks::<Wanted>()
            .gives_other(&RESULT),
        Operation::delete("/v1/jobs/{id}", "删除任务和它的文件（自己的；管理员可删任何人的）", delete)
            .needs(Right::Work),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Page {
    /// From 0; a page has 50 jobs.
    #[serde(default)]
    page: u32,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Jobs {
    jobs: Vec<Job>,
    /// How many there are.
    count: i64,
}

/// How the file is to be read.
#[derive(Debug, Default, Deserialize, JsonSchema)]
struct Named {
    /// The file's name; its extension says what it is. Only needed where the body is the file.
    #[serde(default)]
    name: String,
    /// The sheet of a workbook.
    sheet: Option<String>,
    /// The row of the headings, from 1; 0 where there are none.
    #[schemars(range(min = 0, max = 1000))]
    header_row: Option<u64>,
}

/// Columns are counted from 0, as in the job's `plan`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Begin {
    /// The columns whose texts are joined, the title first.
    columns: Option<Vec<usize>>,
    /// The column by which a person knows a row.
    id: Option<usize>,
    /// The column of the amount.
    amount: Option<usize>,
    /// The share of rows that a second person reads without knowing of the first.
    #[schemars(range(min = 0, max = 1))]
    double: Option<f64>,
    /// The share of automatic rows that are looked at all the same.
    #[schemars(range(min = 0, max = 1))]
    sampled: Option<f64>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Wanted {
    /// As the table came, unless said otherwise.
    format: Option<work::Form>,
}

async fn list(State(app): State<App>, Asked(Page { page }): Asked<Page>) -> Result<Json<Jobs>, Problem> {
    let jobs = app.read(move |store| Ok(Jobs { jobs: jobs::all(store, page)?, count: jobs::count(store)? }));
    Ok(Json(jobs.await?))
}

async fn upload(
    State(app): State<App>,
    caller: Caller,
    Asked(named): Asked<Named>,
    request: Request,
) -> Result<Json<Job>, Problem> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let received = if kind.starts_with("multipart/") {
        Received::from_request(request, &app).await?
    } else {
        if named.header_row.is_some_and(|row| row > 1_000) {
            return Err(Problem::Invalid("header_row 应是 1 与 1000 之间的数，没有表头填 0".to_owned()));
        }
        let options = Options { format: None, sheet: named.sheet, header_row: named.header_row };
        Received::alone(&app, caller, &named.name, options, request).await?
    };
    let id = received.keep(&app).await?;
    found(&app, id).await
}

async fn one(State(app): State<App>, At(id): At<i64>) -> Result<Json<Job>, Problem> {
    found(&app, id).await
}

async fn found(app: &App, id: i64) -> Result<Json<Job>, Problem> {
    Ok(Json(app.read(move |store| jobs::one(store, id)).await?))
}

async fn start(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Sent(begin): Sent<Begin>,
) -> Result<Json<Job>, Problem> {
    app.write(move |change| {
        let known = jobs::one(change, id)?.plan;
        let plan = Plan {
            columns: begin.columns.unwrap_or(known.columns),
            id: begin.id.or(known.id),
            amount: begin.amount.or(known.amount),
            double: begin.double.unwrap_or(known.double),
            sampled: begin.sampled.unwrap_or(known.sampled),
            ..known
        };
        jobs::start(change, &caller.name, id, &plan)
    })
    .await?;
    app.tell_progress();
    found(&app, id).await
}

async fn cancel(State(app): State<App>, caller: Caller, At(id): At<i64>) -> Result<Json<Job>, Problem> {
    app.write(move |change| jobs::cancel(change, &caller.name, id)).await?;
    app.tell_progress();
    found(&app, id).await
}

async fn resume(State(app): State<App>, caller: Caller, At(id): At<i64>) -> Result<Json<Job>, Problem> {
    app.write(move |change| jobs::resume(change, &caller.name, id)).await?;
    app.tell_progress();
    found(&app, id).await
}

async fn delete(State(app): State<App>, caller: Caller, At(id): At<i64>) -> Result<StatusCode, Problem> {
    app.write(move |change| jobs::delete(change, &caller, id)).await?;
    app.tell_progress();
    blocking(move || jobs::clear(app.store())).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn result(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, Problem> {
    work::made(&app, &caller, id, wanted.format).await
}
