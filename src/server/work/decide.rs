//! The deciding of a job's texts, window by window; one that was cut off is decided again.

use crate::server::app::App;
use crate::server::problem::Problem;
use crate::server::store::jobs::{self, Job, State};

/// Decides what has no answer yet, and ends the job.
pub(super) fn all(app: &App, job: &Job) -> Result<(), Problem> {
    let (id, store, stopping) = (job.id, app.store(), app.stopping());
    let mut behind = 0;
    loop {
        let mut texts = store.read(|connection| jobs::undecided(connection, id, behind))?;
        let Some((last, _)) = texts.last() else { break };
        behind = *last;
        // Texts of like length are encoded together without padding.
        texts.sort_by_key(|(_, text)| text.len());
        let (ids, texts): (Vec<i64>, Vec<String>) = texts.into_iter().unzip();
        // Of cases that come meanwhile nothing is promised.
        let classifier = app.engine().classifier();
        let records = app.engine().decide(texts);
        if *stopping.borrow() && records.iter().any(Result::is_err) {
            return Ok(());
        }
        let goes_on = store.write(|change| {
            let goes_on = jobs::is(change, id, State::Deciding)?;
            for (&text, record) in ids.iter().zip(&records).filter(|_| goes_on) {
                match record {
                    Ok(record) => jobs::answer(change, text, record, classifier.cases())?,
                    Err(error) => jobs::fail(change, text, &error.to_string())?,
                }
            }
            Ok(goes_on)
        })?;
        app.tell_progress();
        if !goes_on || *stopping.borrow() {
            return Ok(());
        }
    }
    store.write(|change| {
        if jobs::is(change, id, State::Deciding)? {
            jobs::set_state(change, id, State::Done)?;
        }
        Ok(())
    })?;
    app.tell_progress();
    Ok(())
}
