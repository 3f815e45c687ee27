//! Shares and how sure they are.

/// The normal quantile of a two-sided 95 % interval.
const QUANTILE: f64 = 1.959_964;

/// A part of a whole; none of nothing.
pub(crate) fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// The 95 % interval of a share (Wilson, Probable Inference, 1927): honest also for few texts and for shares near one.
pub(crate) fn wilson(part: u64, whole: u64) -> Option<(f64, f64)> {
    let p = share(part, whole)?;
    let (n, square) = (whole as f64, QUANTILE * QUANTILE);
    let centre = p + square / (2.0 * n);
    let half = QUANTILE * (p * (1.0 - p) / n + square / (4.0 * n * n)).sqrt();
    let scale = 1.0 + square / n;
    Some((((centre - half) / scale).max(0.0), ((centre + half) / scale).min(1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_those_of_the_textbook() {
        let (low, high) = wilson(81, 263).unwrap();
        assert!((low - 0.2553).abs() < 1e-4 && (high - 0.3662).abs() < 1e-4, "{low} {high}");
        let (low, high) = wilson(10, 10).unwrap();
        assert!((low - 0.7225).abs() < 1e-4 && (high - 1.0).abs() < 1e-9, "{low} {high}");
        assert_eq!(wilson(0, 0), None);
    }
}
