//! 任务: tables that are uploaded, watched and downloaded.

use axum::Router;

use crate::server::app::App;

pub(crate) fn router() -> Router<App> {
    Router::new()
}
