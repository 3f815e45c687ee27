//! 用户: who may sign in, and the API keys.

use axum::Router;

use crate::server::app::App;

pub(crate) fn router() -> Router<App> {
    Router::new()
}
