//! What an amount in a cell is worth, however it is written.

use std::sync::LazyLock;

use regex::Regex;
use unicode_normalization::UnicodeNormalization;

use crate::table::Value;

static AMOUNT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let currency = r"(?:人民币|rmb|cny|us\$|usd|hk\$|hkd|eur|gbp|jpy|¥|\$|€|£|美元|欧元|港元|港币|日元|英镑|元|圆)*";
    let number = r"(?<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)";
    let unit = "(?<unit>万亿|亿|千万|百万|十万|万|千|百)?";
    Regex::new(&format!("(?i)^(?<sign>[+-]?){currency}(?<minus>-?){number}{unit}{currency}[整正]?$")).ok()
});

/// The amount in a cell: a number, or a text such as `1,234.50`, `12.5万` or `￥３亿元`; none for anything else.
pub(super) fn amount(cell: &Value) -> Option<f64> {
    let amount = match cell {
        Value::Number(number) => *number,
        Value::Text(text) => of_text(text)?,
        _ => return None,
    };
    Some(amount).filter(|amount| amount.is_finite())
}

fn of_text(text: &str) -> Option<f64> {
    let bare: String = text.nfkc().filter(|character| !character.is_whitespace()).collect();
    let found = AMOUNT.as_ref()?.captures(&bare)?;
    let number: f64 = found.name("number")?.as_str().replace(',', "").parse().ok()?;
    let unit = match found.name("unit").map_or("", |unit| unit.as_str()) {
        "百" => 1e2,
        "千" => 1e3,
        "万" => 1e4,
        "十万" => 1e5,
        "百万" => 1e6,
        "千万" => 1e7,
        "亿" => 1e8,
        "万亿" => 1e12,
        _ => 1.0,
    };
    let is_negative = ["sign", "minus"].iter().any(|sign| found.name(sign).is_some_and(|sign| sign.as_str() == "-"));
    Some(if is_negative { -number * unit } else { number * unit })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_people_write_them() {
        for (text, expected) in [
            ("1234", 1234.0),
            ("1,234.50", 1234.5),
            ("12.5万", 125_000.0),
            ("3亿", 3e8),
            ("￥３，０００．５０", 3000.5),
            ("人民币 1,200,000 元整", 1_200_000.0),
            ("12.5 万元", 125_000.0),
            ("US$ 99", 99.0),
            ("-¥80", -80.0),
            ("¥-80", -80.0),
            (".5", 0.5),
            ("2千万港币", 2e7),
        ] {
            assert_eq!(amount(&Value::Text(text.to_owned())), Some(expected), "{text}");
        }
        assert_eq!(amount(&Value::Number(7.25)), Some(7.25));
    }

    #[test]
    fn what_is_no_amount_is_none() {
        for text in ["", "面议", "1,2345", "12-15万", "2025-01-17", "1.2.3", "约3万", "=1+1", "1e5", "万"] {
            assert_eq!(amount(&Value::Text(text.to_owned())), None, "{text}");
        }
        for cell in [Value::Empty, Value::Bool(true), Value::Date { date: 1.0 }, Value::Number(f64::INFINITY)] {
            assert_eq!(amount(&cell), None);
        }
    }
}
