//! The rows that a person must see: the most uncertain first, near duplicates together.

use std::collections::HashMap;
use std::path::Path;

use super::spool::Spool;
use crate::error::{Error, Result};
use crate::table::Value;

/// Near duplicates share one of so many parts of their fingerprints at least.
const BANDS: usize = 4;
/// In how many of the 64 bits the fingerprints of near duplicates may differ.
const DISTANCE: u32 = 6;
/// Characters of a shingle.
const SHINGLE: usize = 3;

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
    let mut group: Vec<usize> = (0..rows.len()).collect();
    let mut known: HashMap<(usize, u16), Vec<usize>> = HashMap::new();
    for (at, row) in rows.iter().enumerate() {
        let parts: [u16; BANDS] = std::array::from_fn(|band| (row.fingerprint >> (band * 16)) as u16);
        let near = |other: &usize| (rows[*other].fingerprint ^ row.fingerprint).count_ones() <= DISTANCE;
        let found = (0..BANDS).filter_map(|band| known.get(&(band, parts[band]))?.iter().copied().find(near)).min();
        match found {
            Some(first) => group[at] = first,
            // Only the first of a group is compared with, so that a long row of small steps does not become one group.
            None => (0..BANDS).for_each(|band| known.entry((band, parts[band])).or_default().push(at)),
        }
    }
    group
}

/// Texts that share most of their shingles have fingerprints that differ in few bits (Charikar, Similarity Estimation
/// Techniques from Rounding Algorithms, 2002).
fn fingerprint(text: &str) -> u64 {
    let characters: Vec<char> = text.chars().filter(|character| character.is_alphanumeric()).collect();
    let mut votes = [0_i32; 64];
    for shingle in characters.windows(SHINGLE.min(characters.len().max(1))) {
        let hash = spread(shingle);
        for (bit, vote) in votes.iter_mut().enumerate() {
            *vote += if hash >> bit & 1 == 1 { 1 } else { -1 };
        }
    }
    votes.iter().enumerate().filter(|(_, vote)| **vote > 0).fold(0, |bits, (bit, _)| bits | 1 << bit)
}

/// FNV-1a (Fowler, Noll, Vo), its bits mixed once more (Steele et al., Fast Splittable Pseudorandom Number Generators, 2014).
fn spread(characters: &[char]) -> u64 {
    let step = |hash: u64, character: &char| (hash ^ u64::from(u32::from(*character))).wrapping_mul(0x0100_0000_01b3);
    let mut hash = characters.iter().fold(0xcbf2_9ce4_8422_2325, step);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
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
