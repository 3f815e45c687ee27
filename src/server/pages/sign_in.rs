//! Signing in and out, the first administrator, passwords.

use axum::Router;

use crate::server::app::App;

pub(crate) fn router() -> Router<App> {
    Router::new()
}
