//! What programs use.

use axum::Router;

use super::app::App;

/// Every route of the API.
pub(crate) fn router() -> Router<App> {
    Router::new()
}
