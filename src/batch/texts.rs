//! The deciding of many texts: each text once, long ones with long ones, all cores busy.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use sha2::{Digest, Sha256};

use super::entry::Entry;
use super::flat::{CANDIDATES, flat};
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
            self.remembered += entry.bytes();
            self.known.insert(key, entry);
        }
        let entries = keys.iter().map(|key| self.known[key].clone()).collect();
        if self.remembered > REMEMBERED {
            (self.known, self.remembered) = (HashMap::new(), 0);
        }
        entries
    }

    /// The answers to texts, by all threads together.
    fn decided(&self, fresh: &[(Key, &str)]) -> Vec<(Key, Entry)> {
        let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(fresh.len())));
        let batches: Vec<_> = fresh.chunks(TOGETHER).collect();
        let work = || {
            while let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
                let answers = self.answers(batch);
                found.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend(answers);
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..self.jobs.min(batches.len()) {
                scope.spawn(work);
            }
            work();
        });
        found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
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
        Entry { cells: flat(record), record: whole, outcome: Some(record.outcome), failed: false }
    }
}

fn key(text: &str) -> Key {
    let digest = Sha256::digest(text);
    std::array::from_fn(|at| digest[at])
}
