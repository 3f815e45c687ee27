//! The deciding of uploaded tables, one after the other, in a thread of its own.
//!
//! Reading order: [`upload`] takes a file in; [`read`] stores its rows, [`decide`] decides their texts; [`watch`] tells of it;
//! [`result`] gives the table back with its codes.

mod amount;
mod decide;
mod read;
mod result;
mod spool;
mod upload;
mod watch;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;

pub(crate) use result::{Form, made};
pub(crate) use upload::Received;
pub(crate) use watch::watch;

use super::app::{App, blocking};
use super::problem::Problem;
use super::store::jobs::{self, Job, State};

/// Tables that are looked through or written at a time: each takes a core and a temporary file.
static TABLES: Semaphore = Semaphore::const_new(2);
/// How long to wait where the data file cannot be read or written.
const PAUSE: Duration = Duration::from_secs(5);

/// Begins to decide what waits, oldest first, and goes on until the server stops.
pub(crate) fn begin(app: App) -> JoinHandle<()> {
    let here = Handle::current();
    std::thread::spawn(move || {
        let (mut progress, mut stopping) = (app.progress(), app.stopping());
        while !*stopping.borrow() {
            // What is told from here on wakes it again.
            progress.mark_unchanged();
            match turn(&app) {
                Ok(true) => {}
                Ok(false) => here.block_on(async {
                    tokio::select! {
                        _ = progress.changed() => {}
                        _ = stopping.wait_for(|stop| *stop) => {}
                    }
                }),
                Err(problem) => {
                    eprintln!("任务暂停：{}", problem.into_error());
                    let stop = stopping.wait_for(|stop| *stop);
                    // Whichever comes first, the loop looks again.
                    here.block_on(async { drop(tokio::time::timeout(PAUSE, stop).await) });
                }
            }
        }
    })
}

/// Does the next thing that there is to do, and says whether there was any.
fn turn(app: &App) -> Result<bool, Problem> {
    // What a server that was killed left of deleted jobs.
    jobs::clear(app.store())?;
    let Some(job) = app.store().read(jobs::next)? else { return Ok(false) };
    work(app, &job)?;
    Ok(true)
}

/// Takes a job as far as it goes; one that cannot go on costs the others nothing.
fn work(app: &App, job: &Job) -> Result<(), Problem> {
    let step = match job.state {
        State::Reading => read::all,
        _ => decide::all,
    };
    let reason = match catch_unwind(AssertUnwindSafe(|| step(app, job))) {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(problem)) => problem.into_error().to_string(),
        Err(_) => "程序出错，请联系维护人员".to_owned(),
    };
    let id = job.id;
    // The reason may quote what stands in the table, which is nobody's who reads the console.
    eprintln!("{} 出错，原因见它的页面", jobs::subject(id));
    app.store().write(|change| Ok(jobs::set_failed(change, id, &reason)?))?;
    app.tell_progress();
    Ok(())
}

/// Does what a table takes, off the threads that answer, and few at a time.
async fn with_a_table<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let turn = TABLES.acquire().await.map_err(|_| Problem::Busy(1))?;
    blocking(move || {
        let _turn = turn;
        work()
    })
    .await
}
