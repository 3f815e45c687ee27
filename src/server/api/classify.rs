//! `/v1/classify`: one text or many, answered as the command line answers them.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ask::Sent;
use super::operation::Operation;
use crate::record::Record;
use crate::server::app::App;
use crate::server::auth::Right;
use crate::server::engine::CANDIDATES;
use crate::server::limits;
use crate::server::problem::Problem;

pub(super) fn operations() -> Vec<Operation> {
    let example =
        r#"{"texts": ["为银行信用卡中心提供24小时客服热线座席，按通话量结算", "采购办公家具一批"], "ids": ["1", "2"]}"#;
    vec![
        Operation::post("/v1/classify", "归类一条或多条文字，按原来的顺序返回结果", classify)
            .needs(Right::Look)
            .takes::<Wanted>(example)
            .gives::<Answered>(),
    ]
}

/// Either `text` or `texts`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Texts")]
struct Wanted {
    /// One text, at most 256 KB of UTF-8.
    text: Option<String>,
    /// Several, each at most 256 KB of UTF-8.
    #[schemars(length(min = 1, max = 256))]
    texts: Option<Vec<String>>,
    /// An id for each text, which its record carries.
    ids: Option<Vec<String>>,
    /// Candidates of a record.
    #[schemars(range(min = 1, max = 5))]
    top: Option<usize>,
}

/// One record for each text, in order.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Records")]
struct Answered {
    results: Vec<Record>,
}

async fn classify(State(app): State<App>, Sent(wanted): Sent<Wanted>) -> Result<Json<Answered>, Problem> {
    let texts = match (wanted.text, wanted.texts) {
        (Some(text), None) => vec![text],
        (None, Some(texts)) => texts,
        _ => return Err(Problem::Invalid("请给出 text 或 texts 其中之一".to_owned())),
    };
    limits::texts(&texts)?;
    let top = wanted.top.unwrap_or(CANDIDATES);
    if !(1..=CANDIDATES).contains(&top) {
        return Err(Problem::Invalid(format!("top 应为 1 到 {CANDIDATES}")));
    }
    if let Some(ids) = wanted.ids.as_ref().filter(|ids| ids.len() != texts.len()) {
        return Err(Problem::Invalid(format!("有 {} 条文字，却有 {} 个 ids", texts.len(), ids.len())));
    }
    let count = texts.len();
    let mut results = app.engine().classify(texts).await?;
    app.metrics().texts(count);
    results.iter_mut().for_each(|record| record.candidates.truncate(top));
    for (record, id) in results.iter_mut().zip(wanted.ids.into_iter().flatten()) {
        record.id = Some(id);
    }
    Ok(Json(Answered { results }))
}
