//! How moments, shares and addresses are written.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::store::now;

/// A moment as people of this place read it.
pub(crate) fn moment(seconds: i64) -> String {
    let zone = TimeZone::system();
    Timestamp::from_second(seconds)
        .map(|at| at.to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S").to_string())
        .unwrap_or_default()
}

/// Since when it is today, for people of this place.
pub(crate) fn midnight() -> i64 {
    let zone = TimeZone::system();
    let today = Timestamp::from_second(now()).ok().and_then(|at| at.to_zoned(zone).start_of_day().ok());
    today.map_or(0, |today| today.timestamp().as_second())
}

/// A confidence or a progress as `97.3%`, never more than it is.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1}%", (share * 1000.0).floor() / 10.0)
}

/// A share that was counted, as `82.5%`.
pub(crate) fn rounded(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

/// A text as part of an address.
pub(crate) fn encoded(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~/".contains(byte);
    text.bytes().map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
