//! Whether answers are still good enough, and which of them moved.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::table;

use super::report::{Report, Summary, join, outcome_key};

/// The version of `thresholds.toml` that this program reads.
const FORMAT_VERSION: u32 = 1;

/// Bounds for the figures of a report, by key.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    format_version: u32,
    /// The least that these may be.
    #[serde(default)]
    pub at_least: BTreeMap<String, f64>,
    /// The most that these may be.
    #[serde(default)]
    pub at_most: BTreeMap<String, f64>,
}

/// An answer that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The text's id.
    pub id: String,
    /// What it was: outcome and candidates; empty for a text that is new.
    pub before: String,
    /// What it is; empty for a text that is gone.
    pub after: String,
    /// Whether it was right, and is.
    pub right: (bool, bool),
}

impl Thresholds {
    /// Reads `thresholds.toml`.
    ///
    /// # Errors
    /// [`Error::File`] and [`Error::Argument`] with what is wrong.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| Error::file(path, "读取", error))?;
        let wrong = |problem: String| Error::Argument(format!("{}：{problem}", path.display()));
        let thresholds: Self = toml::from_str(&text).map_err(|error| wrong(format!("格式错误：{error}")))?;
        if thresholds.format_version != FORMAT_VERSION {
            return Err(wrong(format!("format_version 为 {}，本程序只认 {FORMAT_VERSION}", thresholds.format_version)));
        }
        Ok(thresholds)
    }

    /// Every bound that a report breaks, in Chinese. A bound for what the report does not measure is broken too.
    pub fn broken(&self, summary: &Summary) -> Vec<String> {
        let measures = summary.measures();
        let check = |key: &String, bound: f64, least: bool| match measures.get(key) {
            None => Some(format!("{key}：没有测到")),
            Some(&value) if least && value < bound => Some(format!("{key}：{value:.4}，应不低于 {bound}")),
            Some(&value) if !least && value > bound => Some(format!("{key}：{value:.4}，应不高于 {bound}")),
            Some(_) => None,
        };
        let least = self.at_least.iter().filter_map(|(key, bound)| check(key, *bound, true));
        least.chain(self.at_most.iter().filter_map(|(key, bound)| check(key, *bound, false))).collect()
    }
}

/// The answers that differ from those written earlier, in outcome or in the order of the candidates.
///
/// # Errors
/// As [`table::read`].
pub fn moved(report: &Report, earlier: &Path) -> Result<Vec<Moved>> {
    let mut before: BTreeMap<String, (String, bool)> = BTreeMap::new();
    table::read(earlier, &mut |row| {
        let cell = |column| row.get(column).unwrap_or_default();
        let said = format!("{} {}", cell("outcome"), cell("candidates"));
        before.insert(cell("id").to_owned(), (said, cell("right") == "1"));
        Ok(())
    })?;
    let mut moved = Vec::new();
    for answer in &report.answers {
        let after = format!("{} {}", outcome_key(answer.outcome), join(&answer.candidates));
        let (said, was_right) = before.remove(&answer.id).unwrap_or_default();
        if said != after {
            let right = (was_right, answer.is_right());
            moved.push(Moved { id: answer.id.clone(), before: said, after, right });
        }
    }
    let gone = |(id, (before, right))| Moved { id, before, after: String::new(), right: (right, false) };
    moved.extend(before.into_iter().map(gone));
    Ok(moved)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::figures::tests::answer;
    use crate::pack::Pack;

    #[test]
    fn what_moved_is_listed_with_what_is_new_and_what_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("results.csv");
        let named = |id: &str, said: &str| {
            let mut answer = answer(&["I11"], &[said], 0.9);
            answer.id = id.to_owned();
            answer
        };
        let report = |answers| Report { answers, groups: Vec::new() };
        let earlier = report(vec![named("a", "I11"), named("b", "I21"), named("c,\"d", "I11")]);
        earlier.write_results(&path).unwrap();
        assert_eq!(moved(&earlier, &path).unwrap(), []);
        let later = report(vec![named("a", "I11"), named("b", "I11"), named("e", "I11")]);
        let found = moved(&later, &path).unwrap();
        let ids: Vec<_> = found.iter().map(|moved| (moved.id.as_str(), moved.right)).collect();
        assert_eq!(ids, [("b", (false, true)), ("e", (false, true)), ("c,\"d", (true, false))]);
        assert_eq!(found[0].before, "assigned I21");
    }

    #[test]
    fn a_broken_bound_is_named_and_so_is_one_for_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("thresholds.toml");
        let thresholds = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Thresholds::read(&path)
        };
        let report = Report { answers: vec![answer(&["I11"], &["I11"], 0.9)], groups: Vec::new() };
        let summary = report.summary(&Pack::embedded().unwrap());
        let bounds =
            "format_version = 1\n[at_least]\naccuracy = 0.9\nexclusion_catch = 0.9\n[at_most]\nbrier = 0.001\n";
        let broken = thresholds(bounds).unwrap().broken(&summary);
        assert_eq!(broken.len(), 2, "{broken:?}");
        assert!(broken[0].contains("exclusion_catch") && broken[1].contains("brier"), "{broken:?}");
        assert!(thresholds("format_version = 2\n").unwrap_err().to_string().contains("format_version"));
        assert!(thresholds("format_version = 1\nleast = 1\n").unwrap_err().to_string().contains("least"));
    }
}
