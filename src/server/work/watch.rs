//! The progress of a job as it is told to whoever watches.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream};
use serde::Serialize;
use tokio::sync::watch::Receiver;

use crate::server::app::App;
use crate::server::problem::Problem;
use crate::server::store::jobs::{self, Counts, Job, State};

/// Between two words on a job.
const PAUSE: Duration = Duration::from_millis(500);

/// How far a job is.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Progress {
    state: State,
    state_name: &'static str,
    rows: i64,
    share: f64,
    counts: Counts,
}

impl Progress {
    fn of(job: &Job) -> Self {
        let (state, share) = (job.state, job.share());
        Self { state, state_name: state.name(), rows: job.rows, share, counts: job.counts }
    }
}

struct Watch {
    app: App,
    id: i64,
    progress: Receiver<u64>,
    stopping: Receiver<bool>,
    told: Option<Progress>,
    /// Whether the program has done with it.
    ended: bool,
}

/// Tells of a job whenever it got on: `progress`, and `end` as the last when nothing more is to come. Ends without that when
/// the server stops.
pub(crate) fn watch(app: App, id: i64) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let (progress, stopping) = (app.progress(), app.stopping());
    let watch = Watch { app, id, progress, stopping, told: None, ended: false };
    let events = stream::unfold(watch, |mut watch| async move {
        let event = watch.next().await?;
        Some((Ok(event), watch))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}

impl Watch {
    async fn next(&mut self) -> Option<Event> {
        if self.ended {
            return None;
        }
        loop {
            if self.told.is_some() {
                tokio::select! {
                    () = next(&mut self.progress) => {}
                    _ = self.stopping.wait_for(|stop| *stop) => return None,
                }
            }
            // What is told while it looks wakes it again.
            self.progress.mark_unchanged();
            let id = self.id;
            let now = match self.app.read(move |store| jobs::one(store, id)).await {
                Ok(job) => Progress::of(&job),
                Err(Problem::Missing(_)) => {
                    self.ended = true;
                    return Some(Event::default().event("end").data("{}"));
                }
                Err(_) => return None,
            };
            self.ended = !now.state.is_at_work();
            if self.ended || self.told.as_ref() != Some(&now) {
                let event = Event::default().event(if self.ended { "end" } else { "progress" });
                let event = event.json_data(&now).ok()?;
                self.told = Some(now);
                return Some(event);
            }
        }
    }
}

/// The next time that any job got on, not too soon.
async fn next(progress: &mut Receiver<u64>) {
    tokio::time::sleep(PAUSE).await;
    // The sender goes with the server.
    let _ = progress.changed().await;
}
