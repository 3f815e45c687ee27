//! What an evaluation finds: the answers as they come, and every table over them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::classifier::Classifier;
use crate::code::{Code, Label};
use crate::decision::{Decision, Outcome};
use crate::error::Result;
use crate::pack::Pack;
use crate::table;

use super::agreement::{Agreement, agreement};
use super::answer::{Answer, Said};
use super::baseline::Baselines;
use super::figures::{Bin, Figure, coverage_at, headline, ratio, reliability, risk_coverage};
use super::labelled::{Row, check_labelled, visit_labelled};
use super::trials::{ClauseTrial, RuleCount, clause_trials, rule_counts, total};

/// Texts that are decided on together.
const BATCH: usize = 64;
/// Confused pairs that are shown, and examples of each.
const CONFUSIONS: usize = 20;
const EXAMPLES: usize = 2;
/// What risk–coverage is read off at.
const PRECISIONS: [f64; 3] = [0.95, 0.97, 0.99];
/// Kinds of length: name and the first number of characters that is longer.
const LENGTHS: [(&str, usize); 4] =
    [("40 字以内", 40), ("40–119 字", 120), ("120–299 字", 300), ("300 字以上", usize::MAX)];

/// The answers to labelled texts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// In the order of the rows.
    pub answers: Vec<Answer>,
    /// What the answers are grouped by: column and value.
    pub groups: Vec<(Rc<str>, String)>,
}

/// What is done with every row beside counting it.
pub type Sink<'a> = &'a mut dyn FnMut(&Row, &Decision, &Answer) -> Result<()>;

/// Decides on every row of the files. All of them are read through once before the first is decided on, so that a bad row
/// stops the work before it has begun. Of a text only its answer is kept.
///
/// # Errors
/// As [`check_labelled`] and [`Classifier::classify`], and what the sink returns.
pub fn evaluate(classifier: &Classifier, files: &[PathBuf], groups: &[String], sink: Sink<'_>) -> Result<Report> {
    check_labelled(files, groups, classifier.pack())?;
    let mut work = Work { classifier, baselines: Baselines::new(classifier.pack()), report: Report::default(), sink };
    for path in files {
        let mut batch = Vec::with_capacity(BATCH);
        visit_labelled(path, groups, &mut |row| {
            batch.push(row);
            if batch.len() == BATCH { work.decide(&std::mem::take(&mut batch)) } else { Ok(()) }
        })?;
        work.decide(&batch)?;
    }
    Ok(work.report)
}

struct Work<'a> {
    classifier: &'a Classifier,
    baselines: Baselines,
    report: Report,
    sink: Sink<'a>,
}

impl Work<'_> {
    fn decide(&mut self, rows: &[Row]) -> Result<()> {
        let texts: Vec<&str> = rows.iter().map(|row| row.labelled.text.as_str()).collect();
        for (row, decision) in rows.iter().zip(self.classifier.classify_batch(&texts)?) {
            let baselines = self.baselines.answers(&row.labelled.text);
            let mut answer = Answer::new(self.classifier, row, &decision, baselines);
            answer.groups = row.groups.iter().map(|group| self.group(group)).collect();
            (self.sink)(row, &decision, &answer)?;
            self.report.answers.push(answer);
        }
        Ok(())
    }

    fn group(&mut self, group: &(Rc<str>, String)) -> usize {
        let known = self.report.groups.iter().position(|known| known == group);
        known.unwrap_or_else(|| {
            self.report.groups.push(group.clone());
            self.report.groups.len() - 1
        })
    }
}

/// Every table of a report.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Texts.
    pub texts: usize,
    /// The headline figures.
    pub figures: Vec<Figure>,
    /// The baselines with their headline figures.
    pub baselines: Vec<(&'static str, Vec<Figure>)>,
    /// How far the second readings agree, where there are any.
    pub agreement: Option<Agreement>,
    /// For each outcome its share, and the share of right answers in it.
    pub outcomes: [(Outcome, f64, f64); 3],
    /// The risk–coverage curve: share answered, share right.
    pub curve: Vec<(f64, f64)>,
    /// The share that can be answered at some precisions.
    pub coverage: Vec<(f64, f64)>,
    /// The reliability curve.
    pub reliability: [Bin; 10],
    /// Precision, recall and F1 of each label.
    pub classes: Vec<ClassFigures>,
    /// The most confused pairs.
    pub confusions: Vec<Confusion>,
    /// The clauses that are tried.
    pub trials: BTreeMap<String, ClauseTrial>,
    /// What each rule did: its id and clause.
    pub rules: Vec<(String, String, RuleCount)>,
    /// Breakdowns: column, value, texts, and the figures of these texts.
    pub groups: Vec<GroupFigures>,
}

/// The figures of one label.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassFigures {
    /// The label.
    pub label: Label,
    /// Its name.
    pub name: String,
    /// Texts that count for it.
    pub texts: usize,
    /// Of what was said, the share that is right.
    pub precision: f64,
    /// Of its texts, the share that was found.
    pub recall: f64,
    /// Their harmonic mean.
    pub f1: f64,
}

/// A label given for another.
#[derive(Debug, Clone, PartialEq)]
pub struct Confusion {
    /// What is right.
    pub gold: Label,
    /// What was said.
    pub said: Label,
    /// How often.
    pub count: usize,
    /// Ids and beginnings of some texts.
    pub examples: Vec<(String, String)>,
}

/// The figures of a group.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupFigures {
    /// The column.
    pub column: String,
    /// What stands in it.
    pub value: String,
    /// Texts.
    pub texts: usize,
    /// The share of right answers, with its interval.
    pub accuracy: Figure,
    /// The share that needs no person.
    pub automated: Figure,
}

impl Report {
    /// Every table.
    pub fn summary(&self, pack: &Pack) -> Summary {
        let answers: Vec<&Answer> = self.answers.iter().collect();
        let said: Vec<Said<'_>> = self.answers.iter().map(Answer::said).collect();
        let curve = risk_coverage(&answers);
        let readings = answers.iter().filter_map(|answer| answer.second.as_ref());
        let readings = readings.map(|reading| (reading.first.as_slice(), reading.second));
        let of_baseline = |(place, name): (usize, &&'static str)| {
            let said: Vec<Said<'_>> = answers.iter().map(|answer| answer.said_by_baseline(place)).collect();
            (*name, headline(&said))
        };
        Summary {
            texts: answers.len(),
            figures: headline(&said),
            baselines: Baselines::NAMES.iter().enumerate().map(of_baseline).collect(),
            agreement: agreement(readings),
            outcomes: [Outcome::Assigned, Outcome::OutOfScope, Outcome::NeedsReview].map(|outcome| {
                let these: Vec<_> = answers.iter().filter(|answer| answer.outcome == outcome).collect();
                let right = these.iter().filter(|answer| answer.is_right()).count();
                (outcome, ratio(these.len(), answers.len()), ratio(right, these.len()))
            }),
            coverage: PRECISIONS.map(|precision| (precision, coverage_at(&curve, precision))).to_vec(),
            curve,
            reliability: reliability(&answers),
            classes: classes(pack, &answers),
            confusions: confusions(&answers),
            trials: clause_trials(pack, &answers),
            rules: rule_counts(&answers)
                .into_iter()
                .map(|(rule, count)| (pack.rules[rule].id.clone(), pack.rules[rule].clause.clone(), count))
                .collect(),
            groups: self.breakdown(&answers),
        }
    }

    fn breakdown(&self, answers: &[&Answer]) -> Vec<GroupFigures> {
        let mut sets: Vec<(String, String, Vec<Said<'_>>)> = Vec::new();
        let mut from = 0;
        for (name, to) in LENGTHS {
            let these = answers.iter().filter(|answer| (from..to).contains(&answer.length));
            sets.push(("长短".to_owned(), name.to_owned(), these.map(|answer| answer.said()).collect()));
            from = to;
        }
        let mut named: Vec<_> = self.groups.iter().enumerate().collect();
        named.sort_by_key(|(_, group)| *group);
        for (place, (column, value)) in named {
            let these = answers.iter().filter(|answer| answer.groups.contains(&place));
            sets.push((column.to_string(), value.clone(), these.map(|answer| answer.said()).collect()));
        }
        sets.retain(|(_, _, said)| !said.is_empty());
        let figures = |(column, value, said): (String, String, Vec<Said<'_>>)| {
            let figures = headline(&said);
            GroupFigures { column, value, texts: said.len(), accuracy: figures[0], automated: figures[7] }
        };
        sets.into_iter().map(figures).collect()
    }

    /// Writes an answer a line: id, gold, outcome, the first three candidates, confidence, right.
    ///
    /// # Errors
    /// [`crate::Error::File`] where the file cannot be written.
    pub fn write_results(&self, path: &Path) -> Result<()> {
        let rows = self.answers.iter().map(|answer| {
            [
                answer.id.clone(),
                join(&answer.gold),
                outcome_key(answer.outcome).to_owned(),
                join(&answer.candidates),
                format!("{:.3}", answer.confidence),
                u8::from(answer.is_right()).to_string(),
            ]
        });
        table::write_csv(path, &["id", "gold", "outcome", "candidates", "confidence", "right"], rows)
    }
}

impl Summary {
    /// Every figure that a threshold can be set for, by its key.
    pub fn measures(&self) -> BTreeMap<String, f64> {
        let mut measures: BTreeMap<String, f64> =
            self.figures.iter().map(|figure| (figure.key.to_owned(), figure.value)).collect();
        for (precision, coverage) in &self.coverage {
            measures.insert(format!("coverage_at_{:.0}", precision * 100.0), *coverage);
        }
        let (exclusions, principles) = (total(&self.trials, true), total(&self.trials, false));
        for (key, value, texts) in [
            ("exclusion_catch", exclusions.catch_rate(), exclusions.caught),
            ("exclusion_false_fire", exclusions.false_fire_rate(), exclusions.clear),
            ("principle_pairs", principles.pair_rate(), principles.pairs),
        ] {
            if texts > 0 {
                measures.insert(key.to_owned(), value);
            }
        }
        for group in &self.groups {
            measures.insert(format!("{}={}", group.column, group.value), group.accuracy.value);
        }
        measures
    }
}

fn classes(pack: &Pack, answers: &[&Answer]) -> Vec<ClassFigures> {
    let mut counts: BTreeMap<Label, (usize, usize, usize)> = BTreeMap::new();
    for answer in answers {
        if let Some(label) = answer.said().counted_as() {
            let count = counts.entry(label).or_default();
            count.0 += usize::from(answer.is_right());
            count.1 += 1;
        }
        if let Some(said) = answer.candidates.first() {
            counts.entry(*said).or_default().2 += 1;
        }
    }
    let figures = |(label, (right, gold, said)): (Label, (usize, usize, usize))| ClassFigures {
        label,
        name: pack.name(label).to_owned(),
        texts: gold,
        precision: ratio(right, said),
        recall: ratio(right, gold),
        f1: ratio(2 * right, gold + said),
    };
    counts.into_iter().map(figures).collect()
}

fn confusions(answers: &[&Answer]) -> Vec<Confusion> {
    let mut found: BTreeMap<(Label, Label), Confusion> = BTreeMap::new();
    for answer in answers.iter().filter(|answer| !answer.is_right()) {
        let (Some(&gold), Some(&said)) = (answer.gold.first(), answer.candidates.first()) else { continue };
        let entry = found.entry((gold, said));
        let confusion = entry.or_insert_with(|| Confusion { gold, said, count: 0, examples: Vec::new() });
        confusion.count += 1;
        if let Some(excerpt) = answer.excerpt.as_ref().filter(|_| confusion.examples.len() < EXAMPLES) {
            confusion.examples.push((answer.id.clone(), excerpt.clone()));
        }
    }
    let mut confusions: Vec<Confusion> = found.into_values().collect();
    confusions.sort_by_key(|confusion| std::cmp::Reverse(confusion.count));
    confusions.truncate(CONFUSIONS);
    confusions
}

pub(super) fn join(labels: &[Label]) -> String {
    labels.iter().map(Label::to_string).collect::<Vec<_>>().join(" ")
}

/// The outcome as the record writes it.
pub(super) fn outcome_key(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Assigned => "assigned",
        Outcome::OutOfScope => "out_of_scope",
        Outcome::NeedsReview => "needs_review",
    }
}

/// The division of a label: 大类, or 不属于.
pub(super) fn division(label: Label) -> Option<Code> {
    let code = label.class()?;
    std::iter::successors(Some(code), |code| code.parent()).last()
}
