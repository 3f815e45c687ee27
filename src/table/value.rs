//! What stands in a cell.

use serde::{Deserialize, Serialize};

/// A cell's content with its type, so that it can be written as it was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// Nothing.
    Empty,
    /// True or false.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A point in time, as spreadsheets count: days since the end of 1899.
    Date {
        /// The days, with the time as a fraction.
        date: f64,
    },
    /// Text, also where it looks like a number.
    Text(String),
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        if text.is_empty() { Self::Empty } else { Self::Text(text) }
    }
}

impl Value {
    /// Whether nothing, or nothing but blanks, stands there.
    pub fn is_blank(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Text(text) => text.trim().is_empty(),
            _ => false,
        }
    }

    /// As text in a CSV: whole numbers in full, dates by ISO 8601.
    pub fn to_text(&self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Bool(value) => if *value { "TRUE" } else { "FALSE" }.to_owned(),
            Self::Number(number) => number.to_string(),
            Self::Date { date } => iso(*date),
            Self::Text(text) => text.clone(),
        }
    }
}

/// Days between the end of 1899, from which [`Value::Date`] counts, and the first of 1970.
const EPOCH: i64 = 25_569;
/// The 29 February 1900, in which spreadsheets believe: before it they count one day less than a calendar has.
const NO_DAY: f64 = 60.0;

/// A point in time, counted in days from 1970, as [`Value::Date`] counts.
pub(super) fn of_unix(days: f64) -> f64 {
    let days = days + EPOCH as f64;
    if days < NO_DAY + 1.0 { days - 1.0 } else { days }
}

/// A point in time as [`Value::Date`] counts, counted in days from 1970.
pub(super) fn to_unix(date: f64) -> f64 {
    date + if date < NO_DAY { 1.0 } else { 0.0 } - EPOCH as f64
}

/// The day of a date, as [`Value::Date`] counts.
pub(super) fn day(year: i64, month: i64, day: i64) -> i64 {
    of_unix(days_of_civil(year, month, day) as f64) as i64
}

/// The days of `2025-01-17` or `2025-01-17T12:00:00`, as [`Value::Date`] counts them.
pub(super) fn days_of_iso(text: &str) -> Option<f64> {
    let (date, time) = text.split_once('T').unwrap_or((text, "00:00:00"));
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| *number >= 0.0);
    let numbers = |text: &str, by: char| text.split(by).map(number).collect::<Option<Vec<_>>>();
    let (date, time) = (numbers(date, '-')?, numbers(time.trim_end_matches('Z'), ':')?);
    let ([year, month, day], [hour, minute, second]) =
        (<[f64; 3]>::try_from(date).ok()?, <[f64; 3]>::try_from(time).ok()?);
    let days = self::day(year as i64, month as i64, day as i64);
    Some(days as f64 + (hour * 3600.0 + minute * 60.0 + second) / 86_400.0)
}

/// The day, counted from 1 January 1970, of a year, month and day (Hinnant, as [`civil`]).
fn days_of_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let of_era = year.rem_euclid(400) * 365 + year.rem_euclid(400) / 4 - year.rem_euclid(400) / 100 + of_year;
    era * 146_097 + of_era - 719_468
}

/// Days since the end of 1899 as `2025-01-17`, with the time where there is one.
fn iso(days: f64) -> String {
    let seconds = (days * 86_400.0).round() as i64;
    let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let time = format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
    if day == 0 {
        return time;
    }
    let (year, month, date) = civil(to_unix(day as f64) as i64);
    let date = format!("{year:04}-{month:02}-{date:02}");
    if second == 0 { date } else { format!("{date} {time}") }
}

/// Year, month and day of a day counted from 1 January 1970 (Hinnant, chrono-Compatible Low-Level Date Algorithms, 2013).
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day = days.rem_euclid(146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let date = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_a_spreadsheet() {
        for (days, text) in [
            (45_674.0, "2025-01-17"),
            (45_674.5, "2025-01-17 12:00:00"),
            (1.0, "1900-01-01"),
            (59.0, "1900-02-28"),
            (61.0, "1900-03-01"),
            (0.25, "06:00:00"),
            (36_585.0, "2000-02-29"),
        ] {
            assert_eq!(Value::Date { date: days }.to_text(), text);
        }
    }

    #[test]
    fn days_of_a_calendar_come_back() {
        for (days, text) in
            [(-25_553, "1900-01-15"), (-25_509, "1900-02-28"), (-25_508, "1900-03-01"), (0, "1970-01-01")]
        {
            assert_eq!(Value::Date { date: of_unix(f64::from(days)) }.to_text(), text);
        }
        for days in -60_000..40_000 {
            assert_eq!(to_unix(of_unix(f64::from(days))), f64::from(days));
            assert_eq!(to_unix(of_unix(f64::from(days) + 0.5)), f64::from(days) + 0.5);
        }
    }

    #[test]
    fn dates_in_words_are_counted_as_a_spreadsheet_counts_them() {
        for days in [1.0, 59.0, 61.0, 36_585.0, 45_674.5, 60_000.25] {
            let text = Value::Date { date: days }.to_text().replace(' ', "T");
            assert_eq!(days_of_iso(&text), Some(days), "{text}");
        }
        assert_eq!(days_of_iso("PT3H"), None);
    }

    #[test]
    fn long_numbers_are_written_in_full() {
        assert_eq!(Value::Number(1.23e18).to_text(), "1230000000000000000");
        assert_eq!(Value::Number(0.1).to_text(), "0.1");
    }

    #[test]
    fn values_come_back_from_json() {
        for value in [
            Value::Empty,
            Value::Bool(true),
            Value::Number(0.5),
            Value::Date { date: 1.5 },
            Value::Text("1".to_owned()),
        ] {
            let json = serde_json::to_string(&value).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), value, "{json}");
        }
    }
}
