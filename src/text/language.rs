//! Whether a text can be read at all: long enough, words of a language, and of a language that is coded here.

use super::normalise::is_han;
use super::words::word_boundaries;

/// What stands in the way of coding a text, if anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Chinese, or English.
    Readable,
    /// Fewer letters than a name of anything has, or none but generic words.
    TooShort,
    /// Mostly in a language other than Chinese and English.
    OtherLanguage,
    /// Letters that form no words, or hardly any letters.
    Gibberish,
}

/// A text of fewer Chinese characters than this says nothing about a service.
const FEWEST_HAN: usize = 4;
/// The same for English, in letters.
const FEWEST_LATIN: usize = 10;
/// Looked at from the start of a text; a language shows itself within this many characters.
const SAMPLE: usize = 2_000;
/// At least this share of the Chinese characters of real text stands in words of two or more (measured on the labelled
/// texts: never under 0.3).
const SHARE_IN_WORDS: f64 = 0.2;

/// Function words and the commonest nouns of English contract titles. A sentence in another Latin-script language has
/// hardly any of them.
const ENGLISH: [&str; 64] = [
    "the",
    "of",
    "and",
    "for",
    "to",
    "in",
    "on",
    "with",
    "by",
    "from",
    "a",
    "an",
    "our",
    "its",
    "is",
    "are",
    "as",
    "at",
    "service",
    "services",
    "development",
    "design",
    "support",
    "system",
    "systems",
    "software",
    "data",
    "project",
    "management",
    "maintenance",
    "testing",
    "test",
    "research",
    "engineering",
    "consulting",
    "center",
    "centre",
    "call",
    "outsourcing",
    "platform",
    "cloud",
    "application",
    "app",
    "web",
    "mobile",
    "analysis",
    "processing",
    "repair",
    "operation",
    "operations",
    "contract",
    "agreement",
    "technical",
    "technology",
    "digital",
    "study",
    "trial",
    "product",
    "marketing",
    "network",
    "security",
    "solution",
    "solutions",
    "content",
];

/// Looks at a normalised text. `generic` are words that stand in any title and say nothing of the service, longest
/// first.
pub fn readable(text: &str, generic: &[String]) -> Reading {
    let sample: String = text.chars().take(SAMPLE).collect();
    let mut han = 0;
    let mut latin = 0;
    let mut other = 0;
    let mut marks = 0;
    for character in sample.chars() {
        match character {
            _ if is_han(character) => han += 1,
            'a'..='z' | 'A'..='Z' => latin += 1,
            _ if character.is_alphabetic() => other += 1,
            _ if character.is_whitespace() || character.is_ascii_digit() => {}
            _ => marks += 1,
        }
    }
    let letters = han + latin + other;
    if letters == 0 || marks > 2 * letters {
        return if letters + marks < FEWEST_HAN { Reading::TooShort } else { Reading::Gibberish };
    }
    // Kana, Hangul, Cyrillic and the like; some kana in a Chinese title (“の”) is a fashion, a fifth is Japanese.
    if other * 5 > letters {
        return Reading::OtherLanguage;
    }
    if han >= FEWEST_HAN || han * 2 > latin {
        return match han {
            ..FEWEST_HAN if latin < FEWEST_LATIN => Reading::TooShort,
            _ if latin < FEWEST_LATIN && is_generic(&sample, generic) => Reading::TooShort,
            _ if is_chinese_gibberish(&sample) => Reading::Gibberish,
            _ => Reading::Readable,
        };
    }
    if latin < FEWEST_LATIN {
        return Reading::TooShort;
    }
    latin_reading(&sample)
}

/// Whether hardly anything is left of a text without its generic words.
fn is_generic(sample: &str, generic: &[String]) -> bool {
    let rest = generic.iter().fold(sample.to_owned(), |rest, word| rest.replace(word.as_str(), ""));
    rest.chars().filter(|character| is_han(*character)).count() < 2
}

/// Chinese characters in no words, or the same few over and over.
fn is_chinese_gibberish(sample: &str) -> bool {
    let boundaries = word_boundaries(sample);
    let mut distinct = std::collections::BTreeSet::new();
    let (mut all, mut in_words) = (0, 0);
    for pair in boundaries.windows(2) {
        let han = sample[pair[0]..pair[1]].chars().filter(|character| is_han(*character));
        let count = han.inspect(|character| _ = distinct.insert(*character)).count();
        all += count;
        in_words += if count > 1 { count } else { 0 };
    }
    let repeated = all >= 6 && distinct.len() * 5 < all.min(30);
    repeated || (all >= 6 && (in_words as f64) < SHARE_IN_WORDS * all as f64)
}

/// English by its commonest words; a keyboard row or another language has none of them.
fn latin_reading(sample: &str) -> Reading {
    let words: Vec<String> = sample
        .split(|character: char| !character.is_alphabetic())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let known = words.iter().filter(|word| ENGLISH.contains(&word.as_str())).count();
    let pronounceable = words.iter().filter(|word| word.chars().any(|letter| "aeiouy".contains(letter))).count();
    match (known, words.len()) {
        (0, 0..=3) if pronounceable * 2 <= words.len() => Reading::Gibberish,
        (0, 0..=2) => Reading::Gibberish,
        (0, _) => Reading::OtherLanguage,
        (known, all) if known * 12 < all => Reading::OtherLanguage,
        _ => Reading::Readable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic() -> Vec<String> {
        ["技术", "服务", "项目"].map(str::to_owned).to_vec()
    }

    #[test]
    fn texts_that_can_be_coded_are_readable() {
        for text in [
            "呼叫中心外包",
            "为某股份制银行信用卡中心提供24小时客服热线座席及人员培训,按通话量结算",
            "Offshore development of a claims management system for a US insurer",
            "SAP S/4HANA rollout AMS支持服务",
            "C++ 上位机软件开发",
            "Clinical trial data management, Phase III oncology study",
        ] {
            assert_eq!(readable(text, &generic()), Reading::Readable, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_coded_says_why() {
        let cases = [
            ("服务", Reading::TooShort),
            ("2025年技术服务项目", Reading::TooShort),
            ("ERP", Reading::TooShort),
            ("。", Reading::TooShort),
            ("!!!@@@###$$$%%%^^^", Reading::Gibberish),
            ("asdfghjkl qwrtp", Reading::Gibberish),
            ("哈哈哈哈哈哈哈哈哈哈", Reading::Gibberish),
            ("彁旿丼嚞龘靐齉齾爩鱻", Reading::Gibberish),
            ("コールセンター業務の委託について", Reading::OtherLanguage),
            ("콜센터 운영 위탁 용역", Reading::OtherLanguage),
            ("Разработка программного обеспечения", Reading::OtherLanguage),
            ("Entwicklung einer Anwendung zur Verwaltung von Kundendaten", Reading::OtherLanguage),
        ];
        for (text, expected) in cases {
            assert_eq!(readable(text, &generic()), expected, "{text}");
        }
    }
}
