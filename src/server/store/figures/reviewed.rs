//! How often people kept what the program proposed.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::measures::{share, wilson};
use super::{RowCounts, STEPS, UNCLEAR, count, step};
use crate::eval::Bin;

/// Bins of equal width of the reliability curve.
const BINS: usize = 10;
/// The lowest cut-off that is worth a thought, in steps.
const LOWEST: usize = STEPS / 2;

/// Rows that people settled, by whether the program's proposal was kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Score {
    pub(crate) right: u64,
    pub(crate) wrong: u64,
    /// 不清楚: neither right nor wrong.
    pub(crate) unclear: u64,
}

impl Score {
    /// Rows of which it is known whether the proposal was right.
    pub(crate) fn judged(&self) -> u64 {
        self.right + self.wrong
    }

    /// The share that was right.
    pub(crate) fn share(&self) -> Option<f64> {
        share(self.right, self.judged())
    }

    /// Its 95 % interval.
    pub(crate) fn interval(&self) -> Option<(f64, f64)> {
        wilson(self.right, self.judged())
    }

    fn plus(self, other: Self) -> Self {
        Self { right: self.right + other.right, wrong: self.wrong + other.wrong, unclear: self.unclear + other.unclear }
    }
}

/// A step of confidence.
#[derive(Debug, Clone, Copy, Default)]
struct Step {
    score: Score,
    /// The sum of the confidences of the rows that were judged.
    confidence: f64,
}

/// What people made of proposals.
#[derive(Debug)]
pub(crate) struct Reviewed {
    /// Of rows that needed no person and were looked at all the same.
    pub(crate) sampled: Score,
    /// Of rows that needed one.
    pub(crate) open: Score,
    /// What was proposed and what it became, where they differ, with how often.
    pub(crate) changed: BTreeMap<(String, String), u64>,
    /// The sampled rows, and the others.
    steps: [[Step; STEPS]; 2],
}

impl Default for Reviewed {
    fn default() -> Self {
        let (sampled, open) = Default::default();
        Self { sampled, open, changed: BTreeMap::new(), steps: [[Step::default(); STEPS]; 2] }
    }
}

/// What another cut-off would have meant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CutOff {
    /// From this confidence on no person is needed.
    pub(crate) from: f64,
    /// Rows at or above it.
    pub(crate) rows: u64,
    /// Their share of all that the program is done with.
    pub(crate) share: f64,
    /// Of these what people made of those that they saw.
    pub(crate) score: Score,
    /// The share that is right among all of them, the sampled and the others each weighing as many rows as there are.
    pub(crate) estimate: Option<f64>,
}

/// What was proposed is what the first reader saw.
pub(super) const SQL: &str = "SELECT d.proposed, r.final,
           r.sampled AND r.outcome IS NOT 'needs_review' AS sampled,
           CAST(d.confidence * 200 + 1e-5 AS INTEGER) AS step, count(*), total(d.confidence)
    FROM rows r CROSS JOIN decisions d ON d.row = r.id
    WHERE r.job = ? AND r.state = 'settled' AND d.kind = 'first' AND d.undone IS NULL AND d.proposed IS NOT NULL
    GROUP BY d.proposed, r.final, 3, step";

impl Reviewed {
    /// Counts the settled rows of a further job.
    pub(super) fn add(&mut self, connection: &Connection, job: i64) -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached(SQL)?;
        let mut rows = statement.query([job])?;
        while let Some(row) = rows.next()? {
            let (proposed, last): (String, Option<String>) = (row.get(0)?, row.get(1)?);
            let Some(last) = last else { continue };
            let (sampled, step, count): (bool, _, _) = (row.get(2)?, step(row.get(3)?), count(row, 4)?);
            let mut score = Score::default();
            let counted = match () {
                () if last == UNCLEAR => &mut score.unclear,
                () if last == proposed => &mut score.right,
                () => &mut score.wrong,
            };
            *counted = count;
            let all = if sampled { &mut self.sampled } else { &mut self.open };
            *all = all.plus(score);
            if let Some(step) = step {
                let step = &mut self.steps[usize::from(!sampled)][step];
                step.score = step.score.plus(score);
                step.confidence += if score.unclear == 0 { row.get(5)? } else { 0.0 };
            }
            if score.wrong > 0 {
                *self.changed.entry((proposed, last)).or_default() += count;
            }
        }
        Ok(())
    }

    /// Of every settled row that had a proposal.
    pub(crate) fn all(&self) -> Score {
        self.sampled.plus(self.open)
    }

    /// The reliability curve: confidence against what was right, in bins of equal width.
    pub(crate) fn reliability(&self) -> [Bin; BINS] {
        let mut bins = [Bin::default(); BINS];
        for (at, step) in self.steps.iter().flat_map(|steps| steps.iter().enumerate()) {
            let bin = &mut bins[at * BINS / STEPS];
            bin.count += step.score.judged() as usize;
            bin.right += step.score.right as usize;
            bin.confidence += step.confidence;
        }
        bins
    }

    /// The expected calibration error: how far confidence and what was right lie apart, bin by bin.
    pub(crate) fn calibration_error(&self) -> Option<f64> {
        let bins = self.reliability();
        let count: usize = bins.iter().map(|bin| bin.count).sum();
        let gaps: f64 = bins.iter().map(|bin| (bin.right as f64 - bin.confidence).abs()).sum();
        (count > 0).then(|| gaps / count as f64)
    }

    /// Every cut-off from a half on, the lowest first.
    pub(crate) fn cut_offs(&self, rows: &RowCounts) -> Vec<CutOff> {
        let mut sums = [(0, Score::default()); 2];
        let mut cut_offs = Vec::with_capacity(STEPS - LOWEST);
        for at in (LOWEST..STEPS).rev() {
            for (part, (count, score)) in sums.iter_mut().enumerate() {
                *count += rows.steps[part][at];
                *score = score.plus(self.steps[part][at].score);
            }
            let [(automatic, sampled), (open, others)] = sums;
            let counted = automatic + open;
            let right = |(count, score): &(u64, Score)| match count {
                0 => Some(0.0),
                count => score.share().map(|share| share * *count as f64),
            };
            let estimate = sums.iter().map(right).sum::<Option<f64>>().filter(|_| counted > 0);
            cut_offs.push(CutOff {
                from: at as f64 / STEPS as f64,
                rows: counted,
                share: share(counted, rows.decided).unwrap_or_default(),
                score: sampled.plus(others),
                estimate: estimate.map(|right| right / counted as f64),
            });
        }
        cut_offs.reverse();
        cut_offs
    }
}
