//! What every handler shares.

use std::net::SocketAddr;
use std::sync::Arc;

use rusqlite::{Connection, Transaction};
use tokio::sync::watch;

use super::auth;
use super::engine::Engine;
use super::limits::Limits;
use super::metrics::Metrics;
use super::problem::Problem;
use super::store::Store;
use super::store::cases::Loaded;

/// Shared between all requests; copies are the same.
#[derive(Clone)]
pub(crate) struct App(Arc<Shared>);

struct Shared {
    store: Store,
    engine: Engine,
    limits: Limits,
    metrics: Metrics,
    cases: Loaded,
    listen: SocketAddr,
    local_csrf: String,
    /// What a first administrator must type, where the server may be asked from elsewhere and has none yet.
    setup: Option<String>,
    /// Changes whenever a job gets on.
    progress: watch::Sender<u64>,
    stopping: watch::Sender<bool>,
}

impl App {
    pub(crate) fn new(store: Store, engine: Engine, listen: SocketAddr, limits: Limits) -> Result<Self, Problem> {
        let administered = store.read(super::store::users::any_administrator)?;
        let setup = if administered || listen.ip().is_loopback() { None } else { Some(auth::secret()?) };
        let (local_csrf, metrics, cases) = (auth::secret()?, Metrics::default(), Loaded::default());
        let ((progress, _), (stopping, _)) = (watch::channel(0), watch::channel(false));
        let shared = Shared { store, engine, limits, metrics, cases, listen, local_csrf, setup, progress, stopping };
        Ok(Self(Arc::new(shared)))
    }

    /// Looks something up, off the threads that answer.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Problem> {
        let app = self.clone();
        blocking(move || app.0.store.read(look)).await
    }

    /// Changes something, wholly or not at all, off the threads that answer.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let app = self.clone();
        blocking(move || app.0.store.write(change)).await
    }

    /// The data file, for threads that may wait.
    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    /// Who classifies.
    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// The active cases.
    pub(crate) fn cases(&self) -> &Loaded {
        &self.0.cases
    }

    /// Whether only this computer can ask.
    pub(crate) fn is_local(&self) -> bool {
        self.0.listen.ip().is_loopback()
    }

    pub(crate) fn local_csrf(&self) -> &str {
        &self.0.local_csrf
    }

    /// What a first administrator must type.
    pub(crate) fn setup(&self) -> Option<&str> {
        self.0.setup.as_deref()
    }

    /// Tells whatever goes on by itself to end.
    pub(crate) fn stop(&self) {
        self.0.stopping.send_replace(true);
    }

    /// Becomes true when the server stops.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.0.stopping.subscribe()
    }

    /// Says that a job got on.
    pub(crate) fn tell_progress(&self) {
        self.0.progress.send_modify(|count| *count += 1);
    }

    /// Wakes whenever a job gets on.
    pub(crate) fn progress(&self) -> watch::Receiver<u64> {
        self.0.progress.subscribe()
    }
}

/// Runs what may wait or compute, off the threads that answer.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Problem::Busy(1)),
        },
    }
}
