//! 审计: the log, searchable, verified, exported.

use axum::Router;

use crate::server::app::App;

pub(crate) fn router() -> Router<App> {
    Router::new()
}
