//! What a request holds, each part with a problem of our own form where it is not as it should be.

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use futures_util::TryStreamExt;
use serde::de::DeserializeOwned;

use crate::server::app::App;
use crate::server::limits;
use crate::server::problem::Problem;

/// Bytes of a body that is too large that are received all the same, and dropped: a client that is still sending reads no
/// answer.
const DROPPED: usize = 8 * limits::BODY;

/// The JSON of the body.
pub(super) struct Sent<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<App> for Sent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &App) -> Result<Self, Problem> {
        let bytes = whole(request.into_body()).await?;
        // The whole body is one JSON text, so the parser's own words say best where it fails.
        serde_json::from_slice(&bytes).map(Self).map_err(|error| Problem::Invalid(format!("JSON 有误：{error}")))
    }
}

/// A body that is no upload.
async fn whole(body: Body) -> Result<Vec<u8>, Problem> {
    let (mut pieces, mut bytes, mut size) = (body.into_data_stream(), Vec::new(), 0);
    let broken = |_| Problem::Invalid("请求没有传完，请重试".to_owned());
    while size <= DROPPED
        && let Some(piece) = pieces.try_next().await.map_err(broken)?
    {
        size += piece.len();
        if size <= limits::BODY {
            bytes.extend_from_slice(&piece);
        }
    }
    if size > limits::BODY {
        return Err(Problem::TooLarge(format!("请求过大，至多 {} MB。请分几次发送", limits::BODY >> 20)));
    }
    Ok(bytes)
}

/// What the path names.
pub(super) struct At<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for At<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let found = Path::<T>::from_request_parts(parts, app).await;
        found.map(|Path(place)| Self(place)).map_err(|_| Problem::Missing("没有这个地址".to_owned()))
    }
}

/// The parameters behind the `?`.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<App> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let found = Query::<T>::from_request_parts(parts, app).await;
        found
            .map(|Query(asked)| Self(asked))
            .map_err(|error| Problem::Invalid(format!("参数有误：{}", error.body_text())))
    }
}
