//! English words replaced by the Chinese of the trade. The signals have learnt from Chinese; of English they know what
//! the glossary tells them. (`training/gloss.py` does the same to what they learn from.)

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

use super::normalise::is_han;

/// Lines of an English word or phrase, a tab, and what stands for it; nothing, where it says nothing of a service.
pub static GLOSSARY: &str = include_str!("../../models/lexical/glossary.tsv");

/// The longest phrase, in words.
const LONGEST: usize = 4;

static ENTRIES: LazyLock<HashMap<&str, &str>> =
    LazyLock::new(|| GLOSSARY.lines().filter_map(|line| line.split_once('\t')).collect());

static WORD: LazyLock<Regex> = LazyLock::new(|| Regex::new("[a-z]+(?:[&'][a-z]+)*").expect("a constant expression"));

/// Endings that a word may have besides its base form, and what the base form has instead.
const ENDINGS: [(&str, &str); 9] =
    [("'s", ""), ("ies", "y"), ("es", "e"), ("es", ""), ("s", ""), ("ing", ""), ("ing", "e"), ("ed", ""), ("ed", "e")];

/// A normalised text with every phrase or word of the glossary replaced, the longest first. What is replaced makes the
/// text lower-case; one without English stays as it is.
pub fn gloss(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        return Cow::Borrowed(text);
    }
    let lower = text.to_lowercase();
    let joins = |at: usize| lower.as_bytes().get(at).is_some_and(u8::is_ascii_alphanumeric);
    let words: Vec<_> = WORD
        .find_iter(&lower)
        .filter(|word| !joins(word.end()) && !word.start().checked_sub(1).is_some_and(joins))
        .collect();
    let mut out = String::with_capacity(lower.len());
    let (mut end, mut at) = (0, 0);
    while at < words.len() {
        let found = (1..=LONGEST.min(words.len() - at)).rev().find_map(|count| {
            let group = &words[at..at + count];
            let adjacent = |pair: &[regex::Match<'_>]| matches!(&lower[pair[0].end()..pair[1].start()], " " | "-");
            let adjacent = group.windows(2).all(adjacent);
            let (last, head) = group.split_last().filter(|_| adjacent)?;
            let head: String = head.iter().map(|word| format!("{} ", word.as_str())).collect();
            let known = |form: String| ENTRIES.get(format!("{head}{form}").as_str());
            Some((forms(last.as_str()).find_map(known)?, last.end(), count))
        });
        if let Some((chinese, to, count)) = found {
            out.push_str(&lower[end..words[at].start()]);
            out.push_str(chinese);
            end = to;
            at += count;
        } else {
            at += 1;
        }
    }
    out.push_str(&lower[end..]);
    Cow::Owned(close_up(&out))
}

/// The word as it stands, then its base forms.
fn forms(word: &str) -> impl Iterator<Item = String> + '_ {
    let base = ENDINGS.iter().filter_map(move |(ending, instead)| {
        let stem = word.strip_suffix(ending).filter(|stem| stem.len() >= 3)?;
        Some(format!("{stem}{instead}"))
    });
    std::iter::once(word.to_owned()).chain(base)
}

/// One blank for several, and none between Chinese characters or at the ends.
fn close_up(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut blank = false;
    for character in text.chars() {
        if character == ' ' {
            blank = true;
            continue;
        }
        if blank && out.chars().next_back().is_some_and(|last| !(is_han(last) && is_han(character))) {
            out.push(' ');
        }
        blank = false;
        out.push(character);
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Texts with what `training/gloss.py` makes of them.
    const REFERENCE: &str = include_str!("../../tests/reference/gloss.json");

    #[test]
    fn the_longest_phrase_is_replaced_and_words_in_any_form() {
        assert_eq!(gloss("Call centre outsourcing"), "呼叫中心外包");
        assert_eq!(gloss("呼叫中心外包 (甲)"), "呼叫中心外包 (甲)");
        assert_eq!(gloss("x2payroll"), "x2payroll");
    }

    #[test]
    fn training_reads_the_same() {
        let reference: Vec<(String, String)> = serde_json::from_str(REFERENCE).unwrap();
        assert!(reference.len() >= 40);
        for (text, expected) in reference {
            assert_eq!(gloss(&text), expected.as_str(), "{text}");
        }
    }

    #[test]
    fn the_glossary_is_well_formed() {
        let mut known = HashSet::new();
        for (at, line) in GLOSSARY.lines().enumerate() {
            let entry = line.split_once('\t').filter(|(english, chinese)| {
                let words = english.split(' ').count();
                words <= LONGEST
                    && WORD.find(english).is_some()
                    && english.trim() == *english
                    && chinese.trim() == *chinese
            });
            let (english, _) = entry.unwrap_or_else(|| panic!("line {}: {line:?}", at + 1));
            assert!(known.insert(english), "line {}: {english} stands twice", at + 1);
        }
        assert!(known.len() > 1000);
    }
}
