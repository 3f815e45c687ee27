//! 统计: how much needs no person, how right it is, and what another cut-off would have meant.

use axum::Router;

use crate::server::app::App;

pub(crate) fn router() -> Router<App> {
    Router::new()
}
