//! The classifier behind a desk: texts of many callers are decided together, those of people before those of jobs.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock};

use tokio::sync::oneshot;

use super::problem::Problem;
use crate::classifier::Classifier;
use crate::encoder::Embedding;
use crate::error::{Error, Result};
use crate::index::Case;
use crate::record::Record;

/// Texts that are decided together.
const TOGETHER: usize = 32;
/// Texts of people that may wait; what comes on top is refused, so that those who wait are served.
const WAITING: usize = 512;
/// Candidates of a record.
pub(crate) const CANDIDATES: usize = 5;

/// One text that somebody waits for.
struct Wanted {
    text: String,
    answer: oneshot::Sender<Result<Record>>,
}

#[derive(Default)]
struct Desk {
    /// Texts of people, and of the API.
    people: VecDeque<Wanted>,
    /// Texts of jobs.
    jobs: VecDeque<Wanted>,
    closed: bool,
}

struct Shared {
    desk: Mutex<Desk>,
    bell: Condvar,
    classifier: RwLock<Arc<Classifier>>,
}

/// Decides texts on threads of its own, each on one core.
pub(crate) struct Engine {
    shared: Arc<Shared>,
    workers: Vec<std::thread::JoinHandle<()>>,
}

impl Engine {
    /// Begins with so many threads.
    pub(crate) fn new(classifier: Classifier, threads: usize) -> Self {
        let (desk, bell) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { desk, bell, classifier: RwLock::new(Arc::new(classifier)) });
        let worker = |_| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || while shared.serve() {})
        };
        Self { workers: (0..threads.max(1)).map(worker).collect(), shared }
    }

    /// The classifier with the cases of the moment.
    pub(crate) fn classifier(&self) -> Arc<Classifier> {
        Arc::clone(&self.shared.classifier.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts these cases in place of the ones before; the next text is compared with them.
    pub(crate) fn set_cases(&self, cases: &[Case]) {
        let with = Arc::new(self.classifier().with_cases(cases));
        *self.shared.classifier.write().unwrap_or_else(PoisonError::into_inner) = with;
    }

    /// Decides texts of somebody who waits, in their order.
    ///
    /// # Errors
    /// [`Problem::Busy`] where too many wait already.
    pub(crate) async fn classify(&self, texts: Vec<String>) -> Result<Vec<Record>, Problem> {
        let answers = {
            let mut desk = self.shared.desk.lock().unwrap_or_else(PoisonError::into_inner);
            if desk.people.len() + texts.len() > WAITING {
                return Err(Problem::Busy(1 + desk.people.len() as u64 / 100));
            }
            texts.into_iter().map(|text| wait(&mut desk.people, text)).collect::<Vec<_>>()
        };
        self.shared.bell.notify_all();
        let mut records = Vec::with_capacity(answers.len());
        for answer in answers {
            records.push(answer.await.map_err(|_| Problem::Busy(1))??);
        }
        Ok(records)
    }

    /// Decides texts of a job, in their order, when nobody waits; for a thread that may wait itself.
    pub(crate) fn decide(&self, texts: Vec<String>) -> Vec<Result<Record>> {
        let answers: Vec<_> = {
            let mut desk = self.shared.desk.lock().unwrap_or_else(PoisonError::into_inner);
            texts.into_iter().map(|text| wait(&mut desk.jobs, text)).collect()
        };
        self.shared.bell.notify_all();
        let closing = |_| Err(Error::Argument("程序正在停下".to_owned()));
        answers.into_iter().map(|answer| answer.blocking_recv().unwrap_or_else(closing)).collect()
    }

    /// The embeddings of texts as they are, cut to what the encoder reads.
    pub(crate) fn embed(&self, texts: &[&str]) -> Result<Vec<Embedding>> {
        self.classifier().encoder().encode(texts)
    }

    /// Texts of people that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.shared.desk.lock().unwrap_or_else(PoisonError::into_inner).people.len()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shared.desk.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.shared.bell.notify_all();
        self.workers.drain(..).for_each(|worker| drop(worker.join()));
    }
}

fn wait(lane: &mut VecDeque<Wanted>, text: String) -> oneshot::Receiver<Result<Record>> {
    let (answer, receiver) = oneshot::channel();
    lane.push_back(Wanted { text, answer });
    receiver
}

impl Shared {
    /// Decides what waits, and says whether there may be more.
    fn serve(&self) -> bool {
        let mut desk = self.desk.lock().unwrap_or_else(PoisonError::into_inner);
        while desk.people.is_empty() && desk.jobs.is_empty() && !desk.closed {
            desk = self.bell.wait(desk).unwrap_or_else(PoisonError::into_inner);
        }
        if desk.closed {
            return false;
        }
        let lane = if desk.people.is_empty() { &mut desk.jobs } else { &mut desk.people };
        let wanted: Vec<Wanted> = lane.drain(..lane.len().min(TOGETHER)).collect();
        drop(desk);
        // Whoever no longer waits costs nothing.
        let mut wanted: Vec<Wanted> = wanted.into_iter().filter(|one| !one.answer.is_closed()).collect();
        wanted.sort_by_key(|one| one.text.len());
        let classifier = Arc::clone(&self.classifier.read().unwrap_or_else(PoisonError::into_inner));
        let texts: Vec<&str> = wanted.iter().map(|one| one.text.as_str()).collect();
        let record = |text: &str, decision| Record::new(&classifier, None, text, &decision, CANDIDATES);
        let records: Vec<Result<Record>> = match classifier.classify_batch(&texts) {
            Ok(decisions) => texts.iter().zip(decisions).map(|(text, decision)| Ok(record(text, decision))).collect(),
            // One that fails costs the others nothing.
            Err(_) => {
                texts.iter().map(|text| classifier.classify(text).map(|decision| record(text, decision))).collect()
            }
        };
        for (one, record) in wanted.into_iter().zip(records) {
            // Whoever has gone does not hear it.
            let _ = one.answer.send(record);
        }
        true
    }
}
