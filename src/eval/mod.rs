//! Measuring a classifier against labelled texts: what is read, what is answered, the figures and tables over the
//! answers, and how they are shown.

mod agreement;
mod answer;
mod baseline;
mod check;
mod figures;
mod html;
mod labelled;
mod report;
mod trials;

pub use agreement::{Agreement, agreement};
pub use answer::{Answer, Fired, Said};
pub use baseline::Baselines;
pub use check::{Moved, Thresholds, moved};
pub use figures::{Bin, Figure};
pub use html::{Heading, html};
pub use labelled::{Row, SecondReading, Trial, check_labelled, read_labelled, shipped_labels, visit_labelled};
pub use report::{ClassFigures, Confusion, GroupFigures, Report, Sink, Summary, evaluate};
pub use trials::{ClauseTrial, RuleCount, total};
