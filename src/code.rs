//! Codes of a classification (`I`, `I1`, `I11`) and the label that a text gets.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A code of the classification: a division `I`, a group `I1` or a class `I11`.
///
/// ```
/// use waibao::Code;
/// let class: Code = "I11".parse().unwrap();
/// let division: Code = "I".parse().unwrap();
/// assert!(division.contains(class));
/// assert_eq!(class.parent().unwrap().parent(), Some(division));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Code([u8; 3]);

/// The level of a code: 大类, 中类 or 小类.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// 大类: one letter.
    Division,
    /// 中类: a letter and a digit.
    Group,
    /// 小类: a letter and two digits.
    Class,
}

impl Code {
    /// The level, which the length of the code shows.
    pub fn level(self) -> Level {
        match self.as_str().len() {
            1 => Level::Division,
            2 => Level::Group,
            _ => Level::Class,
        }
    }

    /// The code one level up; none for a division.
    pub fn parent(self) -> Option<Self> {
        let [division, group, _] = self.0;
        match self.level() {
            Level::Division => None,
            Level::Group => Some(Self([division, 0, 0])),
            Level::Class => Some(Self([division, group, 0])),
        }
    }

    /// Whether `other` is this code or stands below it.
    pub fn contains(self, other: Self) -> bool {
        other.as_str().starts_with(self.as_str())
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        let length = self.0.iter().position(|&byte| byte == 0).unwrap_or(3);
        std::str::from_utf8(&self.0[..length]).unwrap_or_default()
    }
}

/// Why a text is not a code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{0}”不是代码：应为一个大写字母加至多两位数字，如 I、I1、I11")]
pub struct ParseCodeError(String);

impl FromStr for Code {
    type Err = ParseCodeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 3];
        let well_formed = matches!(text.len(), 1..=3)
            && text.bytes().enumerate().all(|(at, byte)| match at {
                0 => byte.is_ascii_uppercase(),
                _ => byte.is_ascii_digit(),
            });
        if !well_formed {
            return Err(ParseCodeError(text.to_owned()));
        }
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Code {
    type Error = ParseCodeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Code> for String {
    fn from(code: Code) -> Self {
        code.as_str().to_owned()
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a text is coded as: a class, or not service outsourcing at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Label {
    /// A class of the classification.
    Class(Code),
    /// 不属于服务外包, written `OUT`.
    OutOfScope,
}

impl Label {
    /// The class, where it is one.
    pub fn class(self) -> Option<Code> {
        match self {
            Self::Class(code) => Some(code),
            Self::OutOfScope => None,
        }
    }
}

impl FromStr for Label {
    type Err = ParseCodeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "OUT" { Ok(Self::OutOfScope) } else { text.parse().map(Self::Class) }
    }
}

impl TryFrom<String> for Label {
    type Error = ParseCodeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Label> for String {
    fn from(label: Label) -> Self {
        label.to_string()
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Class(code) => code.fmt(f),
            Self::OutOfScope => f.pad("OUT"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_code_survives_text_and_back(text in "[A-Z][0-9]{0,2}") {
            prop_assert_eq!(text.parse::<Code>().unwrap().to_string(), text);
        }

        #[test]
        fn a_parent_contains_its_child_and_not_the_other_way(text in "[A-Z][0-9]{1,2}") {
            let code: Code = text.parse().unwrap();
            let parent = code.parent().unwrap();
            prop_assert!(parent.contains(code) && !code.contains(parent));
            prop_assert!(parent.level() < code.level());
        }

        #[test]
        fn anything_else_is_refused(text in "\\PC*") {
            prop_assume!(!regex::Regex::new("^[A-Z][0-9]{0,2}$").unwrap().is_match(&text));
            prop_assert!(text.parse::<Code>().is_err());
        }
    }
}
