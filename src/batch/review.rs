//! The rows that a person must see: the most uncertain first, near duplicates together.

use std::collections::HashMap;
use std::path::Path;

use super::similar::{Groups, fingerprint};
use super::spool::Spool;
use crate::error::{Error, Result};
use crate::table::Value;

/// Rows waiting for a person. Their cells lie in a file without a name, so that memory holds a few numbers a row.
pub(super) struct Queue {
    spool: Spool<Vec<Value>>,
    rows: Vec<Waiting>,
}

struct Waiting {
    certainty: f64,
    fingerprint: u64,
    at: u64,
}

impl Queue {
    /// An empty queue that keeps its cells in a file in a directory.
    ///
    /// # Errors
    /// What the file fails with, here and below.
    pub(super) fn new(dir: &Path) -> std::io::Result<Self> {
        Ok(Self { spool: Spool::new(dir)?, rows: Vec::new() })
    }

    /// How many rows wait.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether none waits.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds a row: its text, how certain its first candidate is, and the cells that a person is shown.
    pub(super) fn push(&mut self, text: &str, certainty: f64, cells: &Vec<Value>) -> std::io::Result<()> {
        let at = self.spool.push(cells)?;
        self.rows.push(Waiting { certainty, fingerprint: fingerprint(text), at });
        Ok(())
    }

    /// Shows the rows in the order in which a person should see them.
    pub(super) fn each(self, mut visit: impl FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
        let failed = |error| Error::file(Path::new("复核清单的临时文件"), "读取", error);
        let mut cells = self.spool.close().map_err(failed)?;
        order(&self.rows).into_iter().try_for_each(|at| visit(cells.at(at).map_err(failed)?))
    }
}

/// The places of the rows: groups by their most uncertain row, inside a group the most uncertain first.
fn order(rows: &[Waiting]) -> Vec<u64> {
    let groups = groups(rows);
    let mut least: HashMap<usize, (f64, usize)> = HashMap::new();
    for (at, row) in rows.iter().enumerate() {
        let known = least.entry(groups[at]).or_insert((row.certainty, at));
        known.0 = known.0.min(row.certainty);
    }
    let mut places: Vec<usize> = (0..rows.len()).collect();
    places.sort_by(|&one, &other| {
        let ((a, first), (b, second)) = (least[&groups[one]], least[&groups[other]]);
        let group = a.total_cmp(&b).then(first.cmp(&second));
        group.then(rows[one].certainty.total_cmp(&rows[other].certainty)).then(one.cmp(&other))
    });
    places.into_iter().map(|place| rows[place].at).collect()
}

/// For each row the first row of its group.
fn groups(rows: &[Waiting]) -> Vec<usize> {
    let mut groups = Groups::default();
    let group = |(at, row): (usize, &Waiting)| {
        groups.first_of(row.fingerprint).unwrap_or_else(|| {
            groups.begin(row.fingerprint, at);
            at
        })
    };
    rows.iter().enumerate().map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(rows: &[(&str, f64)]) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let mut queue = Queue::new(dir.path()).unwrap();
        for (text, certainty) in rows {
            queue.push(text, *certainty, &vec![Value::from((*text).to_owned())]).unwrap();
        }
        let mut shown = Vec::new();
        queue
            .each(|cells| {
                shown.push(cells[0].to_text());
                Ok(())
            })
            .unwrap();
        shown
    }

    #[test]
    fn the_most_uncertain_comes_first_and_near_duplicates_stay_together() {
        let long =
            "为采购人提供门户网站群的日常运行监控、漏洞修复、内容发布支持与重大活动期间的值守保障服务，服务期一年";
        let again = format!("{long}（二次）");
        let rows = [("客服热线外包", 0.5), (long, 0.3), ("集成电路版图设计", 0.4), (again.as_str(), 0.6)];
        assert_eq!(shown(&rows), [long, &again, "集成电路版图设计", "客服热线外包"]);
    }

    #[test]
    fn rows_without_text_do_no_harm() {
        assert_eq!(shown(&[("", 0.2), ("", 0.1)]), ["", ""]);
    }
}
