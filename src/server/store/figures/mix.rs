//! How the mix of labels drifts from one span to the next.

use std::collections::{BTreeMap, BTreeSet};

use super::measures::share;
use super::{Figures, Job};

/// What one span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// The month of the upload.
    Month,
    /// One job.
    Job,
}

/// The mix of labels in a span.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Span {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, u64>,
}

impl Span {
    /// Rows that have a label.
    pub(crate) fn rows(&self) -> u64 {
        self.labels.values().sum()
    }

    /// The share of a label.
    pub(crate) fn share(&self, label: &str) -> f64 {
        share(self.labels.get(label).copied().unwrap_or_default(), self.rows()).unwrap_or_default()
    }

    /// The total variation distance from another span: the share of rows that would have to change their label.
    pub(crate) fn distance(&self, other: &Self) -> f64 {
        let labels: BTreeSet<&String> = self.labels.keys().chain(other.labels.keys()).collect();
        labels.into_iter().map(|label| (self.share(label) - other.share(label)).abs()).sum::<f64>() / 2.0
    }
}

impl Figures {
    /// The mix in each span that has labels, the oldest first.
    pub(crate) fn mix(&self, by: By, month: impl Fn(&Job) -> String) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        for (job, labels) in self.jobs.iter().zip(&self.rows.labels).filter(|(_, labels)| !labels.is_empty()) {
            let name = match by {
                By::Month => month(job),
                By::Job => format!("{} {}", job.id, job.name),
            };
            if spans.last().is_none_or(|last| last.name != name) {
                spans.push(Span { name, labels: BTreeMap::new() });
            }
            let Some(span) = spans.last_mut() else { continue };
            for (label, count) in labels {
                *span.labels.entry(label.clone()).or_default() += count;
            }
        }
        spans
    }
}
