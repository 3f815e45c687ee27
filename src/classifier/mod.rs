//! The classifier: the one place where the steps and their order stand.

mod fit;
mod settings;

use std::sync::Arc;

use ndarray::Array1;
use sha2::{Digest, Sha256};

use crate::calibration::{Calibrator, Probability, Scores};
use crate::code::Label;
use crate::decision::{Candidate, Decision, Evidence, Outcome, ReviewReason};
use crate::encoder::{Embedding, Encoder};
use crate::error::Result;
use crate::index::{Case, Index, PrototypeKind};
use crate::lexical::Lexical;
use crate::pack::Pack;
use crate::rules::{Fired, Ranking, RuleReview, RuleSet, Ruled, Ruling};
use crate::text::{Normalised, Passage, PassageKind, Reading, gloss, readable, segment};

pub use self::settings::Settings;

/// Reads a text and decides. Immutable; may be shared between threads.
pub struct Classifier {
    pack: Arc<Pack>,
    encoder: Arc<dyn Encoder>,
    index: Index,
    /// Hash of the cases in the index; none where there are none.
    cases: Option<String>,
    lexical: Arc<Lexical>,
    /// For each label of the index its place among those of the lexical signal; empty where that does not know them all.
    lexical_places: Vec<usize>,
    rules: Arc<RuleSet>,
    calibrator: Calibrator,
    settings: Settings,
}

/// A text on its way: normalised, looked at, segmented.
struct Prepared {
    normalised: Normalised,
    reading: Reading,
    unread: bool,
    passages: Vec<Passage>,
}

/// A text between encoding and calibration.
struct Scored {
    scores: Scores,
    /// For each passage its similarities to the prototypes.
    similarities: Vec<Array1<f32>>,
}

impl Classifier {
    /// Puts the parts together.
    pub fn new(
        pack: Pack,
        encoder: impl Encoder + 'static,
        index: Index,
        calibrator: Calibrator,
        settings: Settings,
    ) -> Self {
        let rules = Arc::new(RuleSet::new(&pack));
        let (pack, encoder) = (Arc::new(pack), Arc::new(encoder));
        let lexical = Arc::new(Lexical::embedded());
        let place = |label| lexical.labels().iter().position(|known| known == label);
        let lexical_places = index.labels().iter().map(place).collect::<Option<_>>().unwrap_or_default();
        Self { pack, encoder, index, cases: None, lexical, lexical_places, rules, calibrator, settings }
    }

    /// The same classifier with these cases in place of those that it had. It shares model and pack with this one.
    pub fn with_cases(&self, cases: &[Case]) -> Self {
        let mut hasher = Sha256::new();
        for case in cases {
            hasher.update(format!("{}\0{}\0", case.id, case.label));
            case.passages.iter().for_each(|(text, _)| hasher.update(format!("{text}\0")));
        }
        Self {
            pack: Arc::clone(&self.pack),
            encoder: Arc::clone(&self.encoder),
            index: self.index.with_cases(cases),
            cases: (!cases.is_empty()).then(|| crate::hex(&hasher.finalize())),
            lexical: Arc::clone(&self.lexical),
            lexical_places: self.lexical_places.clone(),
            rules: Arc::clone(&self.rules),
            calibrator: self.calibrator.clone(),
            settings: self.settings.clone(),
        }
    }

    /// The passages of a text that tell what it is about, with their embeddings: what a [`Case`] is made of. None of a text
    /// that cannot be read.
    ///
    /// # Errors
    /// As [`Self::classify`].
    pub fn telling(&self, text: &str) -> Result<Vec<(String, Embedding)>> {
        let prepared = self.prepare(text);
        let named = |passage: &&Passage| passage.kind <= PassageKind::Services;
        let chosen: Vec<&Passage> = match prepared.passages.iter().filter(named).collect::<Vec<_>>() {
            passages if passages.is_empty() => {
                prepared.passages.iter().filter(|one| one.kind < PassageKind::Price).collect()
            }
            passages => passages,
        };
        let texts: Vec<String> =
            chosen.iter().map(|passage| prepared.normalised.text()[passage.range.clone()].to_owned()).collect();
        let glossed: Vec<String> = texts.iter().map(|text| gloss(text).into_owned()).collect();
        let embeddings = self.encoder.encode(&glossed.iter().map(String::as_str).collect::<Vec<_>>())?;
        Ok(texts.into_iter().zip(embeddings).collect())
    }

    /// The pack.
    pub fn pack(&self) -> &Pack {
        &self.pack
    }

    /// The encoder.
    pub fn encoder(&self) -> &dyn Encoder {
        &*self.encoder
    }

    /// Hash of the cases that texts are compared with; none without cases.
    pub fn cases(&self) -> Option<&str> {
        self.cases.as_deref()
    }

    /// The index.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The calibration.
    pub fn calibrator(&self) -> &Calibrator {
        &self.calibrator
    }

    /// Decides on one text.
    ///
    /// # Errors
    /// [`crate::Error::Encode`] where the model's computation fails, [`crate::Error::Pack`] for a rule whose pattern is
    /// too large; no text is an error.
    pub fn classify(&self, text: &str) -> Result<Decision> {
        Ok(self.classify_batch(&[text])?.remove(0))
    }

    /// Decides on many texts: normalise, segment, encode together, score, calibrate, apply rules, decide.
    ///
    /// # Errors
    /// As [`Self::classify`].
    pub fn classify_batch(&self, texts: &[&str]) -> Result<Vec<Decision>> {
        let prepared: Vec<Prepared> = texts.iter().map(|text| self.prepare(text)).collect();
        let scored = self.score(&prepared, None)?;
        prepared.iter().zip(scored).map(|(prepared, scored)| self.decide(prepared, &scored, None)).collect()
    }

    /// Decides on the text of a prototype as if the prototype were not there: what a text like it would get.
    ///
    /// # Errors
    /// As [`Self::classify`].
    pub fn classify_without(&self, text: &str, prototype: usize) -> Result<Decision> {
        let prepared = [self.prepare(text)];
        let scored = self.score(&prepared, Some(prototype))?;
        self.decide(&prepared[0], &scored[0], Some(prototype))
    }

    fn prepare(&self, text: &str) -> Prepared {
        let read = text.char_indices().nth(self.settings.longest_text).map(|(at, _)| at);
        let normalised = Normalised::new(&text[..read.unwrap_or(text.len())]);
        let reading = readable(normalised.text(), &self.pack.generic);
        let passages = match reading {
            Reading::Readable => {
                segment(normalised.text(), self.encoder.max_tokens(), &|text| self.encoder.count_tokens(&gloss(text)))
            }
            _ => Vec::new(),
        };
        Prepared { normalised, reading, unread: read.is_some(), passages }
    }

    /// Encodes the passages of all texts together and scores every label for each text.
    fn score(&self, prepared: &[Prepared], without: Option<usize>) -> Result<Vec<Scored>> {
        let words = |text: &Prepared| -> Vec<String> {
            let passages = text.passages.iter().map(|passage| &text.normalised.text()[passage.range.clone()]);
            passages.map(|passage| gloss(passage).into_owned()).collect()
        };
        let passages: Vec<String> = prepared.iter().flat_map(words).collect();
        let passages: Vec<&str> = passages.iter().map(String::as_str).collect();
        let mut embeddings = self.encoder.encode(&passages)?.into_iter();
        Ok(prepared
            .iter()
            .map(|text| {
                let own: Vec<Embedding> = embeddings.by_ref().take(text.passages.len()).collect();
                self.score_text(text, &own, without)
            })
            .collect())
    }

    /// Two scores of each label: the weighted mean over the passages of the nearness to its prototypes, and what the
    /// words of the telling passages say.
    fn score_text(&self, text: &Prepared, embeddings: &[Embedding], without: Option<usize>) -> Scored {
        let similarities: Vec<_> = embeddings.iter().map(|embedding| self.index.similarities(embedding)).collect();
        let mut similarity = Array1::zeros(self.index.labels().len());
        let mut sum = 0.0;
        for (passage, similarities) in text.passages.iter().zip(&similarities) {
            let weight = self.settings.passage_weights[passage.kind as usize];
            similarity += &(self.index.scores(similarities, self.settings.pooling_temperature, without) * weight);
            sum += weight;
        }
        similarity /= f32::max(sum, f32::MIN_POSITIVE);
        Scored { scores: Scores { similarity, lexical: self.lexical(text) }, similarities }
    }

    /// The lexical signal for each label of the index: zeros where it does not know them all.
    fn lexical(&self, text: &Prepared) -> Array1<f32> {
        if self.lexical_places.is_empty() {
            return Array1::zeros(self.index.labels().len());
        }
        let telling = text.passages.iter().filter(|passage| passage.kind < PassageKind::Price);
        let words: String = telling.map(|passage| &text.normalised.text()[passage.range.clone()]).collect();
        let known = self.lexical.log_probabilities(&words);
        self.lexical_places.iter().map(|&place| known[place]).collect()
    }

    fn decide(&self, text: &Prepared, scored: &Scored, without: Option<usize>) -> Result<Decision> {
        if text.passages.is_empty() {
            return Ok(Decision {
                outcome: Outcome::NeedsReview,
                candidates: Vec::new(),
                rulings: Vec::new(),
                evidence: Vec::new(),
                review: Some(ReviewReason::Unreadable(match text.reading {
                    Reading::Readable => Reading::TooShort,
                    reading => reading,
                })),
            });
        }
        let ruled = self.rule(text, scored, without)?;
        let mut candidates: Vec<Candidate> = self
            .index
            .labels()
            .iter()
            .zip(&ruled.probabilities)
            .map(|(&label, &value)| Candidate { label, confidence: Probability::new(value) })
            .collect();
        candidates.sort_by(|one, other| other.confidence.get().total_cmp(&one.confidence.get()));
        let review = self.review(text, &candidates, ruled.review);
        let outcome = match (candidates[0].label, &review) {
            (_, Some(_)) => Outcome::NeedsReview,
            (Label::Class(_), None) => Outcome::Assigned,
            (Label::OutOfScope, None) => Outcome::OutOfScope,
        };
        Ok(Decision {
            outcome,
            evidence: self.evidence(text, scored, candidates[0].label, &ruled.rulings),
            candidates,
            rulings: ruled.rulings,
            review,
        })
    }

    /// Calibrated probabilities after the rules.
    fn rule(&self, text: &Prepared, scored: &Scored, without: Option<usize>) -> Result<Ruled> {
        let probabilities = self.calibrator.probabilities(&scored.scores);
        if !self.settings.rules {
            return Ok(Ruled { probabilities, rulings: Vec::new(), review: None });
        }
        let ranking = self.ranking(&probabilities);
        let (lower, origins) = lower_case(text.normalised.text());
        let mut ruled = self.rules.settle(ranking, &self.fire(text, &lower, scored, ranking, without)?);
        for ruling in &mut ruled.rulings {
            let trigger = ruling.trigger.take();
            ruling.trigger = trigger.map(|range| text.normalised.origin(origins[range.start]..origins[range.end]));
        }
        Ok(ruled)
    }

    fn ranking<'a>(&'a self, probabilities: &'a [f32]) -> Ranking<'a> {
        let (labels, contested) = (self.index.labels(), self.settings.contested);
        Ranking { labels, probabilities, contested, veto: self.calibrator.veto }
    }

    /// The rules that fire, with their triggers as bytes of the lower-cased text.
    fn fire(
        &self,
        text: &Prepared,
        lower: &str,
        scored: &Scored,
        ranking: Ranking<'_>,
        without: Option<usize>,
    ) -> Result<Vec<Fired>> {
        let nearness = |rule: &str| {
            let telling = text.passages.iter().zip(&scored.similarities);
            telling.filter(|(passage, _)| passage.kind < PassageKind::Price).any(|(_, similarities)| {
                let (catch, miss) = self.index.sides(similarities, rule, without);
                catch >= self.settings.nearness && catch >= miss + self.settings.nearness_margin
            })
        };
        self.rules.fire(lower, ranking, &nearness)
    }

    fn review(&self, text: &Prepared, candidates: &[Candidate], rules: Option<RuleReview>) -> Option<ReviewReason> {
        let first = candidates[0];
        if let Some(rules) = rules {
            return Some(ReviewReason::Rules(rules));
        }
        if text.unread {
            return Some(ReviewReason::Unread);
        }
        let certain = first.confidence.get() >= self.calibrator.cut_off(first.label);
        (!certain).then(|| ReviewReason::Ambiguous(first.label, candidates[1].label))
    }

    /// For a label: the nearest official sentence, and the nearest exemplar and the nearest case where they are nearer, each
    /// with the passage that is near to it. Where rules hand to the label, their own exemplars come before any others.
    fn evidence(&self, text: &Prepared, scored: &Scored, label: Label, rulings: &[Ruling]) -> Vec<Evidence> {
        let grounds: Vec<&str> = rulings
            .iter()
            .filter(|ruling| ruling.receiver == Some(label))
            .map(|ruling| self.pack.rules[ruling.rule].id.as_str())
            .collect();
        let is_ground = |at: usize| {
            let side = self.index.prototype(at).side.as_ref();
            grounds.is_empty() || side.is_none_or(|(rule, _)| grounds.contains(&rule.as_str()))
        };
        let mut best: [Option<(f32, usize, usize)>; 3] = [None; 3];
        for (passage, similarities) in scored.similarities.iter().enumerate() {
            let nearest = self.index.nearest(similarities, label, usize::MAX);
            for (at, similarity) in nearest.into_iter().filter(|(at, _)| is_ground(*at)) {
                let slot = match self.index.prototype(at).kind {
                    PrototypeKind::Definition | PrototypeKind::Inclusion => 0,
                    PrototypeKind::Exemplar => 1,
                    PrototypeKind::Case => 2,
                };
                if best[slot].is_none_or(|(known, _, _)| similarity > known) {
                    best[slot] = Some((similarity, passage, at));
                }
            }
        }
        let [official, exemplar, case] = best;
        let nearer = |found: &(f32, usize, usize)| official.is_none_or(|(official, _, _)| found.0 >= official);
        let best = [official, exemplar.filter(|found| nearer(found) || !grounds.is_empty()), case.filter(nearer)];
        let evidence = |(_, passage, at): (f32, usize, usize)| {
            let prototype = self.index.prototype(at);
            let passage = &text.passages[passage];
            Evidence {
                range: text.normalised.origin(passage.range.clone()),
                kind: passage.kind,
                prototype: prototype.id.clone(),
                prototype_kind: prototype.kind,
                text: prototype.text.clone(),
                rule: prototype.side.as_ref().map(|(rule, _)| rule.clone()),
            }
        };
        best.into_iter().flatten().map(evidence).collect()
    }
}

/// The text in lower case, and for each byte of it (and its end) the byte of the text that it came from.
fn lower_case(text: &str) -> (String, Vec<usize>) {
    let mut lower = String::with_capacity(text.len());
    let mut origins = Vec::with_capacity(text.len() + 1);
    for (at, character) in text.char_indices() {
        for changed in character.to_lowercase() {
            lower.push(changed);
            origins.extend(std::iter::repeat_n(at, changed.len_utf8()));
        }
    }
    origins.push(text.len());
    (lower, origins)
}
