//! The columns that a decision adds to a table: the record, flattened.

use crate::decision::Outcome;
use crate::record::Record;
use crate::table::{Kind, Value};

/// The headings of what is added, in order.
pub const COLUMNS: [&str; 16] = [
    "代码",
    "名称",
    "大类",
    "中类",
    "置信度",
    "结论",
    "依据",
    "备选1",
    "备选1置信度",
    "备选2",
    "备选2置信度",
    "备选3",
    "备选3置信度",
    "需复核原因",
    "出错原因",
    "重点领域(2022)",
];

/// What an added column holds.
pub(super) fn kind(column: &str) -> Kind {
    if column.ends_with("置信度") { Kind::Number } else { Kind::Text }
}

/// Candidates that a record must hold for [`flat`]: the first and three others.
pub(super) const CANDIDATES: usize = 4;

/// The cells of a decided text, under [`COLUMNS`].
pub(super) fn flat(record: &Record) -> Vec<Value> {
    let text = |text: &str| Value::from(text.to_owned());
    let first = record.candidates.first();
    let classified = first.is_some_and(|first| first.code != "OUT");
    let level = |at: usize| record.path.get(at).filter(|_| classified).map_or(Value::Empty, |name| text(name));
    let mut cells = vec![
        first.map_or(Value::Empty, |first| text(&first.code)),
        first.map_or(Value::Empty, |first| text(&first.name)),
        level(0),
        level(1),
        first.map_or(Value::Empty, |first| Value::Number(first.confidence)),
        text(record.outcome.name()),
        text(&ground(record)),
    ];
    for at in 1..CANDIDATES {
        match record.candidates.get(at) {
            Some(other) => {
                cells.extend([text(&format!("{} {}", other.code, other.name)), Value::Number(other.confidence)])
            }
            None => cells.extend([Value::Empty, Value::Empty]),
        }
    }
    let review = record.review.as_ref().filter(|_| record.outcome == Outcome::NeedsReview);
    let domain = record.key_domain.edition_2022.as_ref().filter(|_| classified);
    cells.extend([
        review.map_or(Value::Empty, |review| text(&review.reason)),
        Value::Empty,
        domain.map_or(Value::Empty, |domain| text(domain)),
    ]);
    cells
}

/// The place of one of [`COLUMNS`].
pub(super) fn place(column: &str) -> usize {
    COLUMNS.iter().position(|known| *known == column).unwrap_or_default()
}

/// What speaks for the first candidate: the clause that handed to it, else the official sentence nearest to the text.
fn ground(record: &Record) -> String {
    let first = record.candidates.first().map(|first| first.code.as_str());
    let clause = record.rulings.iter().find(|ruling| ruling.receiver.is_some() && ruling.receiver.as_deref() == first);
    let clause = clause.map(|ruling| format!("条款 {}：{}", ruling.clause, ruling.text));
    clause
        .or_else(|| record.evidence.first().map(|evidence| format!("{}：{}", evidence.prototype, evidence.text)))
        .unwrap_or_default()
}
