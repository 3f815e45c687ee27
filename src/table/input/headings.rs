//! Which rows of a table are its headings, under titles and over several rows.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use super::{RawRow, letters};
use crate::table::value::Value;

/// Rows among which the headings are looked for.
pub(super) const HEAD: usize = 12;

/// Cells that are one: their rows and columns, from 0. The first holds what they show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Merged {
    pub(super) rows: RangeInclusive<u64>,
    pub(super) columns: RangeInclusive<usize>,
}

/// The last row of the headings, and the headings of so many columns. `said` is the first row of them, where it is known.
pub(super) fn find(head: &[RawRow], merged: &[Merged], width: usize, said: Option<u64>) -> Option<(u64, Vec<String>)> {
    let rows: Vec<(u64, Vec<String>)> = head.iter().map(|row| (row.number, texts(row, head, merged, width))).collect();
    let distinct = |cells: &[String]| cells.iter().filter(|cell| !cell.is_empty()).collect::<BTreeSet<_>>().len();
    let most = rows.iter().take(HEAD).map(|(_, cells)| distinct(cells)).max().unwrap_or(0);
    // A title above the headings fills one cell or two, or one over all columns; the headings fill nearly all.
    let is_heading = |cells: &[String]| distinct(cells) > 0 && distinct(cells) * 10 >= most * 6;
    let first = match said {
        Some(number) => rows.iter().position(|(row, _)| *row == number),
        None => rows.iter().position(|(_, cells)| is_heading(cells)),
    }?;
    let number = rows[first].0;
    let last = merged.iter().filter(|cells| cells.rows.contains(&(number - 1))).map(|cells| cells.rows.end() + 1).max();
    let last = last.unwrap_or(number);
    let over = |at: usize| {
        let mut parts: Vec<&str> = Vec::new();
        for (_, cells) in rows[first..].iter().take_while(|(row, _)| *row <= last) {
            // Of cells that are one over several rows, one.
            if !cells[at].is_empty() && parts.last() != Some(&cells[at].as_str()) {
                parts.push(&cells[at]);
            }
        }
        if parts.is_empty() { format!("列{}", letters(at)) } else { parts.join(" ") }
    };
    Some((last, (0..width).map(over).collect()))
}

/// The texts of a row, so many, each of merged cells with what they show; numbers and dates are no headings.
fn texts(row: &RawRow, head: &[RawRow], merged: &[Merged], width: usize) -> Vec<String> {
    let at = row.number - 1;
    let shown = |column: usize| {
        let one = merged.iter().find(|cells| cells.rows.contains(&at) && cells.columns.contains(&column));
        match one {
            None => row.cells.get(column),
            Some(cells) => {
                let first = head.iter().find(|row| row.number - 1 == *cells.rows.start());
                first.and_then(|row| row.cells.get(*cells.columns.start()))
            }
        }
    };
    let text = |column| match shown(column) {
        Some(Value::Text(text)) => text.trim_start_matches('\u{feff}').split_whitespace().collect::<Vec<_>>().join(" "),
        _ => String::new(),
    };
    (0..width).map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(rows: &[&[&str]]) -> Vec<RawRow> {
        let row = |(number, cells): (u64, &&[&str])| {
            let cells = cells.iter().map(|cell| Value::from((*cell).to_owned())).collect();
            RawRow { number, cells, line: None }
        };
        (1..).zip(rows).map(row).collect()
    }

    fn merged(rows: RangeInclusive<u64>, columns: RangeInclusive<usize>) -> Merged {
        Merged { rows, columns }
    }

    #[test]
    fn a_title_over_all_columns_is_not_taken_for_the_headings() {
        let head = head(&[&["2025年合同台账"], &["编号", "合同名称", "金额"], &["1", "客服", "3"]]);
        let found = find(&head, &[merged(0..=0, 0..=2)], 3, None);
        assert_eq!(found, Some((2, vec!["编号".to_owned(), "合同名称".to_owned(), "金额".to_owned()])));
    }

    #[test]
    fn headings_over_two_rows_are_joined() {
        let head = head(&[
            &["编号", "合同\n名称", "发包方", "", "执行\n 金额"],
            &["", "", "名称", "国别", ""],
            &["1", "客服", "某行", "中国", "3"],
        ]);
        let merges = [merged(0..=1, 0..=0), merged(0..=1, 1..=1), merged(0..=0, 2..=3), merged(0..=1, 4..=4)];
        let names = ["编号", "合同 名称", "发包方 名称", "发包方 国别", "执行 金额"].map(str::to_owned);
        assert_eq!(find(&head, &merges, 5, None), Some((2, names.to_vec())));
    }

    #[test]
    fn the_first_row_can_be_said_and_a_column_without_a_heading_has_its_letter() {
        let head = head(&[&["甲", "乙"], &["丙", ""], &["1", "2"]]);
        assert_eq!(find(&head, &[], 3, Some(2)), Some((2, vec!["丙".to_owned(), "列B".to_owned(), "列C".to_owned()])));
        assert_eq!(find(&head, &[], 2, Some(9)), None);
    }
}
