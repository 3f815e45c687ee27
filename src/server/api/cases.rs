//! `/v1/cases`: decided texts that others are compared with.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ask::{Asked, At, Sent};
use super::operation::Operation;
use crate::code::Label;
use crate::server::app::App;
use crate::server::auth::{Caller, Right};
use crate::server::decide;
use crate::server::pages;
use crate::server::problem::Problem;
use crate::server::store::cases::{self, Known};

/// Cases of one answer.
const PAGE: u32 = 100;

pub(super) fn operations() -> Vec<Operation> {
    let example =
        r#"{"text": "为保险公司承接车险理赔单证录入与影像扫描，按件计费", "label": "B21", "comment": "2024 年会审"}"#;
    vec![
        Operation::get("/v1/cases", "案例，新的在前，含已撤下的", list)
            .needs(Right::Look)
            .asks::<Search>()
            .gives::<Page>(),
        Operation::post("/v1/cases", "加入一个案例，下一条文字立即与它比较", add)
            .needs(Right::Work)
            .takes::<New>(example)
            .gives::<Added>(),
        Operation::get("/v1/cases/export", "未撤下的案例，每行一个，可作训练数据", pages::cases::export)
            .needs(Right::Work)
            .gives_other(&["application/x-ndjson"]),
        Operation::delete("/v1/cases/{id}", "撤下一个案例（自己的；管理员可撤任何人的）", withdraw).needs(Right::Work),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Search {
    /// Words of the text, a label, or the name of who added it.
    #[serde(default)]
    q: String,
    /// Only cases with an id below this one.
    before: Option<i64>,
}

/// At most 100 cases; the next page is before the last id.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Cases")]
struct Page {
    cases: Vec<Known>,
    /// How many there are.
    active: i64,
    withdrawn: i64,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewCase")]
struct New {
    text: String,
    /// A class code, or `OUT`.
    #[schemars(with = "String")]
    label: Label,
    #[serde(default)]
    comment: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CaseAdded")]
struct Added {
    /// None where there is the same case already.
    id: Option<i64>,
    /// Active cases that say nearly the same and have another label.
    contradicts: Vec<Other>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Other {
    id: i64,
    label: String,
}

async fn list(State(app): State<App>, Asked(search): Asked<Search>) -> Result<Json<Page>, Problem> {
    let page = app.read(move |store| {
        let (active, withdrawn) = cases::counts(store)?;
        Ok(Page { cases: cases::list(store, &search.q, search.before, PAGE)?, active, withdrawn })
    });
    Ok(Json(page.await?))
}

async fn add(State(app): State<App>, caller: Caller, Sent(new): Sent<New>) -> Result<Json<Added>, Problem> {
    let (text, label) = (new.text.clone(), new.label);
    let id = decide::add_case(&app, caller, new.text, label, new.comment).await?.map(|case| case.id);
    let near = decide::near(&app, text).await?;
    let others = near.into_iter().filter(|near| near.label != label);
    let contradicts = others.map(|near| Other { id: near.id, label: near.label.to_string() }).collect();
    Ok(Json(Added { id, contradicts }))
}

async fn withdraw(State(app): State<App>, caller: Caller, At(id): At<i64>) -> Result<StatusCode, Problem> {
    decide::withdraw_case(&app, caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
