//! The reviewers' page and the API: one process over one SQLite file.
//!
//! Reading order: `app` is what every handler shares: the `store`, the `engine` and the `limits`; `auth` says who
//! asks; `problem` is how a request fails; `work` decides uploaded tables, `decide` is what people decide; `pages` is
//! what people see, `api` what programs use.

mod accounts;
mod api;
mod app;
mod auth;
pub mod console;
mod decide;
mod download;
mod engine;
mod limits;
mod metrics;
mod pages;
mod password;
mod problem;
mod shown;
mod store;
mod work;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;

pub use auth::Role;
pub use password::Password;
pub use store::audit::Verdict;
pub use store::backup::Restored;

use self::app::App;
use self::engine::Engine;
use self::limits::Limits;
use self::problem::Problem;
use self::store::Store;
use self::store::file::Alone;
use crate::classifier::Classifier;
use crate::error::{Error, Result};

/// How long requests under way may take once the server is told to stop.
const PARTING: Duration = Duration::from_secs(10);

/// How the server is run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The data file.
    pub data: PathBuf,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Threads that classify, each on one core.
    pub threads: usize,
    /// Bytes of the largest table that is taken.
    pub upload: usize,
    /// Requests at work at a time; what comes on top is told to come again.
    pub at_once: usize,
    /// Requests of one address in a second.
    pub rate: NonZeroU32,
}

impl Options {
    /// The shipped ones, for a data file.
    pub fn new(data: PathBuf) -> Self {
        Self {
            data,
            listen: SocketAddr::from(([127, 0, 0, 1], 8686)),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            upload: 200 << 20,
            at_once: 256,
            rate: NonZeroU32::new(200).unwrap_or(NonZeroU32::MIN),
        }
    }
}

/// What is to be said on the console once the server answers.
#[derive(Debug, Clone)]
pub struct Ready {
    /// Where it answers.
    pub address: SocketAddr,
    /// What the first administrator must type on the page, where there is none yet and others can ask.
    pub setup: Option<String>,
}

/// Serves until the process is told to stop (Ctrl-C, SIGTERM); then ends what is under way and returns.
///
/// # Errors
/// [`Error::Store`] and [`Error::Argument`] for a data file that cannot be used, [`Error::File`] for an address that cannot be
/// listened on.
pub fn serve(classifier: Classifier, options: &Options, ready: impl FnOnce(&Ready)) -> Result<()> {
    let listening = |error| unheard(options.listen, error);
    let _alone = Alone::with(&options.data)?;
    let store = Store::open(&options.data)?;
    let engine = Engine::new(classifier, options.threads);
    let limits = Limits::new(options.upload, options.at_once, options.rate);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(listening)?;
    runtime.block_on(async {
        let listener = TcpListener::bind(options.listen).await.map_err(listening)?;
        let address = listener.local_addr().map_err(listening)?;
        let app = App::new(store, engine, address, limits).map_err(Problem::into_error)?;
        store::cases::load(&app).map_err(Problem::into_error)?;
        let worker = work::begin(app.clone());
        ready(&Ready { address, setup: app.setup().map(str::to_owned) });
        answer(listener, app.clone()).await;
        app.stop();
        // What a job has decided is in the file; the rest is taken up at the next start.
        drop(tokio::task::spawn_blocking(move || worker.join()).await);
        Ok(())
    })
}

/// Why an address cannot be listened on.
fn unheard(address: SocketAddr, error: std::io::Error) -> Error {
    let problem = match error.kind() {
        ErrorKind::AddrInUse => "已被占用，可能 waibao 已经在运行。请先停下它，或用 --listen 换一个端口",
        ErrorKind::AddrNotAvailable => "这台电脑没有这个地址。请用 --listen 换一个，如 127.0.0.1:8686",
        ErrorKind::PermissionDenied => "没有权限使用这个端口。请用 --listen 换一个 1024 以上的端口",
        _ => return Error::file(address.to_string(), "监听", error),
    };
    Error::Argument(format!("{address}：{problem}"))
}

/// Takes connections until told to stop.
async fn answer(listener: TcpListener, app: App) {
    let router = router(app.clone());
    let (connections, graceful) = (Arc::new(Semaphore::new(limits::CONNECTIONS)), GracefulShutdown::new());
    let mut stop = std::pin::pin!(told_to_stop());
    loop {
        let taken = async {
            let turn = Arc::clone(&connections).acquire_owned().await.ok()?;
            // Too many open files, or a connection that was gone before it was taken: others may fare better.
            Some((listener.accept().await.ok()?, turn))
        };
        let taken = tokio::select! {
            taken = taken => taken,
            () = &mut stop => break,
        };
        let Some(((stream, from), turn)) = taken else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let service = TowerToHyperService::new(router.clone().layer(Extension(ConnectInfo(from))));
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(limits::HEAD);
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            // A client that breaks off is no fault of ours.
            let _ = connection.await;
            drop(turn);
        });
    }
    app.stop();
    let _ = tokio::time::timeout(PARTING, graceful.shutdown()).await;
}

/// Every route, behind what every request passes, the outermost last.
fn router(app: App) -> Router {
    pages::router()
        .merge(api::router(&app))
        .fallback(|| async { Problem::Missing("没有这个地址".to_owned()) })
        .method_not_allowed_fallback(|| async { Problem::Method })
        .layer(from_fn_with_state(app.clone(), auth::renew))
        .layer(from_fn_with_state(app.clone(), pages::until_set_up))
        .layer(from_fn_with_state(app.clone(), auth::own_site))
        .layer(from_fn_with_state(app.clone(), limits::heed))
        .layer(RequestBodyTimeoutLayer::new(limits::PAUSE))
        .layer(CatchPanicLayer::new())
        .layer(from_fn(limits::hear_out))
        .layer(from_fn(problem::as_page))
        .layer(from_fn_with_state(app.clone(), count))
        .layer(from_fn(limits::harden))
        .with_state(app)
}

/// Counts requests by their route.
async fn count(State(app): State<App>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str).to_owned();
    let (method, began) = (request.method().to_string(), Instant::now());
    let response = next.run(request).await;
    app.metrics().request(&method, &route, response.status().as_u16(), began.elapsed());
    response
}

async fn told_to_stop() {
    let interrupt = async { drop(tokio::signal::ctrl_c().await) };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}
