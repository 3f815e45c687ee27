//! An encoder without a model: character n-grams hashed into a vector. For tests, where meaning does not matter.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::{Embedding, Encoder, normalise};
use crate::error::Result;

/// Character one- to three-grams, hashed.
#[derive(Debug, Clone)]
pub struct HashEncoder {
    dimensions: usize,
}

impl HashEncoder {
    /// An encoder with vectors of this length.
    pub fn new(dimensions: usize) -> Self {
        Self { dimensions }
    }

    fn embed(&self, text: &str) -> Embedding {
        let characters: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
        let mut vector = vec![0.0; self.dimensions];
        for size in 1..=3 {
            for gram in characters.windows(size) {
                let mut hasher = DefaultHasher::new();
                gram.hash(&mut hasher);
                let place = hasher.finish() as usize % self.dimensions;
                vector[place] += 1.0;
            }
        }
        normalise(&mut vector);
        vector
    }
}

impl Encoder for HashEncoder {
    fn name(&self) -> &str {
        "hash"
    }

    fn hash(&self) -> &str {
        "hash-1"
    }

    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn max_tokens(&self) -> usize {
        256
    }

    fn count_tokens(&self, text: &str) -> usize {
        text.chars().count()
    }

    fn encode(&self, texts: &[&str]) -> Result<Vec<Embedding>> {
        Ok(texts.iter().map(|text| self.embed(text)).collect())
    }
}
