//! `/v1/embeddings` and `/v1/models` in OpenAI's form, so that its clients can use the encoder.

use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ask::Sent;
use super::operation::Operation;
use crate::encoder::{Embedding, Encoder};
use crate::server::app::{App, blocking};
use crate::server::auth::Right;
use crate::server::limits;
use crate::server::problem::Problem;

pub(super) fn operations() -> Vec<Operation> {
    let example = r#"{"model": "waibao", "input": ["客服热线外包"], "encoding_format": "float"}"#;
    vec![
        Operation::post("/v1/embeddings", "文字的向量（OpenAI 的格式）", embed)
            .needs(Right::Look)
            .takes::<Wanted>(example)
            .gives::<Embeddings>(),
        Operation::get("/v1/models", "可用的向量模型（OpenAI 的格式）", models).needs(Right::Look).gives::<Models>(),
    ]
}

/// What clients of OpenAI send; `model` and `user` change nothing.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "EmbeddingsWanted")]
struct Wanted {
    input: Input,
    /// `float`, or `base64` for little-endian f32.
    #[serde(default)]
    encoding_format: Form,
    /// Only the encoder's own length.
    dimensions: Option<usize>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Input {
    One(String),
    /// At most 256.
    Many(Vec<String>),
    /// Tokens of another model's tokenizer mean nothing here; they are refused.
    #[schemars(skip)]
    Tokens(Vec<serde_json::Value>),
}

#[derive(Debug, Default, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Form {
    #[default]
    Float,
    Base64,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Embeddings {
    /// `list`.
    object: &'static str,
    data: Vec<One>,
    /// The encoder's name, whatever was asked for.
    model: String,
    usage: Usage,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Embedding")]
struct One {
    /// `embedding`.
    object: &'static str,
    index: usize,
    embedding: Vector,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
enum Vector {
    Numbers(Embedding),
    Base64(String),
}

/// Tokens that were read.
#[derive(Debug, Serialize, JsonSchema)]
struct Usage {
    prompt_tokens: usize,
    total_tokens: usize,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Models {
    /// `list`.
    object: &'static str,
    data: Vec<Model>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Model {
    id: String,
    /// `model`.
    object: &'static str,
    created: i64,
    owned_by: &'static str,
}

async fn embed(State(app): State<App>, Sent(wanted): Sent<Wanted>) -> Result<Json<Embeddings>, Problem> {
    let texts = match wanted.input {
        Input::One(text) => vec![text],
        Input::Many(texts) => texts,
        Input::Tokens(tokens) => {
            let problem = "input 应为文字或文字的列表，这里是词元；词元属于别的模型的分词器，在这里没有意义";
            return Err(Problem::Invalid(format!("{problem}（{} 项）", tokens.len())));
        }
    };
    limits::texts(&texts)?;
    let classifier = app.engine().classifier();
    let encoder = classifier.encoder();
    let (model, length) = (encoder.name().to_owned(), encoder.dimensions());
    if wanted.dimensions.is_some_and(|wanted| wanted != length) {
        return Err(Problem::Invalid(format!("本模型的向量长 {length}，dimensions 不能是别的数")));
    }
    // Each takes every core that it can get: with more of them at once none would be done sooner.
    let _turn = app.limits().encoding().await?;
    let inner = app.clone();
    let (embeddings, tokens) = blocking(move || {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let embeddings = inner.engine().embed(&texts)?;
        let classifier = inner.engine().classifier();
        Ok((embeddings, texts.iter().map(|text| tokens(classifier.encoder(), text)).sum()))
    })
    .await?;
    let vector = |embedding: Embedding| match wanted.encoding_format {
        Form::Float => Vector::Numbers(embedding),
        Form::Base64 => Vector::Base64(BASE64_STANDARD.encode(little_endian(&embedding))),
    };
    let one = |(index, embedding)| One { object: "embedding", index, embedding: vector(embedding) };
    let data = embeddings.into_iter().enumerate().map(one).collect();
    let usage = Usage { prompt_tokens: tokens, total_tokens: tokens };
    Ok(Json(Embeddings { object: "list", data, model, usage }))
}

/// Tokens that are read of a text.
fn tokens(encoder: &dyn Encoder, text: &str) -> usize {
    encoder.count_tokens(text).min(encoder.max_tokens())
}

fn little_endian(embedding: &[f32]) -> Vec<u8> {
    embedding.iter().flat_map(|value| value.to_le_bytes()).collect()
}

async fn models(State(app): State<App>) -> Json<Models> {
    let id = app.engine().classifier().encoder().name().to_owned();
    Json(Models { object: "list", data: vec![Model { id, object: "model", created: 0, owned_by: "waibao" }] })
}
