//! Which rows of a table are its headings, under titles and over several rows.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use super::{RawRow, letters};
use crate::table::value::Value;

/// Rows among which the headings are looked for.
pub(super) const HEAD: usize = 12;
/// What headings end with; a remark in brackets behind it does not count.
const ENDINGS: &[&str] = &[
    "编号",
    "序号",
    "名称",
    "内容",
    "金额",
    "日期",
    "时间",
    "备注",
    "类别",
    "类型",
    "币种",
    "国别",
    "代码",
    "描述",
    "说明",
    "摘要",
    "概况",
    "简介",
    "单价",
    "总价",
    "数量",
    "期限",
    "状态",
    "方式",
    "甲方",
    "乙方",
    "单位",
    "部门",
    "负责人",
    "联系人",
    "电话",
    "title",
    "name",
    "text",
    "description",
    "content",
    "subject",
    "amount",
    "date",
];
/// What headings are, but ends contracts' names too.
const WHOLE: &[&str] =
    &["项目", "合同", "合同号", "合同额", "标题", "标的", "文字", "公司", "企业", "客户", "id", "no", "label", "gold"];
/// With so many known headings a row is surely one of headings …
const SURE: usize = 3;
/// … and with so many it is likelier than those below it.
const TELLING: usize = 2;

/// Cells that are one: their rows and columns, from 0. The first holds what they show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Merged {
    pub(super) rows: RangeInclusive<u64>,
    pub(super) columns: RangeInclusive<usize>,
}

/// How many cells the rows of a table fill.
#[derive(Debug, Default)]
pub(super) struct Widths {
    /// Columns up to the last that any row fills.
    widest: usize,
    /// For each number of filled cells the rows that have it.
    rows: BTreeMap<usize, usize>,
}

impl Widths {
    pub(super) fn add(&mut self, cells: &[Value]) {
        let filled = cells.iter().filter(|cell| !cell.is_blank()).count();
        self.widest = self.widest.max(cells.iter().rposition(|cell| !cell.is_blank()).map_or(0, |last| last + 1));
        *self.rows.entry(filled).or_default() += 1;
    }

    /// The width in which most cells stand: neither that of titles nor that of a row with remarks behind it.
    fn usual(&self) -> usize {
        self.rows.iter().max_by_key(|(filled, rows)| **filled * **rows).map_or(0, |(filled, _)| *filled)
    }
}

/// The headings of a table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Headings {
    /// Their last row; 0 where there are none.
    pub(super) last: u64,
    /// Over every column that any row fills.
    pub(super) names: Vec<String>,
    /// What the user should know of the choice, where it may be wrong.
    pub(super) note: Option<String>,
}

/// A row that may be the first of the headings.
struct Candidate {
    number: u64,
    last: u64,
    names: Vec<String>,
    /// How many cells it fills; a title over all columns is one.
    filled: usize,
    /// How many of them are known as headings.
    known: usize,
    /// Whether a number or a date stands in it.
    data: bool,
}

/// The headings among the first rows. `said` is their first row where it is known, 0 that there are none; without a word
/// they are found, or what is wrong is said.
pub(super) fn find(head: &[RawRow], merged: &[Merged], widths: &Widths, said: Option<u64>) -> Result<Headings, String> {
    let width = widths.widest;
    if said == Some(0) && width > 0 {
        let names = (0..width).map(|at| named(String::new(), at)).collect();
        return Ok(Headings { last: 0, names, note: None });
    }
    let candidate = |at| Candidate::of(at, head, merged, width);
    if let Some(number) = said {
        let at = head.iter().position(|row| row.number == number);
        return at.map(|at| candidate(at).headings(None)).ok_or_else(|| format!("没有第 {number} 行"));
    }
    let rows: Vec<Candidate> = (0..head.len().min(HEAD)).map(candidate).filter(|row| row.filled > 0).collect();
    if rows.is_empty() {
        return Err("找不到表头".to_owned());
    }
    let first = first(&rows, widths.usual()).ok_or("看不出哪一行是表头：开头各行都像数据")?;
    let found = &rows[first];
    let is_data =
        |row: &&Candidate| row.filled * 10 >= found.filled * 6 || row.data && row.filled * 10 >= widths.usual() * 6;
    let lost: Vec<String> = rows[..first].iter().filter(is_data).map(|row| row.number.to_string()).collect();
    if !lost.is_empty() {
        return Err(format!("第 {} 行像是表头，可是上面的第 {} 行像是数据", found.number, lost.join("、")));
    }
    let note = match (first, found.known) {
        (0, 0) => Some(format!("第 {} 行作为表头。它若已是数据，请加 --header-row 0", found.number)),
        (0, _) => None,
        (above, _) => {
            let number = found.number;
            Some(format!(
                "第 {number} 行作为表头，上面的 {above} 行没有读。不对请用 --header-row 指明（没有表头就写 0）"
            ))
        }
    };
    let found = rows.into_iter().nth(first).map(|row| row.headings(note));
    found.ok_or_else(|| "找不到表头".to_owned())
}

/// Which row is the first of the headings: one that is surely one, else the first without numbers that fills nearly as many
/// cells as usual (a title fills one or two) or is known, else one with years.
fn first(rows: &[Candidate], usual: usize) -> Option<usize> {
    let is_wide = |row: &Candidate| row.filled * 10 >= usual * 6;
    // Over headings there may stand what sums them up.
    let is_last = |at: usize| rows.get(at + 1).is_none_or(|next| next.data || next.known <= rows[at].known);
    let is_known = |at: usize, known: usize| {
        let row = &rows[at];
        !row.data && row.known >= known && row.known * 2 > row.filled && is_last(at)
    };
    let find = |is: &dyn Fn(usize) -> bool| (0..rows.len()).find(|&at| is(at));
    find(&|at| is_known(at, SURE))
        .or_else(|| find(&|at| is_known(at, TELLING) || !rows[at].data && is_wide(&rows[at])))
        .or_else(|| find(&|at| is_wide(&rows[at]) && rows[at].known > 0))
}

impl Candidate {
    fn of(at: usize, head: &[RawRow], merged: &[Merged], width: usize) -> Self {
        let number = head[at].number;
        let ends = merged.iter().filter(|cells| cells.rows.contains(&(number - 1))).map(|cells| cells.rows.end() + 1);
        let last = ends.max().unwrap_or(number);
        let texts: Vec<Vec<String>> = head[at..]
            .iter()
            .take_while(|row| row.number <= last)
            .map(|row| (0..width).map(|column| text(shown(row, column, head, merged))).collect())
            .collect();
        let over = |column: usize| {
            let mut parts: Vec<&str> =
                texts.iter().map(|row| row[column].as_str()).filter(|text| !text.is_empty()).collect();
            // Of cells that are one over several rows, one.
            parts.dedup();
            parts.join(" ")
        };
        let names: Vec<String> = (0..width).map(over).collect();
        let is_further = |column: usize| {
            let within = |cells: &Merged| cells.rows.contains(&(last - 1)) && cells.columns.contains(&column);
            merged.iter().any(|cells| within(cells) && *cells.columns.start() < column)
        };
        let own = (0..width).filter(|&column| !names[column].is_empty() && !is_further(column));
        let (known, others): (Vec<&String>, Vec<&String>) =
            own.map(|column| &names[column]).partition(|name| is_known(name));
        let cells = || (0..width).filter_map(|column| shown(&head[at], column, head, merged));
        let typed = cells().filter(|cell| !cell.is_blank() && !matches!(cell, Value::Text(_))).count();
        Self {
            number,
            last,
            filled: known.len() + others.into_iter().collect::<BTreeSet<_>>().len() + typed,
            known: known.len(),
            data: cells().any(is_data),
            names,
        }
    }

    fn headings(self, note: Option<String>) -> Headings {
        let names = self.names.into_iter().enumerate().map(|(at, name)| named(name, at)).collect();
        Headings { last: self.last, names, note }
    }
}

/// A heading; a column without one is called by its letter.
fn named(name: String, at: usize) -> String {
    if name.is_empty() { format!("列{}", letters(at)) } else { name }
}

fn is_known(heading: &str) -> bool {
    let bare = heading.split(['（', '(']).next().unwrap_or_default();
    let bare = bare.trim_matches(['*', '：', ':']).to_lowercase().replace(' ', "");
    WHOLE.contains(&bare.as_str()) || ENDINGS.iter().any(|ending| bare.ends_with(ending))
}

/// Whether a cell holds a number or a date, as such or in digits.
fn is_data(cell: &Value) -> bool {
    match cell {
        Value::Empty => false,
        Value::Text(text) => {
            let mark = |character: char| character.is_ascii_digit() || " .,，-/:%¥￥$年月日元万亿".contains(character);
            text.contains(|character: char| character.is_ascii_digit()) && text.chars().all(mark)
        }
        _ => true,
    }
}

/// What a cell of a row shows: of merged cells what the first holds.
fn shown<'a>(row: &'a RawRow, column: usize, head: &'a [RawRow], merged: &[Merged]) -> Option<&'a Value> {
    let at = row.number - 1;
    match merged.iter().find(|cells| cells.rows.contains(&at) && cells.columns.contains(&column)) {
        None => row.cells.get(column),
        Some(cells) => {
            let first = head.iter().find(|row| row.number - 1 == *cells.rows.start())?;
            first.cells.get(*cells.columns.start())
        }
    }
}

/// The text of a cell in one line; numbers and dates are no headings.
fn text(cell: Option<&Value>) -> String {
    match cell {
        Some(Value::Text(text)) => text.trim_start_matches('\u{feff}').split_whitespace().collect::<Vec<_>>().join(" "),
        _ => String::new(),
    }
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

    fn found(rows: &[&[&str]], merged: &[Merged], said: Option<u64>) -> Result<Headings, String> {
        let head = head(rows);
        let mut widths = Widths::default();
        head.iter().for_each(|row| widths.add(&row.cells));
        find(&head, merged, &widths, said)
    }

    #[test]
    fn a_title_over_all_columns_is_not_taken_for_the_headings() {
        let rows: [&[&str]; 3] = [&["2025年合同台账"], &["编号", "合同名称", "金额"], &["1", "客服", "3"]];
        let found = found(&rows, &[merged(0..=0, 0..=2)], None).unwrap();
        assert_eq!((found.last, &found.names[..]), (2, &["编号", "合同名称", "金额"].map(str::to_owned)[..]));
        assert!(found.note.unwrap().contains("上面的 1 行没有读"));
    }

    #[test]
    fn headings_over_two_rows_are_joined() {
        let rows: [&[&str]; 3] = [
            &["编号", "合同\n名称", "发包方", "", "执行\n 金额"],
            &["", "", "名称", "国别", ""],
            &["1", "客服", "某行", "中国", "3"],
        ];
        let merges = [merged(0..=1, 0..=0), merged(0..=1, 1..=1), merged(0..=0, 2..=3), merged(0..=1, 4..=4)];
        let names = ["编号", "合同 名称", "发包方 名称", "发包方 国别", "执行 金额"].map(str::to_owned).to_vec();
        assert_eq!(found(&rows, &merges, None), Ok(Headings { last: 2, names, note: None }));
    }

    #[test]
    fn the_first_row_can_be_said_and_a_column_without_a_heading_has_its_letter() {
        let rows: [&[&str]; 3] = [&["甲", "乙"], &["丙", ""], &["1", "2", "3"]];
        let names =
            |last, names: [&str; 3]| Ok(Headings { last, names: names.map(str::to_owned).to_vec(), note: None });
        assert_eq!(found(&rows, &[], Some(2)), names(2, ["丙", "列B", "列C"]));
        assert_eq!(found(&rows, &[], Some(0)), names(0, ["列A", "列B", "列C"]));
        assert!(found(&rows, &[], Some(9)).unwrap_err().contains("没有第 9 行"));
    }

    /// The row of the headings, and whether something is said of it.
    fn at(rows: &[&[&str]], merged: &[Merged]) -> (u64, bool) {
        let found = found(rows, merged, None).unwrap();
        (found.last, found.note.is_some())
    }

    #[test]
    fn a_row_that_is_wider_than_the_others_does_not_become_the_headings() {
        let remarks: &[&str] = &["3", "翻译", "7", "甲说", "乙说", "丙说", "丁说"];
        assert_eq!(
            at(&[&["合同编号", "合同名称", "金额"], &["1", "客服", "5"], &["2", "保洁", "6"], remarks], &[]),
            (1, false)
        );
        assert_eq!(
            at(&[&["甲", "乙"], &["1", "客服"], &["2", "外包"], &["3", "开发", "测试", "培训"], &["4", "记账"]], &[]),
            (1, true)
        );
        assert_eq!(at(&[&["编号", "项目"], &["1", "运维", "甲", "张"], &["2", "客服", "乙", "李"]], &[]), (1, false));
    }

    #[test]
    fn the_same_heading_over_every_column_is_one() {
        assert_eq!(at(&[&["名称", "名称", "名称"], &["软件开发", "乙", "丙"]], &[]), (1, false));
    }

    #[test]
    fn years_may_be_headings() {
        assert_eq!(at(&[&["项目名称", "2023", "2024"], &["客服", "1", "2"]], &[]), (1, false));
    }

    #[test]
    fn notes_and_sums_of_headings_stand_above_them() {
        let note: &[&str] = &["填报单位：某公司", "", "", "", "单位：元"];
        let sums: &[&str] = &["合同", "", "", "金额", ""];
        let names: &[&str] = &["合同编号", "合同名称", "服务内容", "金额", "日期"];
        let row: &[&str] = &["1", "客服", "", "", ""];
        assert_eq!(at(&[&["台账"], note, names, row, row, row, row], &[]), (3, true));
        assert_eq!(at(&[sums, names, row], &[]), (2, true));
        assert_eq!(at(&[sums, names, row], &[merged(0..=0, 0..=2), merged(0..=0, 3..=4)]), (2, true));
    }

    #[test]
    fn no_contract_becomes_the_headings_or_stands_above_them() {
        let refused = |rows: &[&[&str]]| found(rows, &[], None).unwrap_err();
        assert!(refused(&[&["客服外包", "1200"], &["软件开发", "300"]]).contains("看不出"));
        let above = refused(&[&["客服", "12"], &["", ""], &["保洁", "13"], &["合同名称", "金额"], &["运维", "3"]]);
        assert!(above.contains("第 4 行像是表头") && above.contains("第 1、3 行像是数据"), "{above}");
        assert_eq!(refused(&[&["", ""]]), "找不到表头");
    }
}
