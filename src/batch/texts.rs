//! The deciding of many texts: each text once, long ones with long ones, all cores busy.

use std::collections::HashMap;
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::entry::Entry;
use super::flat::CANDIDATES;
use crate::classifier::Classifier;
use crate::record::Record;

/// Texts that are encoded together, of like length.
const TOGETHER: usize = 32;
/// Bytes of answers that are kept for texts that come again.
const REMEMBERED: usize = 64 << 20;

/// A text's hash: equal texts have equal answers.
type Key = [u8; 16];

/// Decides texts, and remembers what it decided.
pub(super) struct Decider<'a> {
    classifier: &'a Classifier,
    /// Whether the record is kept whole beside its cells.
    records: bool,
    /// How many threads decide.
    jobs: usize,
    known: HashMap<Key, Entry>,
    remembered: usize,
}

impl<'a> Decider<'a> {
    pub(super) fn new(classifier: &'a Classifier, records: bool, jobs: usize) -> Self {
        Self { classifier, records, jobs, known: HashMap::new(), remembered: 0 }
    }

    /// The entries of texts, in their order.
    pub(super) fn entries(&mut self, texts: &[String]) -> Vec<Entry> {
        let keys: Vec<Key> = texts.iter().map(|text| key(text)).collect();
        let mut fresh: HashMap<Key, &str> = HashMap::new();
        for (text, key) in texts.iter().zip(&keys).filter(|(_, key)| !self.known.contains_key(*key)) {
            fresh.insert(*key, text);
        }
        let mut fresh: Vec<(Key, &str)> = fresh.into_iter().collect();
        // Texts of like length fill a batch without padding; the longest first, so that no core is left with them at the end.
        fresh.sort_by_key(|(key, text)| (std::cmp::Reverse(text.len()), *key));
        for (key, entry) in self.decided(&fresh) {
            self.remember(key, entry);
        }
        let entries = keys.iter().map(|key| self.known[key].clone()).collect();
        self.forget();
        entries
    }

    /// Takes up what an earlier run answered to texts, so that this one goes on as that would have.
    pub(super) fn recall(&mut self, answered: impl Iterator<Item = (String, Entry)>) {
        answered.for_each(|(text, entry)| self.remember(key(&text), entry));
        self.forget();
    }

    fn remember(&mut self, key: Key, entry: Entry) {
        let bytes = entry.bytes();
        if self.known.insert(key, entry).is_none() {
            self.remembered += bytes;
        }
    }

    fn forget(&mut self) {
        if self.remembered > REMEMBERED {
            (self.known, self.remembered) = (HashMap::new(), 0);
        }
    }

    /// The answers to texts, by all threads together.
    fn decided(&self, fresh: &[(Key, &str)]) -> Vec<(Key, Entry)> {
        let batches = Mutex::new(fresh.chunks(TOGETHER));
        let next = || batches.lock().unwrap_or_else(PoisonError::into_inner).next();
        let work = || std::iter::from_fn(next).flat_map(|batch| self.answers(batch)).collect::<Vec<_>>();
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..self.jobs).map(|_| scope.spawn(work)).collect();
            workers.into_iter().flat_map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
        })
    }

    /// The answers to texts that are encoded together; where they fail together, each by itself, so that one text costs no other
    /// its answer.
    fn answers(&self, batch: &[(Key, &str)]) -> Vec<(Key, Entry)> {
        let texts: Vec<&str> = batch.iter().map(|(_, text)| *text).collect();
        match self.classifier.classify_batch(&texts) {
            Ok(decisions) => {
                let entry = |((key, text), decision): (&(Key, &str), _)| {
                    let record = Record::new(self.classifier, None, text, &decision, CANDIDATES);
                    (*key, self.entry(&record))
                };
                batch.iter().zip(decisions).map(entry).collect()
            }
            Err(error) if batch.len() == 1 => vec![(batch[0].0, Entry::failed(&error.to_string()))],
            Err(_) => batch.chunks(1).flat_map(|alone| self.answers(alone)).collect(),
        }
    }

    fn entry(&self, record: &Record) -> Entry {
        let whole = self.records.then(|| serde_json::to_string(record).unwrap_or_default());
        Entry { record: whole, ..Entry::decided(record) }
    }
}

fn key(text: &str) -> Key {
    let digest = Sha256::digest(text);
    std::array::from_fn(|at| digest[at])
}
