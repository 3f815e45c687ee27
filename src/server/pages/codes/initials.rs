//! 拼音首字母: how people who type little search.

use pinyin::ToPinyin;

/// Words of the classification in which a character is not read as it mostly is, with the initials of the word.
const READ_OTHERWISE: [(&str, &str); 2] = [("会计", "kj"), ("银行", "yh")];

/// The first letter of each character's reading, what is written in Latin as it stands, everything in lower case:
/// `数据处理服务` is `sjclfw`.
pub(crate) fn initials(name: &str) -> String {
    let mut initials = String::new();
    let mut rest = name;
    while let Some(character) = rest.chars().next() {
        let word = READ_OTHERWISE.iter().find(|(word, _)| rest.starts_with(word));
        match word {
            Some((word, letters)) => {
                initials += letters;
                rest = &rest[word.len()..];
            }
            None => {
                match character.to_pinyin() {
                    Some(reading) => initials += reading.first_letter(),
                    None => initials.extend(character.to_lowercase().filter(|letter| letter.is_ascii_alphanumeric())),
                }
                rest = &rest[character.len_utf8()..];
            }
        }
    }
    initials
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::Pack;

    /// Read by hand, every name of a class.
    const CLASSES: [(&str, &str); 45] = [
        ("I11", "rjyffw"),
        ("I12", "jcdlhdzdlsjfw"),
        ("I13", "csfw"),
        ("I14", "xxjsjjfafw"),
        ("I19", "qtxxjsyffw"),
        ("I21", "xxjcsshxxxtywfw"),
        ("I22", "wlysjaqfw"),
        ("I23", "dzswptfw"),
        ("I29", "qtyyhwhfw"),
        ("I31", "yjskfjyyfw"),
        ("I32", "rgznjskfjyyfw"),
        ("I33", "dsjjskfjyyfw"),
        ("I34", "qkljskfjyyfw"),
        ("I35", "wlwjskfjyyfw"),
        ("I36", "dlygxxjchdlxxfw"),
        ("I39", "qtxydxxjskfjyyfw"),
        ("B11", "rlzyglfw"),
        ("B12", "cwykjglfw"),
        ("B13", "fllcfw"),
        ("B19", "qtnbglfw"),
        ("B21", "sjclfw"),
        ("B22", "hlwyxtgfw"),
        ("B23", "hjzxfw"),
        ("B24", "jrhtfw"),
        ("B25", "gylglfw"),
        ("B26", "cgwbfw"),
        ("B29", "qtywyyfw"),
        ("B31", "jtgjwxwhfw"),
        ("B32", "gcjxwxwhfw"),
        ("B33", "ylsbwxwhfw"),
        ("B34", "znzzzbwxwhfw"),
        ("B39", "qtwxwhfw"),
        ("K11", "zscqfw"),
        ("K12", "glzxfw"),
        ("K13", "jyjcfw"),
        ("K19", "qtswfw"),
        ("K21", "gysjfw"),
        ("K22", "gcjsfw"),
        ("K23", "whcyjsznrfw"),
        ("K24", "fwsjfw"),
        ("K29", "qtjsfw"),
        ("K31", "yyzyyhswjsyffw"),
        ("K32", "xnyjsyffw"),
        ("K33", "xcljsyffw"),
        ("K39", "qtyffw"),
    ];

    #[test]
    fn the_names_of_the_classes_are_read_as_people_read_them() {
        let pack = Pack::embedded().unwrap();
        let found: Vec<(&str, String)> =
            pack.classes().map(|item| (item.code.as_str(), initials(&item.name))).collect();
        let mut expected = CLASSES.map(|(code, letters)| (code, letters.to_owned()));
        expected.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn characters_with_several_readings_are_read_as_in_the_trade() {
        for (name, letters) in [
            ("银行卡服务", "yhkfw"),
            ("测试执行服务", "cszxfw"),
            ("财务与会计管理服务", "cwykjglfw"),
            ("数据中心服务", "sjzxfw"),
            ("软件即服务（SaaS）", "rjjfwsaas"),
            ("座席人员外包", "zxrywb"),
            ("", ""),
        ] {
            assert_eq!(initials(name), letters, "{name}");
        }
    }
}
