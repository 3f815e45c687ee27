//! How the clauses fare: on texts written to try them, and rule by rule on everything.

use std::collections::BTreeMap;

use crate::code::Label;
use crate::pack::{Pack, Scope};

use super::answer::Answer;
use super::figures::ratio;

/// What became of the texts that try a clause.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClauseTrial {
    /// Texts that it must catch.
    pub caught: usize,
    /// Of these, those whose answer is no class that the clause excludes, or is acceptable.
    pub heeded: usize,
    /// Of these, those where a rule of the clause took effect.
    pub fired: usize,
    /// Neighbours that it must let pass.
    pub clear: usize,
    /// Of these, those where a rule of the clause took effect all the same; of a judgement principle, which may well
    /// concern both sides, those where it vetoed an acceptable class.
    pub fired_falsely: usize,
    /// Pairs of which both sides are here.
    pub pairs: usize,
    /// Of these, those with both sides right.
    pub pairs_right: usize,
}

impl ClauseTrial {
    /// The share of what must be caught that is.
    pub fn catch_rate(&self) -> f64 {
        ratio(self.heeded, self.caught)
    }

    /// The share of the neighbours on which a rule of the clause took effect.
    pub fn false_fire_rate(&self) -> f64 {
        ratio(self.fired_falsely, self.clear)
    }

    /// The share of the pairs with both sides right.
    pub fn pair_rate(&self) -> f64 {
        ratio(self.pairs_right, self.pairs)
    }

    fn add(&mut self, other: &Self) {
        self.caught += other.caught;
        self.heeded += other.heeded;
        self.fired += other.fired;
        self.clear += other.clear;
        self.fired_falsely += other.fired_falsely;
        self.pairs += other.pairs;
        self.pairs_right += other.pairs_right;
    }
}

/// The clauses that are tried, by id.
pub(super) fn clause_trials(pack: &Pack, answers: &[&Answer]) -> BTreeMap<String, ClauseTrial> {
    let mut trials: BTreeMap<String, ClauseTrial> = BTreeMap::new();
    let mut pairs: BTreeMap<&str, (&str, Vec<bool>)> = BTreeMap::new();
    for answer in answers {
        let Some(tried) = &answer.trial else { continue };
        let trial = trials.entry(tried.clause.clone()).or_default();
        let own = || answer.fired.iter().filter(|fired| pack.rules[fired.rule].clause == tried.clause);
        if tried.caught {
            trial.caught += 1;
            trial.heeded += usize::from(answer.is_right() || !is_excluded(pack, &tried.clause, answer));
            trial.fired += usize::from(own().next().is_some());
        } else {
            trial.clear += 1;
            let principle = is_principle(&tried.clause);
            trial.fired_falsely += usize::from(own().any(|fired| !principle || fired.wrongly));
        }
        if let Some(pair) = &tried.pair {
            pairs.entry(pair).or_insert((&tried.clause, Vec::new())).1.push(answer.is_right());
        }
    }
    for (clause, sides) in pairs.into_values().filter(|(_, sides)| sides.len() == 2) {
        if let Some(trial) = trials.get_mut(clause) {
            trial.pairs += 1;
            trial.pairs_right += usize::from(sides.iter().all(|right| *right));
        }
    }
    trials
}

/// Whether the first candidate is a class that the clause's rules take out. A principle has no classes of its own: what
/// counts is whether the answer is acceptable.
fn is_excluded(pack: &Pack, clause: &str, answer: &Answer) -> bool {
    let Some(Label::Class(said)) = answer.candidates.first() else { return false };
    let mut scopes = pack.rules.iter().filter(|rule| rule.clause == clause).flat_map(|rule| &rule.items);
    is_principle(clause) || scopes.any(|scope: &Scope| scope.contains(*said))
}

/// Whether a clause is a judgement principle, not an exclusion.
fn is_principle(clause: &str) -> bool {
    clause.starts_with('P')
}

/// The sum over exclusions (`true`) or over judgement principles (`false`).
pub fn total(trials: &BTreeMap<String, ClauseTrial>, exclusions: bool) -> ClauseTrial {
    let mut sum = ClauseTrial::default();
    for (_, trial) in trials.iter().filter(|(clause, _)| is_principle(clause) != exclusions) {
        sum.add(trial);
    }
    sum
}

/// What a rule did over all texts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RuleCount {
    /// How often it took effect.
    pub fired: usize,
    /// How often it vetoed.
    pub vetoed: usize,
    /// How often it vetoed an acceptable class.
    pub wrongly: usize,
}

/// The rules that took effect, by their place in the pack.
pub(super) fn rule_counts(answers: &[&Answer]) -> BTreeMap<usize, RuleCount> {
    let mut counts: BTreeMap<usize, RuleCount> = BTreeMap::new();
    for fired in answers.iter().flat_map(|answer| &answer.fired) {
        let count = counts.entry(fired.rule).or_default();
        count.fired += 1;
        count.vetoed += usize::from(fired.vetoed);
        count.wrongly += usize::from(fired.wrongly);
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::answer::Fired;
    use crate::eval::figures::tests::answer;
    use crate::eval::labelled::Trial;

    #[test]
    fn a_clause_is_heeded_by_any_answer_outside_what_it_excludes() {
        let pack = Pack::embedded().unwrap();
        let rule = pack.rules.iter().position(|rule| rule.clause == "B25-x1").unwrap();
        let tried = |gold, said, caught, fired: bool, pair: &str| {
            let mut answer = answer(&[gold], &[said], 0.9);
            answer.trial = Some(Trial { clause: "B25-x1".to_owned(), caught, pair: Some(pair.to_owned()) });
            answer.fired.extend(fired.then_some(Fired { rule, vetoed: true, wrongly: !caught }));
            answer
        };
        let answers = [
            tried("OUT", "OUT", true, true, "1"),
            tried("B25", "B25", false, false, "1"),
            tried("OUT", "B25", true, false, "2"),
            tried("B25", "OUT", false, true, "2"),
            // Wrong, but not the class that the clause excludes.
            tried("OUT", "K22", true, false, "3"),
        ];
        let answers: Vec<&Answer> = answers.iter().collect();
        let trial = &clause_trials(&pack, &answers)["B25-x1"];
        assert_eq!((trial.caught, trial.heeded, trial.fired), (3, 2, 1));
        assert_eq!((trial.clear, trial.fired_falsely), (2, 1));
        assert_eq!((trial.pairs, trial.pairs_right), (2, 1));
        assert_eq!(rule_counts(&answers)[&rule], RuleCount { fired: 2, vetoed: 2, wrongly: 1 });
    }

    #[test]
    fn a_principle_may_concern_both_sides_and_fires_falsely_only_by_a_wrong_veto() {
        let pack = Pack::embedded().unwrap();
        let rule = pack.rules.iter().position(|rule| rule.clause == "P2").unwrap();
        let neighbour = |wrongly| {
            let mut answer = answer(&["I11"], &["I11"], 0.9);
            answer.trial = Some(Trial { clause: "P2".to_owned(), caught: false, pair: None });
            answer.fired.push(Fired { rule, vetoed: wrongly, wrongly });
            answer
        };
        let answers = [neighbour(false), neighbour(true)];
        let answers: Vec<&Answer> = answers.iter().collect();
        let trial = &clause_trials(&pack, &answers)["P2"];
        assert_eq!((trial.clear, trial.fired_falsely), (2, 1));
    }
}
