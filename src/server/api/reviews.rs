//! `/v1/reviews`: the queue, deciding, and what was decided.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ask::{Asked, At, Sent};
use super::operation::Operation;
use crate::server::app::App;
use crate::server::auth::{Caller, Right};
use crate::server::decide;
use crate::server::problem::Problem;
use crate::server::store::reviews::{self, Decided, Item, Queue, Reach, Verdict, Wish};

/// Rows or decisions of one answer.
const PAGE: u32 = 50;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/v1/reviews", "等人判断的行，最该先看的在前", queue)
            .needs(Right::Work)
            .asks::<Wanted>()
            .gives::<Waiting>(),
        Operation::post("/v1/reviews/{id}", "判断一行，或它和它的近似行；别人先判断了则返回 409", decide)
            .needs(Right::Work)
            .takes::<New>(r#"{"version": 0, "label": "B21", "comment": "", "group": false}"#)
            .gives::<Done>(),
        Operation::get("/v1/reviews/decisions", "谁在何时判断了什么，新的在前", decisions)
            .needs(Right::Work)
            .asks::<Before>()
            .gives::<Decisions>(),
        Operation::delete("/v1/reviews/decisions/{id}", "撤回自己最近的判断，id 为判断时返回的 bunch", undo)
            .needs(Right::Work)
            .gives::<Reopened>(),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Wanted {
    /// For a first reader, a second reader, or an adjudicator.
    #[serde(default)]
    queue: Kind,
    /// Only rows of this job.
    job: Option<i64>,
}

#[derive(Debug, Default, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[default]
    Open,
    Second,
    Disputed,
}

/// At most 50 rows.
#[derive(Debug, Serialize, JsonSchema)]
struct Waiting {
    rows: Vec<Item>,
    /// How many wait, for whomever.
    open: i64,
    second: i64,
    disputed: i64,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewDecision")]
struct New {
    /// The version of the row that was seen.
    version: i64,
    /// A class code, `OUT`, or `UNCLEAR`.
    #[schemars(with = "String")]
    label: Verdict,
    #[serde(default)]
    comment: String,
    /// Whether others should look at it.
    #[serde(default)]
    flagged: bool,
    /// Whether its near duplicates get the same.
    #[serde(default)]
    group: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DecisionMade")]
struct Done {
    /// By which it can be undone.
    bunch: i64,
    /// How many rows were decided.
    rows: usize,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Before {
    /// Only decisions with an id below this one.
    before: Option<i64>,
}

/// At most 50; the next page is before the last id.
#[derive(Debug, Serialize, JsonSchema)]
struct Decisions {
    decisions: Vec<Decided>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Reopened {
    /// The rows that wait again.
    rows: Vec<i64>,
}

async fn queue(State(app): State<App>, caller: Caller, Asked(wanted): Asked<Wanted>) -> Result<Json<Waiting>, Problem> {
    let queue = match wanted.queue {
        Kind::Open => Queue::Open,
        Kind::Second => Queue::Second,
        Kind::Disputed => Queue::Disputed,
    };
    let waiting = app.read(move |store| {
        let ids = reviews::waiting(store, &caller, queue, wanted.job, PAGE)?;
        let rows = ids.into_iter().map(|id| reviews::item(store, id)).collect::<rusqlite::Result<_>>()?;
        let [open, second, disputed] = reviews::left(store, wanted.job)?;
        Ok(Waiting { rows, open, second, disputed })
    });
    Ok(Json(waiting.await?))
}

async fn decide(
    State(app): State<App>,
    caller: Caller,
    At(row): At<i64>,
    Sent(new): Sent<New>,
) -> Result<Json<Done>, Problem> {
    let reach = if new.group { Reach::Group } else { Reach::Row };
    let New { version, label: verdict, comment, flagged, .. } = new;
    let wish = Wish { row, version, verdict, comment, flagged, reach, instead: None };
    let done = decide::decide(&app, caller, wish).await?;
    Ok(Json(Done { bunch: done.bunch, rows: done.rows }))
}

async fn decisions(
    State(app): State<App>,
    caller: Caller,
    Asked(Before { before }): Asked<Before>,
) -> Result<Json<Decisions>, Problem> {
    let decisions = app.read(move |store| reviews::list(store, &caller.name, before, PAGE)).await?;
    Ok(Json(Decisions { decisions }))
}

async fn undo(State(app): State<App>, caller: Caller, At(bunch): At<i64>) -> Result<Json<Reopened>, Problem> {
    Ok(Json(Reopened { rows: decide::undo(&app, caller, bunch).await? }))
}
