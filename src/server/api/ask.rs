//! What a request holds, each part with a problem of our own form where it is not as it should be.

use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::server::app::App;
use crate::server::limits;
use crate::server::problem::Problem;

/// The JSON of the body.
pub(super) struct Sent<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<App> for Sent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &App) -> Result<Self, Problem> {
        let bytes = limits::whole(request.into_body()).await?;
        // The whole body is one JSON text, so the parser's own words say best where it fails.
        serde_json::from_slice(&bytes).map(Self).map_err(|error| Problem::Invalid(format!("JSON 有误：{error}")))
    }
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
