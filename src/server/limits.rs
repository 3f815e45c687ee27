//! What the server takes: how large, how long, how often, how many at once.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderName};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::TryStreamExt;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::app::App;
use super::problem::Problem;

/// Bytes of a request that is no upload.
pub(crate) const BODY: usize = 2 << 20;
/// Bytes of a body that is too large that are received all the same, and dropped: a client that is still sending reads no
/// answer.
const DROPPED: usize = 8 * BODY;
/// Bytes of a body that is read before anything is decided.
const SHORT: usize = 1 << 14;
/// Texts of one request …
pub(crate) const TEXTS: usize = 256;
/// … and bytes of each.
pub(crate) const TEXT: usize = 256 << 10;
/// Connections that are open at a time; others wait for their turn.
pub(crate) const CONNECTIONS: usize = 1_024;
/// How long a request may take to send its head …
pub(crate) const HEAD: Duration = Duration::from_secs(15);
/// … and, uploads and downloads aside, to be answered.
pub(crate) const ANSWER: Duration = Duration::from_secs(60);
/// How long whoever sends a body may pause.
pub(crate) const PAUSE: Duration = Duration::from_secs(30);
/// How long the answer to whether it can work may take.
pub(crate) const PROBE: Duration = Duration::from_secs(5);
/// Attempts to sign in, from one address in a minute.
const SIGN_INS: u32 = 20;
/// Requests that are encoded at a time.
const ENCODED: usize = 2;
/// Requests after which the addresses that ask no more are forgotten.
const SWEEP: usize = 4_096;

/// The limits that can be chosen, and what is counted for them.
pub(crate) struct Limits {
    /// Bytes of an uploaded table.
    pub(crate) upload: usize,
    /// Requests at work at a time.
    at_once: Arc<Semaphore>,
    /// Requests of one address a second.
    rate: DefaultKeyedRateLimiter<IpAddr>,
    sign_ins: DefaultKeyedRateLimiter<IpAddr>,
    counted: AtomicUsize,
    encoding: Semaphore,
}

impl Limits {
    /// So many bytes of a table, so many requests at once, so many of one address a second.
    pub(crate) fn new(upload: usize, at_once: usize, rate: NonZeroU32) -> Self {
        let sign_ins = NonZeroU32::new(SIGN_INS).unwrap_or(NonZeroU32::MIN);
        Self {
            upload,
            at_once: Arc::new(Semaphore::new(at_once)),
            rate: RateLimiter::keyed(Quota::per_second(rate)),
            sign_ins: RateLimiter::keyed(Quota::per_minute(sign_ins)),
            counted: AtomicUsize::new(0),
            encoding: Semaphore::new(ENCODED),
        }
    }

    /// Counts an attempt to sign in.
    pub(crate) fn sign_in(&self, address: IpAddr) -> Result<(), Problem> {
        counted(&self.sign_ins, address)
    }

    /// Counts a request; from time to time, so that the counts do not grow with the addresses there are, only with those
    /// that ask at present, the others are forgotten.
    fn request(&self, address: IpAddr) -> Result<(), Problem> {
        if self.counted.fetch_add(1, Ordering::Relaxed) % SWEEP == SWEEP - 1 {
            for limiter in [&self.rate, &self.sign_ins] {
                limiter.retain_recent();
                limiter.shrink_to_fit();
            }
        }
        counted(&self.rate, address)
    }

    /// Waits for the turn to use the encoder directly.
    pub(crate) async fn encoding(&self) -> Result<SemaphorePermit<'_>, Problem> {
        self.encoding.acquire().await.map_err(|_| Problem::Busy(1))
    }
}

fn counted(limiter: &DefaultKeyedRateLimiter<IpAddr>, address: IpAddr) -> Result<(), Problem> {
    let wait = |over: governor::NotUntil<_>| over.wait_time_from(DefaultClock::default().now());
    limiter.check_key(&household(address)).map_err(|over| Problem::Busy(wait(over).as_secs() + 1))
}

/// The address that is counted: of IPv6 the first half, because whoever has one address has the rest of the network.
fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        address => address,
    }
}

/// Refuses more texts than are taken, or longer ones.
pub(crate) fn texts(texts: &[String]) -> Result<(), Problem> {
    if texts.is_empty() || texts.len() > TEXTS {
        return Err(Problem::Invalid(format!("一次应有 1 到 {TEXTS} 条文字，这里有 {} 条", texts.len())));
    }
    match texts.iter().position(|text| text.len() > TEXT) {
        Some(at) => Err(Problem::TooLarge(format!("第 {} 条文字超过 {} KB", at + 1, TEXT >> 10))),
        None => Ok(()),
    }
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
        && let Err(problem) = limits.request(address)
    {
        return problem.into_response();
    }
    let Ok(_turn) = Arc::clone(&limits.at_once).try_acquire_owned() else { return Problem::Busy(1).into_response() };
    if unhurried(&request) {
        return next.run(request).await;
    }
    in_time(ANSWER, next.run(request)).await
}

/// An answer, unless it takes longer than this.
async fn in_time(limit: Duration, answer: impl Future<Output = Response>) -> Response {
    tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| Problem::Slow.into_response())
}

/// Whether a request may take as long as it takes: an upload, which [`PAUSE`] bounds, or the making of a file.
fn unhurried(request: &Request) -> bool {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let file = route.rsplit('/').next().is_some_and(|last| matches!(last, "result" | "export"));
    file || kind.starts_with("multipart/") || kind == "application/octet-stream"
}

/// A body that is no upload.
pub(crate) async fn whole(body: Body) -> Result<Vec<u8>, Problem> {
    let (mut pieces, mut bytes, mut size) = (body.into_data_stream(), Vec::new(), 0);
    let broken = |_| Problem::Invalid("请求没有传完，请重试".to_owned());
    while size <= DROPPED
        && let Some(piece) = pieces.try_next().await.map_err(broken)?
    {
        size += piece.len();
        if size <= BODY {
            bytes.extend_from_slice(&piece);
        }
    }
    if size > BODY {
        return Err(Problem::TooLarge(format!("请求过大，至多 {} MB。请分几次发送", BODY >> 20)));
    }
    Ok(bytes)
}

/// Takes in a short body before anything is decided. An answer to a body that nobody has read ends the connection, and whoever
/// sends the next request on it would hear nothing.
pub(crate) async fn hear_out(request: Request, next: Next) -> Response {
    let length = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_none_or(|length| length > SHORT) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    match tokio::time::timeout(PAUSE, to_bytes(body, SHORT)).await {
        Ok(Ok(bytes)) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Ok(Err(_)) => StatusCode::BAD_REQUEST.into_response(),
        Err(_) => StatusCode::REQUEST_TIMEOUT.into_response(),
    }
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
        // Under no-referrer a browser sends our own forms with `Origin: null`, as it does those of a stranger.
        ("referrer-policy", "same-origin"),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(rate: u32) -> Limits {
        Limits::new(1, 1, NonZeroU32::new(rate).unwrap())
    }

    #[tokio::test]
    async fn what_takes_too_long_is_given_up() {
        let slow = in_time(Duration::ZERO, std::future::pending()).await;
        assert_eq!(slow.status(), StatusCode::GATEWAY_TIMEOUT);
        let fast = in_time(ANSWER, std::future::ready(StatusCode::OK.into_response())).await;
        assert_eq!(fast.status(), StatusCode::OK);
    }

    #[test]
    fn one_address_over_its_rate_leaves_others_alone() {
        let limits = limits(2);
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        assert!(limits.request(one).is_ok() && limits.request(one).is_ok());
        assert!(matches!(limits.request(one), Err(Problem::Busy(1))));
        assert!(limits.request(other).is_ok());
    }

    #[test]
    fn addresses_of_one_network_are_counted_together() {
        let limits = limits(1);
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(limits.request(address("2001:db8::1")).is_ok());
        assert!(limits.request(address("2001:db8::2")).is_err());
        assert!(limits.request(address("2001:db8:0:1::1")).is_ok());
        assert_eq!(household(address("::ffff:10.0.0.1")), address("10.0.0.1"));
    }

    #[test]
    fn addresses_that_ask_no_more_are_forgotten() {
        // At this rate an address counts as recent for a microsecond only.
        let limits = limits(1_000_000);
        for number in 0..SWEEP as u32 * 3 {
            limits.request(IpAddr::from(number.to_be_bytes())).unwrap();
        }
        assert!(limits.rate.len() < SWEEP * 2, "{} addresses are kept", limits.rate.len());
    }
}
