//! One entry of the table: a route with everything that its description says of it.

use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodRouter, delete, get, post};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::server::app::App;
use crate::server::auth::Right;

/// The schema of a type; what it refers to is left with the generator.
pub(super) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// What is sent, or comes back.
#[derive(Clone, Copy)]
pub(super) enum Content {
    /// JSON of this shape.
    Json(SchemaOf),
    /// A file, or text that is no JSON, of one of these media types.
    Other(&'static [&'static str]),
    /// Nothing.
    Nothing,
}

/// What the API does at one address.
pub(super) struct Operation {
    pub(super) method: Method,
    /// As the router reads it: `/v1/jobs/{id}`.
    pub(super) path: &'static str,
    pub(super) tag: &'static str,
    /// One Chinese sentence.
    pub(super) summary: &'static str,
    /// None where anybody may ask.
    pub(super) right: Option<Right>,
    /// A shape whose fields are the parameters behind the `?`.
    pub(super) query: Option<SchemaOf>,
    pub(super) request: Content,
    /// A request that makes sense, as JSON.
    pub(super) example: Option<&'static str>,
    pub(super) response: Content,
    pub(super) handler: MethodRouter<App>,
}

impl Operation {
    fn new(method: Method, path: &'static str, summary: &'static str, handler: MethodRouter<App>) -> Self {
        let (request, response) = (Content::Nothing, Content::Nothing);
        Self { method, path, tag: "", summary, right: None, query: None, request, example: None, response, handler }
    }

    /// Looks something up.
    pub(super) fn get<H: Handler<T, App>, T: 'static>(path: &'static str, summary: &'static str, handler: H) -> Self {
        Self::new(Method::GET, path, summary, get(handler))
    }

    /// Does something.
    pub(super) fn post<H: Handler<T, App>, T: 'static>(path: &'static str, summary: &'static str, handler: H) -> Self {
        Self::new(Method::POST, path, summary, post(handler))
    }

    /// Removes something.
    pub(super) fn delete<H: Handler<T, App>, T: 'static>(
        path: &'static str,
        summary: &'static str,
        handler: H,
    ) -> Self {
        Self::new(Method::DELETE, path, summary, delete(handler))
    }

    /// Who may.
    pub(super) fn needs(self, right: Right) -> Self {
        Self { right: Some(right), ..self }
    }

    /// The parameters behind the `?`.
    pub(super) fn asks<T: JsonSchema>(self) -> Self {
        Self { query: Some(schema_of::<T>), ..self }
    }

    /// The JSON that is sent, and one that makes sense.
    pub(super) fn takes<T: JsonSchema>(self, example: &'static str) -> Self {
        Self { request: Content::Json(schema_of::<T>), example: Some(example), ..self }
    }

    /// A file is sent.
    pub(super) fn takes_file(self) -> Self {
        Self { request: Content::Other(&["application/octet-stream"]), ..self }
    }

    /// The JSON that comes back.
    pub(super) fn gives<T: JsonSchema>(self) -> Self {
        Self { response: Content::Json(schema_of::<T>), ..self }
    }

    /// Something else comes back.
    pub(super) fn gives_other(self, media: &'static [&'static str]) -> Self {
        Self { response: Content::Other(media), ..self }
    }

    /// The names between braces in the path.
    pub(super) fn places(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }
}
