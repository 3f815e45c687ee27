//! What the server takes: how large, how long, how often, how many at once.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, HeaderName};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio::sync::Semaphore;

use super::app::App;
use super::problem::Problem;

/// Bytes of a request that is no upload.
pub(crate) const BODY: usize = 2 << 20;
/// Texts of one request.
pub(crate) const TEXTS: usize = 256;
/// Connections that are open at a time; others wait for their turn.
pub(crate) const CONNECTIONS: usize = 1_024;
/// How long a request may take to send its head …
pub(crate) const HEAD: Duration = Duration::from_secs(15);
/// … and, uploads and downloads aside, to be answered.
pub(crate) const ANSWER: Duration = Duration::from_secs(60);
/// Attempts to sign in, from one address in a minute.
const SIGN_INS: u32 = 20;

/// The limits that can be chosen, and what is counted for them.
pub(crate) struct Limits {
    /// Bytes of an uploaded table.
    pub(crate) upload: usize,
    /// Requests at work at a time.
    at_once: Arc<Semaphore>,
    /// Requests of one address a second.
    rate: DefaultKeyedRateLimiter<IpAddr>,
    sign_ins: DefaultKeyedRateLimiter<IpAddr>,
}

impl Limits {
    /// So many bytes of a table, so many requests at once, so many of one address a second.
    pub(crate) fn new(upload: usize, at_once: usize, rate: std::num::NonZeroU32) -> Self {
        let sign_ins = std::num::NonZeroU32::new(SIGN_INS).unwrap_or(std::num::NonZeroU32::MIN);
        Self {
            upload,
            at_once: Arc::new(Semaphore::new(at_once)),
            rate: RateLimiter::keyed(Quota::per_second(rate)),
            sign_ins: RateLimiter::keyed(Quota::per_minute(sign_ins)),
        }
    }

    /// Counts an attempt to sign in.
    pub(crate) fn sign_in(&self, address: IpAddr) -> Result<(), Problem> {
        self.sign_ins.check_key(&address).map_err(|wait| busy(wait.wait_time_from(DefaultClock::default().now())))
    }
}

fn busy(wait: Duration) -> Problem {
    Problem::Busy(wait.as_secs().max(1))
}

/// Refuses what is too much, at once and with a time to come back, so that what was taken is served.
pub(crate) async fn heed(State(app): State<App>, request: Request, next: Next) -> Response {
    let limits = app.limits();
    let address = request.extensions().get::<ConnectInfo<std::net::SocketAddr>>().map(|info| info.0.ip());
    // Whether it lives must be answered whatever else happens.
    if matches!(request.uri().path(), "/healthz" | "/readyz") {
        return next.run(request).await;
    }
    if let Some(address) = address
        && let Err(wait) = limits.rate.check_key(&address)
    {
        return busy(wait.wait_time_from(DefaultClock::default().now())).into_response();
    }
    let Ok(_turn) = Arc::clone(&limits.at_once).try_acquire_owned() else { return Problem::Busy(1).into_response() };
    next.run(request).await
}

/// Tells the browser to run and show nothing but what is ours, and to keep nothing of it.
pub(crate) async fn harden(request: Request, next: Next) -> Response {
    const HEADERS: [(&str, &str); 7] = [
        (
            "content-security-policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
    ];
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
