//! A table that is shown on the page and written as a sheet, from the same cells.

use std::io::{Read, Seek};

use maud::{Markup, html as markup};

use super::super::rounded;
use crate::error::Error;
use crate::server::problem::Problem;
use crate::server::store::figures::UNCLEAR;
use crate::table::{Book, Cell};

/// What stands in a cell.
#[derive(Debug, Clone)]
pub(super) enum Entry {
    Nothing,
    Text(String),
    /// A label, which leads to the code book.
    Label(String),
    Count(u64),
    /// A share between nothing and one.
    Share(f64),
    /// A share and by how much it differs from the one before.
    Changed(f64, f64),
    Number(f64),
    Seconds(f64),
}

impl Entry {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A share, where there is one.
    pub(super) fn share(share: Option<f64>) -> Self {
        share.map_or(Self::Nothing, Self::Share)
    }

    fn is_number(&self) -> bool {
        !matches!(self, Self::Text(_) | Self::Label(_))
    }

    fn shown(&self) -> Markup {
        markup! {
            @match self {
                Self::Nothing => "–",
                Self::Text(text) => (text),
                Self::Label(label) if label == UNCLEAR => "不清楚",
                Self::Label(label) => { a.code href=(format!("/codes#{label}")) { (label) } },
                Self::Count(count) => (count),
                Self::Share(share) => (rounded(*share)),
                Self::Changed(share, by) => { (rounded(*share)) " " span.quiet { "(" (points(*by)) ")" } },
                Self::Number(number) => (format!("{number:.3}")),
                Self::Seconds(seconds) => (format!("{seconds:.1}")),
            }
        }
    }

    fn cell(&self) -> Cell<'_> {
        match self {
            Self::Nothing => Cell::Empty,
            Self::Text(text) | Self::Label(text) => Cell::from(text.as_str()),
            Self::Count(count) => Cell::Number(*count as f64),
            Self::Share(number) | Self::Changed(number, _) | Self::Number(number) | Self::Seconds(number) => {
                Cell::Number(*number)
            }
        }
    }
}

/// A difference of shares in percentage points, none with its sign.
fn points(by: f64) -> String {
    let rounded = (by * 1000.0).round() / 10.0;
    if rounded == 0.0 { "0.0".to_owned() } else { format!("{rounded:+.1}") }
}

/// A table with its name, which is that of its sheet.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) headings: Vec<String>,
    pub(super) rows: Vec<Vec<Entry>>,
}

impl Table {
    pub(super) fn new(name: &'static str, headings: &[&str]) -> Self {
        Self { name, headings: headings.iter().map(|&heading| heading.to_owned()).collect(), rows: Vec::new() }
    }

    /// The table on a page, its first so many rows.
    pub(super) fn shown(&self, most: usize) -> Markup {
        let numbers = |at: usize| self.rows.iter().any(|row| row.get(at).is_some_and(Entry::is_number));
        markup! {
            div.scroll {
                table {
                    caption { (self.name) }
                    thead {
                        tr {
                            @for (at, heading) in self.headings.iter().enumerate() {
                                th.number[numbers(at)] scope="col" { (heading) }
                            }
                        }
                    }
                    tbody {
                        @for row in self.rows.iter().take(most) {
                            tr { @for entry in row { td.number[entry.is_number()] { (entry.shown()) } } }
                        }
                        @if self.rows.is_empty() { tr { td.quiet colspan=(self.headings.len()) { "还没有数据" } } }
                    }
                }
                @if self.rows.len() > most { p.quiet { "另有 " (self.rows.len() - most) " 行，见导出" } }
            }
        }
    }
}

/// The tables as a workbook, a sheet each.
pub(super) fn workbook(tables: &[Table]) -> Result<Vec<u8>, Problem> {
    let mut book = Book::default();
    for table in tables {
        let headings: Vec<&str> = table.headings.iter().map(String::as_str).collect();
        let sheet = book.sheet(table.name, &headings, |heading| heading == "决定二者的问题")?;
        for row in &table.rows {
            book.push(sheet, row.iter().map(Entry::cell))?;
        }
    }
    let written = || {
        let mut file = tempfile::tempfile()?;
        book.save(&mut file)?;
        file.rewind()?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    written().map_err(|error| Problem::from(Error::file("导出的临时文件", "写入", error)))
}
