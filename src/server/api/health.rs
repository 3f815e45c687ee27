//! Whether the server lives, whether it can work, and what it has counted.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use super::operation::Operation;
use crate::server::app::App;
use crate::server::auth::Right;
use crate::server::limits;
use crate::server::problem::Problem;

/// As Prometheus wants to be told that this is OpenMetrics.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/healthz", "程序是否在运行", lives).gives::<Health>(),
        Operation::get("/readyz", "能否工作：数据文件可写，归类有应答；不能时返回 503", ready).gives::<Health>(),
        Operation::get("/metrics", "计数（Prometheus）", metrics).needs(Right::Look).gives_other(&[OPEN_METRICS]),
    ]
}

/// How it stands.
#[derive(Debug, Serialize, JsonSchema)]
struct Health {
    /// `UP`, or `DOWN`.
    status: &'static str,
    /// What does not work.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

const UP: Health = Health { status: "UP", problem: None };

async fn lives() -> Json<Health> {
    Json(UP)
}

async fn ready(State(app): State<App>) -> Response {
    match tokio::time::timeout(limits::PROBE, works(&app)).await.unwrap_or(Err(Problem::Slow)) {
        Ok(()) => Json(UP).into_response(),
        Err(problem) => {
            let down = Health { status: "DOWN", problem: Some(problem.detail()) };
            (StatusCode::SERVICE_UNAVAILABLE, Json(down)).into_response()
        }
    }
}

/// Takes the turn to write, which a file that is locked or read-only does not give, and sends the shortest text through the
/// queue; anybody may ask this, so it must cost little.
async fn works(app: &App) -> Result<(), Problem> {
    app.write(|_| Ok(())).await?;
    app.engine().classify(vec![String::new()]).await.map(drop)
}

async fn metrics(State(app): State<App>) -> Response {
    ([(CONTENT_TYPE, OPEN_METRICS)], app.metrics().text(app.engine().waiting())).into_response()
}
