//! Fitting the calibration: the steps of the classifier up to the probabilities, then whole decisions.

use super::{Classifier, Prepared, Scored, lower_case};
use crate::calibration::{Calibrator, Labelled, Observation, cut_off_for};
use crate::code::Label;
use crate::error::Result;
use crate::lexical::Lexical;
use crate::rules::{Fired, Ranking, Veto};

impl Classifier {
    /// Fits the calibration on labelled texts: first the probabilities, then, over whole decisions with the rules, the
    /// cut-offs. 不属于服务外包 is given the share of the settings.
    ///
    /// # Errors
    /// As [`Self::classify`].
    pub fn calibrate(&mut self, labelled: &[Labelled]) -> Result<()> {
        let texts: Vec<Prepared> = labelled.iter().map(|row| self.prepare(&row.text)).collect();
        let scored = self.score(&texts, None)?;
        let is_out = |row: &Labelled| row.labels.first() == Some(&Label::OutOfScope);
        let out = labelled.iter().filter(|row| is_out(row)).count() as f32;
        let rest = labelled.len() as f32 - out;
        let share = self.settings.out_share;
        let weight = |row: &Labelled| if is_out(row) { share / out.max(1.0) } else { (1.0 - share) / rest.max(1.0) };
        let place = |label: &Label| self.index.labels().iter().position(|known| known == label);
        let observations: Vec<Observation> = labelled
            .iter()
            .zip(&scored)
            .zip(&texts)
            .map(|((row, scored), text)| Observation {
                scores: scored.scores.clone(),
                acceptable: row.labels.iter().filter_map(place).collect(),
                // Of what cannot be read nothing is learnt.
                weight: if text.passages.is_empty() { 0.0 } else { weight(row) },
            })
            .collect();
        let fuse = self.settings.lexical && !self.lexical_places.is_empty();
        self.calibrator =
            Calibrator::unfitted(self.encoder.hash(), &self.pack.hash, &Lexical::hash()).fit(&observations, fuse);
        self.calibrator.veto = self.worth_of_a_veto(&observations, &texts, &scored)?;
        let mut answers = [Vec::new(), Vec::new()];
        for (row, (text, scored)) in labelled.iter().zip(texts.iter().zip(&scored)) {
            if let Some(top) = self.decide(text, scored, None)?.top() {
                let out = top.label == Label::OutOfScope;
                answers[usize::from(out)].push((top.confidence.get(), row.labels.contains(&top.label), weight(row)));
            }
        }
        let target = self.settings.target_precision;
        let [assign_from, out_from] = answers.map(|answers| cut_off_for(&answers, target));
        self.calibrator.assign_from = assign_from;
        self.calibrator.out_from = out_from;
        self.calibrator.target_precision = target;
        Ok(())
    }

    /// The worth of a veto under which the texts on which rules fire are the least surprising.
    fn worth_of_a_veto(&self, observed: &[Observation], texts: &[Prepared], scored: &[Scored]) -> Result<Veto> {
        let mut cases = Vec::new();
        for (observation, (text, scored)) in observed.iter().zip(texts.iter().zip(scored)) {
            let probabilities = self.calibrator.probabilities(&scored.scores);
            let (lower, _) = lower_case(text.normalised.text());
            let fired = self.fire(text, &lower, scored, self.ranking(&probabilities), None)?;
            if observation.weight > 0.0 && !fired.is_empty() {
                cases.push((observation, probabilities, fired));
            }
        }
        Ok(Veto::fit(|veto| {
            let loss = |(observation, probabilities, fired): &(&Observation, Vec<f32>, Vec<Fired>)| {
                let ruled = self.rules.settle(Ranking { veto, ..self.ranking(probabilities) }, fired);
                observation.loss(&ruled.probabilities)
            };
            cases.iter().map(loss).sum()
        }))
    }
}
