//! Normalisation with a map back to the input: what people paste is cleaned, and every answer still points into it.

use std::ops::Range;

use regex::Regex;
use std::sync::LazyLock;
use unicode_normalization::UnicodeNormalization;

/// A normalised text and, for every byte of it, where it came from.
///
/// NFKC (full-width to half-width), traditional to simplified characters, HTML and Markdown remnants and control
/// characters gone, runs of blanks folded to one, blanks between Chinese characters removed. Line breaks are kept,
/// because they show structure; at most one in a row. Letters keep their case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Normalised {
    text: String,
    /// The byte of the input at which each byte of `text` starts.
    starts: Vec<usize>,
    /// The byte of the input at which each byte of `text` ends.
    ends: Vec<usize>,
}

/// Markup that stands for nothing a reader sees: tags, comments, emphasis, heading and table marks.
static MARKUP: LazyLock<Regex> = LazyLock::new(|| {
    let markup = r"(?s)<!--.*?-->|(?is)<(?:script|style)\b[^>]{0,200}>.*?</(?:script|style)>|(?m)</?[A-Za-z][^<>]{0,300}>|^[ \t]{0,3}#{1,6}[ \t]|^[ \t]*\|?(?:[ \t]*:?-{3,}:?[ \t]*\|?)+[ \t]*$|\*\*|__|```|`";
    Regex::new(markup).expect("a constant expression")
});

/// Tags that end a line; all others stand inside one.
static BLOCK: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^</?(?:p|div|br|li|ul|ol|tr|table|h[1-6]|section|article|title|head|body)\b")
        .expect("a constant expression")
});

/// The character references that turn up in pasted pages.
const REFERENCES: [(&str, char); 8] = [
    ("&nbsp;", ' '),
    ("&ensp;", ' '),
    ("&emsp;", ' '),
    ("&amp;", '&'),
    ("&lt;", '<'),
    ("&gt;", '>'),
    ("&quot;", '"'),
    ("&#39;", '\''),
];

impl Normalised {
    /// Normalises a text.
    pub fn new(input: &str) -> Self {
        let mut builder = Builder::default();
        let mut at = 0;
        for markup in MARKUP.find_iter(input) {
            builder.plain(input, at..markup.start());
            builder.markup(markup.as_str(), markup.range());
            at = markup.end();
        }
        builder.plain(input, at..input.len());
        builder.finish()
    }

    /// The normalised text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The bytes of the input that a range of the normalised text came from.
    pub fn origin(&self, range: Range<usize>) -> Range<usize> {
        if range.is_empty() {
            let at = self.starts.get(range.start).or(self.ends.last()).copied().unwrap_or(0);
            return at..at;
        }
        self.starts[range.start]..self.ends[range.end - 1]
    }
}

/// Collects characters with the ranges that they came from.
#[derive(Default)]
struct Builder {
    characters: Vec<(char, Range<usize>)>,
}

impl Builder {
    /// Text without markup: character references resolved, the rest by NFKC, base and combining marks together.
    fn plain(&mut self, input: &str, range: Range<usize>) {
        let mut at = range.start;
        while at < range.end {
            let rest = &input[at..range.end];
            if let Some((reference, character)) = REFERENCES.iter().find(|(name, _)| rest.starts_with(name)) {
                self.push(*character, at..at + reference.len());
                at += reference.len();
                continue;
            }
            let mut length = 0;
            for (index, character) in rest.chars().enumerate() {
                if index > 0 && !unicode_normalization::char::is_combining_mark(character) {
                    break;
                }
                length += character.len_utf8();
            }
            for character in rest[..length].nfkc() {
                self.push(character, at..at + length);
            }
            at += length;
        }
    }

    /// Markup leaves a line break, a blank between cells, or nothing.
    fn markup(&mut self, markup: &str, range: Range<usize>) {
        if BLOCK.is_match(markup) {
            self.push('\n', range);
        } else if markup.starts_with("<t")
            || markup.starts_with("</t")
            || !markup.starts_with('<') && markup.contains('-')
        {
            self.push(' ', range);
        }
    }

    /// One character, with blanks and line breaks folded as they come.
    fn push(&mut self, character: char, range: Range<usize>) {
        let folded = match character {
            '\n' | '\r' | '\u{2028}' | '\u{2029}' => '\n',
            // Zero-width and directional marks split words that belong together.
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{feff}' | '\u{ad}' => return,
            blank if blank.is_whitespace() || blank.is_control() => ' ',
            other => other,
        };
        match (self.characters.last_mut(), folded) {
            (None, ' ' | '\n') => {}
            (Some((' ' | '\n', _)), ' ') => {}
            (Some((last @ ' ', at)), '\n') => (*last, *at) = ('\n', range),
            (Some(('\n', _)), '\n') => {}
            _ => self.characters.push((folded, range)),
        }
    }

    fn finish(mut self) -> Normalised {
        while self.characters.last().is_some_and(|(last, _)| last.is_whitespace()) {
            self.characters.pop();
        }
        let text: String = self.characters.iter().map(|(character, _)| *character).collect();
        // The library maps one character to one character, looking at its neighbours.
        let simplified = fast2s::convert(&text);
        let characters: Vec<char> = simplified.chars().collect();
        let mut out = Normalised { text: String::with_capacity(text.len()), starts: Vec::new(), ends: Vec::new() };
        for (at, (character, (_, range))) in characters.iter().zip(&self.characters).enumerate() {
            let between_han = *character == ' '
                && at.checked_sub(1).is_some_and(|before| is_han(characters[before]))
                && characters.get(at + 1).is_some_and(|after| is_han(*after));
            if between_han {
                continue;
            }
            out.text.push(*character);
            out.starts.extend(std::iter::repeat_n(range.start, character.len_utf8()));
            out.ends.extend(std::iter::repeat_n(range.end, character.len_utf8()));
        }
        out
    }
}

/// Whether a character is a Chinese character.
pub(super) fn is_han(character: char) -> bool {
    matches!(character, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(input: &str, expected: &str) {
        assert_eq!(Normalised::new(input).text(), expected, "{input:?}");
    }

    #[test]
    fn what_people_paste_becomes_plain_text() {
        check("　ＡＢＣ１２３（甲）　", "ABC123(甲)");
        check("軟體開發與維護服務", "软体开发与维护服务");
        check("<p>呼叫&nbsp;中心</p><br/>外包", "呼叫中心\n外包");
        check("<td>座席</td><td>12 seats</td>", "座席 12 seats");
        check("<b>call</b> center", "call center");
        check("## 服务内容\n\n\n**座席**外包", "服务内容\n座席外包");
        check("呼 叫 中 心 call  center", "呼叫中心 call center");
        check("a\u{200b}b\u{7}c", "ab c");
        check("3 < 5 且 5 > 3", "3 < 5 且 5 > 3");
        check("", "");
    }

    #[test]
    fn a_range_points_back_at_the_words_of_the_input() {
        let input = "<b>呼 叫</b> 中心，ＡＢ";
        let normalised = Normalised::new(input);
        let at = normalised.text().find("叫").unwrap();
        assert_eq!(&input[normalised.origin(at..at + 3)], "叫");
        let at = normalised.text().find("AB").unwrap();
        assert_eq!(&input[normalised.origin(at..at + 2)], "ＡＢ");
    }

    proptest! {
        #[test]
        fn every_range_lies_in_the_input_on_character_boundaries(input in "\\PC{0,80}") {
            let normalised = Normalised::new(&input);
            let text = normalised.text();
            for (at, character) in text.char_indices() {
                let range = normalised.origin(at..at + character.len_utf8());
                prop_assert!(input.get(range.clone()).is_some_and(|words| !words.is_empty()), "{range:?}");
            }
        }

        #[test]
        fn plain_text_is_not_changed_again(input in "[一-龥a-zA-Z0-9，。（） \n]{0,60}") {
            let once = Normalised::new(&input).text().to_owned();
            let again = Normalised::new(&once).text().to_owned();
            prop_assert_eq!(again, once);
        }
    }
}
