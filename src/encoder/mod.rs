//! Encoders: text to unit vector.

mod bert;
mod hash;
mod layout;

pub use bert::BertEncoder;
pub use hash::HashEncoder;
pub use layout::ModelFiles;

use crate::error::Result;

/// A unit vector that stands for a text; similarity is the dot product.
pub type Embedding = Vec<f32>;

/// Turns texts into embeddings. The same text gives the same embedding, alone or in any batch, up to 1e-5.
pub trait Encoder: Send + Sync {
    /// A name for people: the model's directory or built-in name.
    fn name(&self) -> &str;

    /// Hash of everything that determines the embeddings, hexadecimal.
    fn hash(&self) -> &str;

    /// The length of an embedding.
    fn dimensions(&self) -> usize;

    /// How many tokens of a text are read; what is longer must be segmented first.
    fn max_tokens(&self) -> usize;

    /// The number of tokens of a text, with those that the encoder adds.
    fn count_tokens(&self, text: &str) -> usize;

    /// One embedding for each text, in order.
    ///
    /// # Errors
    /// [`crate::Error::Encode`] where the computation fails.
    fn encode(&self, texts: &[&str]) -> Result<Vec<Embedding>>;
}

/// Scales a vector to length one; a vector of zeros stays as it is.
fn normalise(vector: &mut [f32]) {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    }
}
