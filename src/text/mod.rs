//! From the user's text to passages that an encoder can read: normalise, look at the language, segment.

mod gloss;
mod language;
mod normalise;
mod segment;
mod words;

pub use gloss::{GLOSSARY, gloss};
pub use language::{Reading, readable};
pub use normalise::Normalised;
pub use segment::{Passage, PassageKind, segment};
pub use words::word_boundaries;
