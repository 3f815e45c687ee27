//! `waibao` reads the description of a service contract and says which class of China's service-outsourcing statistics
//! it belongs to, why, and how sure it is. It works offline, on a CPU.
//!
//! Reading order: [`code`] and [`pack`] are the classification as data; [`text`] cleans and segments what the user
//! gives; [`encoder`] and [`index`] compare it with the pack's prototypes, [`lexical`] looks at its words; [`rules`] enforce the
//! exclusions; [`calibration`] turns scores into probabilities; [`classifier`] holds the order of these steps, which end in a
//! [`decision`]; [`record`] is its outward form; [`mod@batch`] decides the rows of a [`mod@table`], [`mod@eval`] measures over
//! them; [`load`] puts a classifier together; `server` (a feature) is the reviewers' page and the API.
//!
//! ```
//! let classifier = waibao::load::embedded()?;
//! let decision = classifier.classify("为保险公司承接车险理赔单证录入与影像扫描，按件计费")?;
//! assert_eq!(decision.code().unwrap().to_string(), "B21");
//! # Ok::<(), waibao::Error>(())
//! ```

#![warn(clippy::unwrap_used)]

pub mod batch;
pub mod calibration;
pub mod classifier;
pub mod code;
pub mod decision;
pub mod encoder;
mod error;
pub mod eval;
pub mod index;
pub mod lexical;
pub mod load;
pub mod pack;
pub mod record;
pub mod rules;
#[cfg(feature = "server")]
pub mod server;
pub mod table;
pub mod text;
pub mod whole;

pub use classifier::{Classifier, Settings};
pub use code::{Code, Label};
pub use decision::{Decision, Outcome};
pub use error::{Error, Fault, Result};
pub use record::Record;

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
