//! How far two readers agree.

use std::collections::BTreeMap;

use crate::code::Label;

use super::figures::ratio;

/// The agreement of two readers over the same texts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Agreement {
    /// Texts that both read.
    pub texts: usize,
    /// The share to which both gave the same label.
    pub raw: f64,
    /// The share to which the second gave a label that the first holds acceptable.
    pub acceptable: f64,
    /// Cohen's κ (A Coefficient of Agreement for Nominal Scales, 1960): agreement beyond what chance gives readers with
    /// these shares of labels.
    pub kappa: f64,
}

/// The agreement over (first reader's acceptable labels, second reader's label); none without texts.
pub fn agreement<'a>(readings: impl IntoIterator<Item = (&'a [Label], Label)>) -> Option<Agreement> {
    let (mut same, mut acceptable, mut texts) = (0, 0, 0);
    let mut shares: BTreeMap<Label, (usize, usize)> = BTreeMap::new();
    for (first, second) in readings {
        let best = first.first()?;
        texts += 1;
        same += usize::from(*best == second);
        acceptable += usize::from(first.contains(&second));
        shares.entry(*best).or_default().0 += 1;
        shares.entry(second).or_default().1 += 1;
    }
    if texts == 0 {
        return None;
    }
    let raw = ratio(same, texts);
    let chance: f64 = shares.values().map(|&(one, other)| ratio(one, texts) * ratio(other, texts)).sum();
    let kappa = if chance < 1.0 { (raw - chance) / (1.0 - chance) } else { 1.0 };
    Some(Agreement { texts, raw, acceptable: ratio(acceptable, texts), kappa })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &str) -> Vec<Label> {
        text.split(' ').map(|label| label.parse().unwrap()).collect()
    }

    #[test]
    fn kappa_worked_out_by_hand() {
        // 20 × both I11, 5 × I11/OUT, 10 × OUT/I11, 15 × both OUT: the textbook's table with 0.7 raw and 0.4 beyond chance.
        let cells = [("I11", "I11", 20), ("I11", "OUT", 5), ("OUT", "I11", 10), ("OUT", "OUT", 15)];
        let readings: Vec<(Vec<Label>, Label)> = cells
            .iter()
            .flat_map(|&(one, other, times)| std::iter::repeat_n((labels(one), other.parse().unwrap()), times))
            .collect();
        let found = agreement(readings.iter().map(|(first, second)| (first.as_slice(), *second))).unwrap();
        assert_eq!((found.texts, found.raw, found.acceptable), (50, 0.7, 0.7));
        assert!((found.kappa - 0.4).abs() < 1e-9, "{}", found.kappa);
    }

    #[test]
    fn a_second_label_is_acceptable_but_not_the_same() {
        let first = labels("I11 I14");
        let found = agreement([(first.as_slice(), "I14".parse().unwrap())]).unwrap();
        assert_eq!((found.raw, found.acceptable), (0.0, 1.0));
        assert_eq!(agreement([]), None);
    }
}
