//! Rules: the exclusions and judgement principles of a pack, applied to a ranking in one pass.
//!
//! Every rule reads the original ranking, so their order does not matter and the pass always ends, although the
//! official text sends some classes to each other (I23 ⇄ B22, I33 ⇄ B21). A rule vetoes and hands on; it never jumps:
//! that it fired is evidence (Bayes), which multiplies the odds of the classes under its target against those that it
//! vetoes by what vetoes have proved to be worth. Where the ranking outweighs it, a person decides.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use crate::code::{Code, Label};
use crate::error::{Error, Fault, Result};
use crate::pack::{Effect, Pack, Pattern, Rule};
use crate::text::word_boundaries;

/// Bytes of states that a pattern may remember from earlier texts, for each thread. There are some hundred patterns: with the
/// library's two megabytes a bulk run came to hold hundreds.
const DFA_SIZE: usize = 1 << 16;

/// The rules of a pack, ready to be matched.
pub struct RuleSet {
    rules: Vec<Compiled>,
    negations: Vec<String>,
    negations_after: Vec<String>,
}

struct Compiled {
    rule: Rule,
    trigger: Lazy,
    also: Lazy,
    unless: Lazy,
}

/// The regular expressions of some patterns, compiled when they are first asked for: of a hundred rules a text concerns
/// a few, and of those it triggers fewer.
struct Lazy {
    patterns: Vec<Pattern>,
    compiled: OnceLock<Result<Vec<Regex>, Fault>>,
}

impl Lazy {
    fn new(patterns: &[Pattern]) -> Self {
        Self { patterns: patterns.to_vec(), compiled: OnceLock::new() }
    }

    fn get(&self) -> Result<&[Regex]> {
        let compile = |pattern: &Pattern| {
            RegexBuilder::new(pattern.regex()).dfa_size_limit(DFA_SIZE).build().map_err(|error| {
                let message = format!("模式“{}”无法使用：{error}", pattern.source());
                Fault { file: "rules.toml".to_owned(), line: 1, message }
            })
        };
        let compiled = self.compiled.get_or_init(|| self.patterns.iter().map(compile).collect());
        compiled.as_deref().map_err(|fault| Error::Pack { faults: vec![fault.clone()] })
    }
}

/// A rule that fired.
#[derive(Debug, Clone, PartialEq)]
pub struct Ruling {
    /// The place of the rule in the pack.
    pub rule: usize,
    /// The words of the lower-cased normalised text that triggered it, as bytes; none where nearness did.
    pub trigger: Option<Range<usize>>,
    /// The classes that it vetoed; none for a remark, or where the veto is doubted.
    pub vetoed: Vec<Code>,
    /// The likeliest of those that it hands to; none for a remark, or where every one of them was vetoed.
    pub receiver: Option<Label>,
}

/// A rule that fired, with the places of what it vetoes.
#[derive(Debug, Clone, PartialEq)]
pub struct Fired {
    rule: usize,
    trigger: Option<Range<usize>>,
    vetoed: Vec<usize>,
}

/// A ranking after the rules.
#[derive(Debug, Clone, PartialEq)]
pub struct Ruled {
    /// The probability of every label; what it sums to is unchanged.
    pub probabilities: Vec<f32>,
    /// What fired, in the order of the pack.
    pub rulings: Vec<Ruling>,
    /// Why a person must decide, where the rules say so.
    pub review: Option<RuleReview>,
}

/// Why the rules call for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuleReview {
    /// A rule vetoes the likeliest class, but the ranking speaks for it all the same.
    Doubted,
    /// A rule with the effect `review` fired.
    Asked,
    /// Every receiver of a vetoed class is vetoed too, or two rules hand the same class to different receivers.
    Conflict,
}

/// The ranking that rules read: labels with their probabilities, in the same order.
#[derive(Debug, Clone, Copy)]
pub struct Ranking<'a> {
    /// The labels.
    pub labels: &'a [Label],
    /// Their probabilities.
    pub probabilities: &'a [f32],
    /// A class is contested when its probability is at least this share of the best.
    pub contested: f32,
    /// What a veto is worth.
    pub veto: Veto,
}

/// What a veto is worth as evidence: how often rules fire where a label is right, against how often they fire where one
/// that they neither veto nor hand to is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Veto {
    /// By this the probability of a vetoed class is multiplied; at most one.
    pub vetoed: f32,
    /// By this the probability of a label that it hands to is multiplied; at least one.
    pub receiver: f32,
}

impl Veto {
    /// Nothing known yet: what is vetoed is impossible.
    pub const ABSOLUTE: Self = Self { vetoed: 0.0, receiver: 1.0 };

    /// The worth with the least loss, among powers of e by quarters.
    pub fn fit(loss: impl Fn(Self) -> f32) -> Self {
        let power = |quarters: i32| (quarters as f32 / 4.0).exp();
        let vetoed = (-28..=0).map(power);
        let worths = vetoed.flat_map(|vetoed| (0..=16).map(move |to| Self { vetoed, receiver: power(to) }));
        let least = worths.map(|worth| (loss(worth), worth)).min_by(|one, other| one.0.total_cmp(&other.0));
        least.map_or(Self::ABSOLUTE, |(_, worth)| worth)
    }
}

impl Ranking<'_> {
    fn best(&self) -> f32 {
        self.probabilities.iter().copied().fold(0.0, f32::max)
    }

    fn best_label(&self) -> Option<Label> {
        let best = self.best();
        self.probabilities.iter().position(|value| *value >= best).map(|place| self.labels[place])
    }

    fn is_contested(&self, place: usize) -> bool {
        let value = self.probabilities[place];
        value > 0.0 && value >= self.contested * self.best()
    }

    /// The places of the labels that an effect hands to.
    fn targets<'a>(&'a self, effect: &'a Effect) -> impl Iterator<Item = usize> + 'a {
        let places = self.labels.iter().enumerate();
        places.filter(|(_, label)| hands_to(effect, **label)).map(|(place, _)| place)
    }

    /// Places of the classes that satisfy a condition.
    fn classes(&self, wanted: impl Fn(Code) -> bool) -> impl Iterator<Item = usize> {
        let places = self.labels.iter().enumerate();
        places.filter_map(move |(place, label)| label.class().filter(|code| wanted(*code)).map(|_| place))
    }
}

impl RuleSet {
    /// The rules of a pack.
    pub fn new(pack: &Pack) -> Self {
        let compiled = |rule: &Rule| Compiled {
            trigger: Lazy::new(&rule.trigger),
            also: Lazy::new(&rule.also),
            unless: Lazy::new(&rule.unless),
            rule: rule.clone(),
        };
        Self {
            rules: pack.rules.iter().map(compiled).collect(),
            negations: pack.negations.clone(),
            negations_after: pack.negations_after.clone(),
        }
    }

    /// Compiles every pattern, as `waibao pack check` does.
    ///
    /// # Errors
    /// [`Error::Pack`] for a pattern too large to compile.
    pub fn verify(&self) -> Result<()> {
        let all = self.rules.iter().flat_map(|rule| [&rule.trigger, &rule.also, &rule.unless]);
        all.map(Lazy::get).try_for_each(|compiled| compiled.map(|_| ()))
    }

    /// The words of a lower-cased normalised text that trigger a rule, where its `also` and `unless` allow it. What is
    /// negated counts for none of the three.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub fn trigger(&self, rule: usize, text: &str) -> Result<Option<Range<usize>>> {
        let Compiled { trigger, also, unless, rule } = &self.rules[rule];
        let found = |lazy: &Lazy| Ok(lazy.get()?.iter().find_map(|regex| self.find(regex, text)));
        let Some(words) = found(trigger)? else { return Ok(None) };
        let also = rule.also.is_empty() || found(also)?.is_some();
        Ok((also && found(unless)?.is_none()).then_some(words))
    }

    /// The first match that is not negated.
    fn find(&self, regex: &Regex, text: &str) -> Option<Range<usize>> {
        let mut from = 0;
        while let Some(found) = regex.captures_at(text, from) {
            let range = found.get(0)?.range();
            if whole_words(&found, text) && !self.is_negated(text, &range) {
                return Some(range);
            }
            from = range.start + text[range.start..].chars().next().map_or(1, char::len_utf8);
            if from > text.len() {
                break;
            }
        }
        None
    }

    /// Whether a negation stands within eight characters before a place or after it, in the same clause. A negation
    /// before an enumeration (不包括甲、乙和丙) holds for every part of it.
    fn is_negated(&self, text: &str, place: &Range<usize>) -> bool {
        const NEAR: usize = 8;
        let ends = [',', '。', ';', '!', '?', '\n'];
        let clause = text[..place.start].rsplit(ends).next().unwrap_or_default();
        let first = clause.split('、').next().unwrap_or_default();
        let skipped = first.chars().count().saturating_sub(NEAR);
        let before: String =
            if first.len() == clause.len() { first.chars().skip(skipped).collect() } else { first.to_owned() };
        let after: String = text[place.end..].split(ends).next().unwrap_or_default().chars().take(NEAR).collect();
        self.negations.iter().any(|negation| before.contains(negation.as_str()))
            || self.negations_after.iter().any(|negation| after.contains(negation.as_str()))
    }

    /// Applies every rule to a ranking: [`Self::fire`], then [`Self::settle`].
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub fn apply(&self, text: &str, ranking: Ranking<'_>, nearness: &dyn Fn(&str) -> bool) -> Result<Ruled> {
        Ok(self.settle(ranking, &self.fire(text, ranking, nearness)?))
    }

    /// The rules that fire on a text. `nearness` says whether a rule fires by its exemplars although no trigger matches.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub fn fire(&self, text: &str, ranking: Ranking<'_>, nearness: &dyn Fn(&str) -> bool) -> Result<Vec<Fired>> {
        let mut fired = Vec::new();
        for (at, compiled) in self.rules.iter().enumerate() {
            let rule = &compiled.rule;
            let vetoes = matches!(rule.effect, Effect::Redirect(_) | Effect::Out);
            let under = |code: Code| rule.items.iter().any(|scope| scope.contains(code)) && !is_target(rule, code);
            // A rule is looked at where it could change the answer, and where it is a ground for the answer that stands.
            let contested = ranking.classes(under).any(|place| ranking.is_contested(place));
            let grounds = ranking.best_label().is_some_and(|best| hands_to(&rule.effect, best));
            let tied =
                !rule.tie || ranking.classes(|code| is_target(rule, code)).any(|place| ranking.is_contested(place));
            if !(contested || grounds) || !tied {
                continue;
            }
            let trigger = self.trigger(at, text)?;
            // The two sides of a rule that vetoes are coded differently, so an encoder trained on the codes can tell
            // them apart; those of a remark are not, and as a mere ground similarity says nothing new.
            if trigger.is_none() && !(vetoes && contested && nearness(&rule.id)) {
                continue;
            }
            let vetoed = if vetoes { ranking.classes(under).collect() } else { Vec::new() };
            fired.push(Fired { rule: at, trigger, vetoed });
        }
        Ok(fired)
    }

    /// Weighs what fired against the ranking.
    pub fn settle(&self, ranking: Ranking<'_>, fired: &[Fired]) -> Ruled {
        let effect = |one: &Fired| &self.rules[one.rule].rule.effect;
        let vetoed: BTreeSet<usize> = fired.iter().flat_map(|one| one.vetoed.iter().copied()).collect();
        let open = |one: &Fired| ranking.targets(effect(one)).filter(|place| !vetoed.contains(place)).collect();
        let receivers: Vec<Vec<usize>> = fired.iter().map(open).collect();
        let probabilities = weighed(ranking, fired, &receivers);
        let first = likeliest(&probabilities, 0..probabilities.len());
        let mut review = None;
        let mut rulings = Vec::new();
        let mut heirs: BTreeMap<usize, usize> = BTreeMap::new();
        for (one, open) in fired.iter().zip(&receivers) {
            let receiver = likeliest(&probabilities, open.iter().copied());
            let highest = likeliest(&probabilities, one.vetoed.iter().copied());
            let doubted =
                matches!((highest, receiver), (Some(high), Some(to)) if probabilities[high] > probabilities[to]);
            let contested = || one.vetoed.iter().copied().filter(|&place| ranking.is_contested(place));
            let disputed =
                !doubted && receiver.is_some_and(|to| contested().any(|place| *heirs.entry(place).or_insert(to) != to));
            review = review.max(match effect(one) {
                Effect::Review => Some(RuleReview::Asked),
                Effect::Redirect(_) | Effect::Out if receiver.is_none() || disputed => Some(RuleReview::Conflict),
                _ if doubted && highest == first => Some(RuleReview::Doubted),
                _ => None,
            });
            let code = |place: usize| ranking.labels[place].class();
            rulings.push(Ruling {
                rule: one.rule,
                trigger: one.trigger.clone(),
                vetoed: one.vetoed.iter().filter(|_| !doubted).filter_map(|&place| code(place)).collect(),
                receiver: receiver.filter(|_| !doubted).map(|place| ranking.labels[place]),
            });
        }
        Ruled { probabilities, rulings, review }
    }
}

/// The probabilities after the vetoes. A class of which nobody is left to receive keeps what it has.
fn weighed(ranking: Ranking<'_>, fired: &[Fired], receivers: &[Vec<usize>]) -> Vec<f32> {
    let effective = || fired.iter().zip(receivers).filter(|(_, open)| !open.is_empty());
    let vetoed: BTreeSet<usize> = effective().flat_map(|(one, _)| one.vetoed.iter().copied()).collect();
    let receiving: BTreeSet<usize> = receivers.iter().flatten().copied().collect();
    let mut probabilities = ranking.probabilities.to_vec();
    vetoed.iter().for_each(|&place| probabilities[place] *= ranking.veto.vetoed);
    receiving.iter().for_each(|&place| probabilities[place] *= ranking.veto.receiver);
    if !receiving.is_empty() {
        let sum = probabilities.iter().sum::<f32>().max(f32::MIN_POSITIVE);
        probabilities.iter_mut().for_each(|value| *value /= sum);
    }
    probabilities
}

/// The likeliest of some places; the first of equals, so that the answer does not depend on the order of iteration.
fn likeliest(probabilities: &[f32], places: impl Iterator<Item = usize>) -> Option<usize> {
    places.max_by(|one, other| probabilities[*one].total_cmp(&probabilities[*other]).then(other.cmp(one)))
}

/// Whether a class is a target of a rule: it is never vetoed by it.
fn is_target(rule: &Rule, code: Code) -> bool {
    hands_to(&rule.effect, Label::Class(code))
}

/// Whether a label can receive what a rule of this effect vetoes.
fn hands_to(effect: &Effect, label: Label) -> bool {
    match (effect, label) {
        (Effect::Out, Label::OutOfScope) => true,
        (Effect::Redirect(to), Label::Class(code)) => to.iter().any(|target| target.contains(code)),
        _ => false,
    }
}

/// Whether every captured place is made of whole words.
fn whole_words(found: &regex::Captures<'_>, text: &str) -> bool {
    let places: Vec<Range<usize>> = found.iter().skip(1).flatten().map(|place| place.range()).collect();
    if places.is_empty() {
        return true;
    }
    let boundaries = word_boundaries(text);
    places.iter().all(|place| [place.start, place.end].iter().all(|at| boundaries.binary_search(at).is_ok()))
}
