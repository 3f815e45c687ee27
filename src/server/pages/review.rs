//! 复核: one row at a time, decided by keyboard.

use axum::Router;

use crate::server::app::App;

pub(crate) fn router() -> Router<App> {
    Router::new()
}
