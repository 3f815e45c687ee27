//! The pattern language of triggers: literal text, gaps, alternatives, whole words.
//!
//! ```text
//! pattern  = { "……" | "…" | "(" pattern { "|" pattern } ")" | "<" literal ">" | character }
//! ```
//!
//! `…` is a gap of up to ten characters inside a sentence, `……` of up to thirty; `<保安>` matches only as whole words.
//! Patterns are matched against normalised text in lower case.

/// A checked pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    source: String,
    regex: String,
}

/// What a gap may run over: anything but the end of a sentence or line.
const INSIDE_A_SENTENCE: &str = "[^。;!?\\n]";

impl Pattern {
    /// Checks a pattern.
    ///
    /// # Errors
    /// A sentence in Chinese that says what is wrong.
    pub fn new(source: &str) -> Result<Self, String> {
        let mut regex = String::new();
        let mut depth = 0_u32;
        let mut in_word = false;
        let mut characters = source.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '…' if characters.next_if_eq(&'…').is_some() => {
                    regex.push_str(&format!("{INSIDE_A_SENTENCE}{{0,30}}?"));
                }
                '…' => regex.push_str(&format!("{INSIDE_A_SENTENCE}{{0,10}}?")),
                '(' => {
                    depth += 1;
                    regex.push_str("(?:");
                }
                ')' if depth == 0 => return Err(format!("模式“{source}”的括号不配对")),
                ')' => {
                    depth -= 1;
                    regex.push(')');
                }
                '|' if depth == 0 => return Err(format!("模式“{source}”的“|”须写在括号内")),
                '|' => regex.push('|'),
                '<' if !in_word => {
                    in_word = true;
                    regex.push('(');
                }
                '>' if in_word => {
                    in_word = false;
                    regex.push(')');
                }
                '<' | '>' => return Err(format!("模式“{source}”的“<>”不配对")),
                literal => regex.push_str(&regex_escape(literal)),
            }
        }
        if depth != 0 || in_word {
            return Err(format!("模式“{source}”的括号不配对"));
        }
        if source.trim_matches('…').trim().is_empty() {
            return Err(format!("模式“{source}”没有文字"));
        }
        if source.chars().any(char::is_uppercase) {
            return Err(format!("模式“{source}”须用小写字母"));
        }
        Ok(Self { source: source.to_owned(), regex })
    }

    /// The pattern as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The pattern as a regular expression; its capture groups are the places that must be whole words.
    pub fn regex(&self) -> &str {
        &self.regex
    }
}

fn regex_escape(character: char) -> String {
    if character.is_alphanumeric() { character.to_string() } else { format!("\\x{{{:X}}}", character as u32) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_alternatives_and_words_become_a_regular_expression() {
        let pattern = Pattern::new("(开发|建设)…<系统>").unwrap();
        let regex = regex::Regex::new(pattern.regex()).unwrap();
        assert!(regex.is_match("开发一套人事系统"));
        assert!(regex.is_match("建设系统"));
        assert!(!regex.is_match("开发。系统"));
        assert!(!regex.is_match("开发一二三四五六七八九十又一系统"));
        assert_eq!(regex.captures("建设系统").unwrap().get(1).unwrap().as_str(), "系统");
    }

    #[test]
    fn what_is_not_a_pattern_says_why() {
        for (bad, why) in
            [("(甲|乙", "不配对"), ("甲|乙", "括号内"), ("<甲", "不配对"), ("……", "没有文字"), ("RPO", "小写")]
        {
            let error = Pattern::new(bad).unwrap_err();
            assert!(error.contains(why), "{bad}: {error}");
        }
    }
}
