//! Which texts are nearly the same: fingerprints, and groups of texts whose fingerprints are near.

/// Near duplicates share one of so many parts of their fingerprints at least …
const BANDS: usize = 7;
/// … of so many bits each.
const WIDTH: usize = 9;
/// In how many of the 64 bits the fingerprints of near duplicates may differ. With seven, all of 143 pairs of notices that
/// share nine tenths of their shingles or more are found, 74 of 77 that share eight tenths, 8 of 26 that share seven, and 6 of
/// 157 that share half.
const DISTANCE: u32 = 7;
/// Characters of a shingle.
const SHINGLE: usize = 2;

/// Groups of near duplicates, found as they come. Only the first of a group is compared with, so that a long row of small
/// steps does not become one group.
#[derive(Debug)]
pub struct Groups<K> {
    first: Vec<(u64, K)>,
    /// The places of `first` by a part of the fingerprint.
    places: Vec<Vec<u32>>,
}

impl<K> Default for Groups<K> {
    fn default() -> Self {
        Self { first: Vec::new(), places: vec![Vec::new(); BANDS << WIDTH] }
    }
}

impl<K: Copy + Ord> Groups<K> {
    /// The first of the group that a fingerprint belongs to; none where it belongs to no group yet.
    pub fn first_of(&self, fingerprint: u64) -> Option<K> {
        let candidates =
            bands(fingerprint).flat_map(|band| &self.places[band]).map(|&place| self.first[place as usize]);
        let near = candidates.filter(|(other, _)| (other ^ fingerprint).count_ones() <= DISTANCE);
        near.map(|(_, key)| key).min()
    }

    /// Begins a group. Of two groups the earlier must have the smaller key.
    pub fn begin(&mut self, fingerprint: u64, key: K) {
        let Ok(place) = u32::try_from(self.first.len()) else { return };
        self.first.push((fingerprint, key));
        bands(fingerprint).for_each(|band| self.places[band].push(place));
    }
}

fn bands(fingerprint: u64) -> impl Iterator<Item = usize> {
    (0..BANDS).map(move |band| (band << WIDTH) | ((fingerprint >> (band * WIDTH)) as usize & ((1 << WIDTH) - 1)))
}

/// One bit of each of 64 minima of the hashed shingles of a text: of two texts that share a part J of their shingles, the part
/// (1 + J) / 2 of these bits is the same (Li and König, b-Bit Minwise Hashing, 2010). Every number is one digit: contracts that
/// differ in a year, a lot or a price alone are the same service.
pub fn fingerprint(text: &str) -> u64 {
    let spoken = text.chars().filter(|character| character.is_alphanumeric());
    let mut characters: Vec<char> = spoken.map(|one| if one.is_numeric() { '0' } else { one }).collect();
    characters.dedup_by(|one, before| *one == '0' && *before == '0');
    let mut least = [u64::MAX; 64];
    for shingle in characters.windows(SHINGLE.min(characters.len().max(1))) {
        let step =
            |hash: u64, character: &char| (hash ^ u64::from(u32::from(*character))).wrapping_mul(0x0100_0000_01b3);
        // FNV-1a (Fowler, Noll, Vo).
        let hash = shingle.iter().fold(0xcbf2_9ce4_8422_2325, step);
        for (least, seed) in least.iter_mut().zip(1_u64..) {
            *least = (*least).min(mixed(hash ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        }
    }
    least.iter().enumerate().fold(0, |bits, (bit, least)| bits | (least & 1) << bit)
}

/// The last step of SplitMix64 (Steele et al., Fast Splittable Pseudorandom Number Generators, 2014).
fn mixed(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(one: &str, other: &str) -> bool {
        let mut groups = Groups::default();
        groups.begin(fingerprint(one), 1);
        groups.first_of(fingerprint(other)) == Some(1)
    }

    #[test]
    fn renewals_lots_and_second_wordings_are_one_group() {
        for (one, other) in [
            ("2023年度机房动力环境监控系统运维服务合同", "2024年度机房动力环境监控系统运维服务合同"),
            ("兴隆县重点流域农业面源污染治理项目（四标段）", "兴隆县重点流域农业面源污染治理项目（二标段）"),
            ("系统二期功能开发并承担一年运行维护，费用各半", "系统二期功能开发并承担一年运行维护，费用各占一半"),
            ("客服热线座席外包及人员培训，按通话量结算", "客服热线座席外包，及人员培训；按通话量结算。"),
            ("车险理赔单证录入与影像扫描，每件1.2元", "车险理赔单证录入与影像扫描，每件0.95元"),
        ] {
            assert!(near(one, other), "{one} / {other}");
        }
    }

    #[test]
    fn other_services_are_other_groups() {
        for (one, other) in [
            ("2023年度机房动力环境监控系统运维服务合同", "2023年度办公楼保洁及绿化养护服务合同"),
            ("为保险公司承接车险理赔单证录入", "为电信公司承接客服热线座席外包"),
            ("芯片版图设计", "客服热线"),
            ("某市分公司广告投放服务采购项目", "某市分公司信息系统开发服务采购项目"),
        ] {
            assert!(!near(one, other), "{one} / {other}");
        }
    }

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
