//! What can be chosen of the classifier.

/// Every number that can be chosen; the defaults are the shipped ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Spread of the smooth maximum over the prototypes of a label, in units of similarity.
    pub pooling_temperature: f32,
    /// A class is contested, and its rules are looked at, from this share of the best probability.
    pub contested: f32,
    /// A rule fires without a trigger when a text is at least this similar to an exemplar that it must catch …
    pub nearness: f32,
    /// … and by this much more similar than to any that it must not catch.
    pub nearness_margin: f32,
    /// Characters of a text that are read; of a longer one the rest is reported as unread.
    pub longest_text: usize,
    /// How much a passage of each kind counts: title, services, plain, price, boilerplate.
    pub passage_weights: [f32; 5],
    /// The share of right answers that the cut-offs are set for.
    pub target_precision: f32,
    /// The share of 不属于服务外包 that calibration assumes, whatever it is in the labelled texts.
    pub out_share: f32,
    /// Whether calibration fuses the lexical signal in.
    pub lexical: bool,
    /// Whether the rules are applied.
    pub rules: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            pooling_temperature: 0.02,
            contested: 0.05,
            nearness: 0.9,
            nearness_margin: 0.1,
            longest_text: 20_000,
            passage_weights: [1.0, 1.0, 0.6, 0.1, 0.05],
            target_precision: 0.97,
            out_share: 0.2,
            lexical: true,
            rules: true,
        }
    }
}
