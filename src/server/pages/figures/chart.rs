//! Charts: SVG whose colours come from the style, so that they are right in the dark too.

use maud::{Markup, html as markup};

use super::super::rounded;
use crate::eval::Bin;

/// The size of the area that bars stand in, and what lies left of it and above.
const WIDTH: f64 = 390.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 44.0;
const TOP: f64 = 12.0;

fn y(share: f64) -> f64 {
    TOP + HEIGHT * (1.0 - share)
}

/// A length to a tenth, so that the page does not carry digits that nobody sees.
fn place(length: f64) -> String {
    format!("{length:.1}")
}

/// Confidence against what was right: a bar for each bin, and a mark where it would stand were the confidence true.
pub(super) fn reliability(bins: &[Bin]) -> Markup {
    let width = WIDTH / bins.len() as f64;
    let bars: Vec<(f64, f64, f64, usize)> = bins
        .iter()
        .enumerate()
        .filter(|(_, bin)| bin.count > 0)
        .map(|(at, bin)| {
            let count = bin.count as f64;
            (LEFT + at as f64 * width, bin.right as f64 / count, bin.confidence / count, bin.count)
        })
        .collect();
    markup! {
        figure {
            svg.chart viewBox="0 0 454 272" role="img" aria-label="各档置信度的正确率" {
                @for mark in (0..=4).map(|step| f64::from(step) / 4.0) {
                    line.grid x1=(LEFT) x2=(LEFT + WIDTH) y1=(y(mark)) y2=(y(mark)) {}
                    text x=(LEFT - 6.0) y=(y(mark) + 4.0) text-anchor="end" { (format!("{:.0}%", mark * 100.0)) }
                    text x=(LEFT + WIDTH * mark) y=(y(0.0) + 18.0) text-anchor="middle" {
                        (format!("{:.0}%", mark * 100.0))
                    }
                }
                @for (x, right, confidence, count) in &bars {
                    rect.bar x=(place(x + 3.0)) y=(place(y(*right))) width=(place(width - 6.0)) height=(place(HEIGHT * right)) {
                        title { "平均置信度 " (rounded(*confidence)) "，正确 " (rounded(*right)) "，" (count) " 行" }
                    }
                    @let level = place(y(*confidence));
                    line.mark x1=(place(x + 1.0)) x2=(place(x + width - 1.0)) y1=(level) y2=(level) {}
                }
                text x=(LEFT + WIDTH / 2.0) y=(y(0.0) + 36.0) text-anchor="middle" { "置信度" }
            }
            figcaption.quiet { "柱：人认为正确的比例；横线：程序自称的置信度。柱低于横线，就是程序太自信" }
        }
    }
}
