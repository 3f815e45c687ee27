//! Which texts are nearly the same: fingerprints, and groups of texts whose fingerprints are near.

use std::collections::HashMap;

/// Near duplicates share one of so many parts of their fingerprints at least.
const BANDS: usize = 4;
/// In how many of the 64 bits the fingerprints of near duplicates may differ.
const DISTANCE: u32 = 6;
/// Characters of a shingle.
const SHINGLE: usize = 3;

/// Groups of near duplicates, found as they come. Only the first of a group is compared with, so that a long row of small
/// steps does not become one group.
#[derive(Debug)]
pub struct Groups<K> {
    first: HashMap<(usize, u16), Vec<(u64, K)>>,
}

impl<K> Default for Groups<K> {
    fn default() -> Self {
        Self { first: HashMap::new() }
    }
}

impl<K: Copy + Ord> Groups<K> {
    /// The first of the group that a fingerprint belongs to; none where it belongs to no group yet.
    pub fn first_of(&self, fingerprint: u64) -> Option<K> {
        let near = |(other, _): &&(u64, K)| (other ^ fingerprint).count_ones() <= DISTANCE;
        let found = bands(fingerprint).filter_map(|band| self.first.get(&band)?.iter().find(near));
        found.map(|(_, key)| *key).min()
    }

    /// Begins a group. Of two groups the earlier must have the smaller key.
    pub fn begin(&mut self, fingerprint: u64, key: K) {
        bands(fingerprint).for_each(|band| self.first.entry(band).or_default().push((fingerprint, key)));
    }
}

fn bands(fingerprint: u64) -> impl Iterator<Item = (usize, u16)> {
    (0..BANDS).map(move |band| (band, (fingerprint >> (band * 16)) as u16))
}

/// Texts that share most of their shingles have fingerprints that differ in few bits (Charikar, Similarity Estimation
/// Techniques from Rounding Algorithms, 2002).
pub fn fingerprint(text: &str) -> u64 {
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

    #[test]
    fn a_text_stays_in_its_group_whatever_comes_after() {
        let mut groups = Groups::default();
        let texts: Vec<String> =
            (0..300).map(|at| format!("第{at}期{}项目服务采购", ["客服热线", "版图设计"][at % 2])).collect();
        let place = |groups: &mut Groups<usize>, at: usize, text: &str| {
            let fingerprint = fingerprint(text);
            groups.first_of(fingerprint).unwrap_or_else(|| {
                groups.begin(fingerprint, at);
                at
            })
        };
        let first: Vec<usize> = texts.iter().enumerate().map(|(at, text)| place(&mut groups, at, text)).collect();
        let again: Vec<usize> = texts.iter().enumerate().map(|(at, text)| place(&mut groups, at, text)).collect();
        assert_eq!(first, again);
        assert!(first.iter().enumerate().any(|(at, first)| at != *first), "no two texts are near");
    }
}
