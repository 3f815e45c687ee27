//! Labelled texts: those of a user's table, and those that are compiled in.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde::Deserialize;

use crate::calibration::Labelled;
use crate::code::{Label, ParseCodeError};
use crate::error::{Error, Result};
use crate::pack::Pack;
use crate::table;

/// A labelled text of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its number in the file, counted as a spreadsheet does.
    pub number: u64,
    /// The text's id; the row's number where it has none of its own.
    pub id: String,
    /// Whether the id is its own.
    pub own_id: bool,
    /// The text and its acceptable labels, the best first.
    pub labelled: Labelled,
    /// What a second reader gave it, blind.
    pub second: Option<SecondReading>,
    /// The clause that the text was written to try, and on which side of it the text lies.
    pub trial: Option<Trial>,
    /// What the text is grouped by: the name of a column and what stands in it.
    pub groups: Vec<(Rc<str>, String)>,
}

/// What two readers gave a text independently of each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecondReading {
    /// The acceptable labels of the first reader, the best first, before the two were settled.
    pub first: Vec<Label>,
    /// The label of the second.
    pub second: Label,
}

/// A text written to try a clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// The clause's id.
    pub clause: String,
    /// Whether the clause must catch the text; else the text is a neighbour that it must let pass.
    pub caught: bool,
    /// What the two texts of a pair have in common.
    pub pair: Option<String>,
}

/// What a column is for, with the names that it may have.
const TEXT: &[&str] = &["text", "文字", "合同描述", "合同内容", "内容", "描述"];
const GOLD: &[&str] = &["gold", "code", "标注", "正确代码", "代码"];
const ALT: &[&str] = &["alt", "第二代码", "备选代码"];
const ID: &[&str] = &["id", "编号", "序号"];
const SECOND: &[&str] = &["second", "复读"];
const FIRST: &[&str] = &["first", "初读"];

/// Columns that the texts are grouped by wherever a file has them.
const GROUPS: [&str; 3] = ["register", "language", "quality"];

/// Shows every labelled text of a file to a function: `.csv`, `.jsonl` or `.xlsx` with the columns `text` and `gold`, and, if
/// there, `alt`, `id`, `second`, `first`, `clause`, `side`, `pair` and columns to group by.
///
/// # Errors
/// [`Error::File`] for a file that cannot be read, [`Error::Row`] with row and column for what is wrong in it, and what
/// the function returns.
pub fn visit_labelled(path: &Path, groups: &[String], visit: &mut dyn FnMut(Row) -> Result<()>) -> Result<()> {
    let mut any = false;
    let read = table::read(path, &mut |raw| {
        any = true;
        visit(row(path, &raw, groups)?)
    });
    read.map_err(without_options)?;
    if any { Ok(()) } else { Err(Error::Argument(format!("{}：没有数据行", path.display()))) }
}

/// What is said of a table, without the options that a labelled file cannot be given.
fn without_options(error: Error) -> Error {
    let Error::Argument(mut text) = error else { return error };
    for (option, instead) in [
        ("请用 --header-row 指明表头所在的行", "请把表头（text、gold 等）放在第一行"),
        ("（没有表头就写 0）", ""),
        ("要读别的请用 --sheet 指明", "请把要读的表放在最前面"),
        ("，或用 --format 指明", ""),
        ("，或加 --format xlsx", ""),
        ("，或加 --format parquet", ""),
        ("请加 --format csv", "请把扩展名改为 .csv"),
    ] {
        text = text.replace(option, instead);
    }
    Error::Argument(text)
}

/// Goes through labelled files before anything is answered: every row by itself, whether the pack has its labels, and that
/// no id stands twice.
///
/// # Errors
/// As [`visit_labelled`].
pub fn check_labelled(files: &[PathBuf], groups: &[String], pack: &Pack) -> Result<()> {
    let mut ids: HashMap<String, (&Path, u64, bool)> = HashMap::new();
    for path in files {
        visit_labelled(path, groups, &mut |row| {
            let bad = |column: &[&str], problem: String| Error::Row {
                path: path.clone(),
                row: row.number,
                column: column[0].to_owned(),
                problem,
            };
            if let Some((column, label)) = row.labels().find(|(_, label)| !pack.can_give(*label)) {
                let problem = format!("分类包 {} 里没有小类 {label}。运行 waibao codes 列出全部", pack.id);
                return Err(bad(column, problem));
            }
            let (path, number, own) = (path.as_path(), row.number, row.own_id);
            match ids.insert(row.id.clone(), (path, number, own)) {
                // Rows without an id are known by their number, which other files have too.
                Some((other, earlier, owned)) if other == path || (own && owned) => {
                    let other = other.display();
                    let problem = format!("编号“{}”与 {other} 第 {earlier} 行的相同。编号不能重复", row.id);
                    Err(bad(ID, problem))
                }
                _ => Ok(()),
            }
        })?;
    }
    Ok(())
}

impl Row {
    /// Every label that stands in it, with its column.
    fn labels(&self) -> impl Iterator<Item = (&'static [&'static str], Label)> {
        let gold = [GOLD, ALT].into_iter().zip(self.labelled.labels.iter().copied());
        let second = self.second.iter().map(|reading| (SECOND, reading.second));
        let first = self.second.iter().flat_map(|reading| reading.first.iter().map(|label| (FIRST, *label)));
        gold.chain(second).chain(first)
    }
}

/// Every labelled text of a file.
///
/// # Errors
/// As [`visit_labelled`].
pub fn read_labelled(path: &Path) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    visit_labelled(path, &[], &mut |row| {
        rows.push(row);
        Ok(())
    })?;
    Ok(rows)
}

fn row(path: &Path, raw: &table::Row, groups: &[String]) -> Result<Row> {
    let bad = |column: &str, problem: String| Error::Row {
        path: path.to_owned(),
        row: raw.number,
        column: column.to_owned(),
        problem,
    };
    let find = |names: &[&'static str]| names.iter().find_map(|name| Some((*name, raw.get(name)?)));
    let required = |names: &[&'static str]| {
        find(names).ok_or_else(|| {
            let there = raw.columns().find(|column| names.contains(column));
            let found = raw.columns().collect::<Vec<_>>().join("、");
            match there {
                Some(column) => bad(column, "是空的".to_owned()),
                None => bad(names[0], format!("缺少此列（也可叫{}）；现有的列：{found}", names[1..].join("、"))),
            }
        })
    };
    let label = |(column, text): (&str, &str)| {
        text.parse::<Label>().map_err(|error: ParseCodeError| bad(column, format!("{error}；不属于服务外包写作 OUT")))
    };
    let (_, text) = required(TEXT)?;
    let mut labels = vec![label(required(GOLD)?)?];
    if let Some(alt) = find(ALT) {
        labels.push(label(alt)?);
    }
    for (column, label) in [(GOLD, labels.first()), (ALT, labels.get(1))] {
        if let Some(label) = label.filter(|label| label.class().is_some_and(|code| code.as_str().len() < 3)) {
            return Err(bad(column[0], format!("{label} 不是小类；应为三位代码，如 I11，或 OUT")));
        }
    }
    let first = match find(FIRST) {
        Some((column, text)) => text.split_whitespace().map(|code| label((column, code))).collect::<Result<_>>()?,
        None => labels.clone(),
    };
    let second = find(SECOND).map(label).transpose()?.map(|second| SecondReading { first, second });
    let trial = match (raw.get("clause"), raw.get("side")) {
        (None, None) => None,
        (Some(clause), Some(side @ ("caught" | "clear"))) => Some(Trial {
            clause: clause.to_owned(),
            caught: side == "caught",
            pair: raw.get("pair").map(str::to_owned),
        }),
        _ => return Err(bad("side", "有 clause 就须有 side，且为 caught（应命中）或 clear（应放过）".to_owned())),
    };
    let wanted = |name: &str| GROUPS.contains(&name) || groups.iter().any(|group| group == name);
    if let Some(missing) = groups.iter().find(|group| !raw.columns().any(|column| column == group.as_str())) {
        let found = raw.columns().collect::<Vec<_>>().join("、");
        return Err(bad(missing, format!("没有此列，不能按它分组；现有的列：{found}")));
    }
    let grouped = raw.cells.iter().filter(|(name, value)| wanted(name) && !value.trim().is_empty());
    Ok(Row {
        number: raw.number,
        own_id: find(ID).is_some(),
        id: find(ID).map_or_else(|| raw.number.to_string(), |(_, id)| id.to_owned()),
        labelled: Labelled { text: text.to_owned(), labels, pair: raw.get("pair").map(str::to_owned) },
        second,
        trial,
        groups: grouped.map(|(name, value)| (name.clone(), value.trim().to_owned())).collect(),
    })
}

/// The files of training texts, compiled in.
macro_rules! shipped {
    ($($name:literal),+ $(,)?) => {
        [$((concat!($name, ".jsonl"), include_str!(concat!("../../training_data/written/", $name, ".jsonl")))),+]
    };
}

/// What is needed of a training text.
#[derive(Deserialize)]
struct Shipped {
    text: String,
    code: Label,
    alt: Option<Label>,
    pair: Option<String>,
}

/// The self-written labelled texts that are compiled in, from which a foreign model is calibrated.
///
/// # Errors
/// Never for a released program: its tests read them.
pub fn shipped_labels() -> Result<Vec<Labelled>> {
    let files = shipped![
        "a1", "a2", "a3", "a4", "a5", "a6", "b1", "b2", "b3", "b4", "b5", "c1", "d1", "e1", "e2", "e3", "e4", "e5",
        "e6", "f1", "g1", "n1", "o1", "p1", "p2", "p3", "p4", "p5", "q1", "r1", "r2", "r3", "r4", "r5", "r6", "r7",
        "r8", "r9", "r10", "r11", "r12", "r13", "r14", "t1", "t2", "t3", "t4", "t5", "t6", "t7", "t8", "t9", "t10",
        "t11"
    ];
    let mut labelled = Vec::new();
    for (name, text) in files {
        for (number, line) in (1..).zip(text.lines()) {
            let raw: Shipped = serde_json::from_str(line).map_err(|error| Error::Row {
                path: name.into(),
                row: number,
                column: "整行".to_owned(),
                problem: error.to_string(),
            })?;
            let labels = [raw.code].into_iter().chain(raw.alt).collect();
            labelled.push(Labelled { text: raw.text, labels, pair: raw.pair });
        }
    }
    Ok(labelled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, content: &str) -> Result<Vec<Row>> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        read_labelled(&path)
    }

    #[test]
    fn csv_and_json_lines_give_the_same_rows() {
        let csv = "\u{feff}id,text,gold,alt,second,language,clause,side,pair\n\
                   1,\"座席,外包\",B23,,B23,zh,,,\n2,劳务派遣,OUT,B11,OUT,zh,B11-x1,caught,B11-x1#1\n";
        let json = r#"{"id":"1","text":"座席,外包","gold":"B23","alt":null,"second":"B23","language":"zh"}
            {"id":"2","text":"劳务派遣","gold":"OUT","alt":"B11","second":"OUT","language":"zh","clause":"B11-x1","side":"caught","pair":"B11-x1#1"}"#;
        let csv = read("a.csv", csv).unwrap();
        let lines = read("a.jsonl", json).unwrap().into_iter().map(|row| Row { number: row.number + 1, ..row });
        assert_eq!(csv, lines.collect::<Vec<_>>());
        assert_eq!(csv[1].labelled.labels.len(), 2);
        assert!(csv[1].trial.as_ref().unwrap().caught);
        assert_eq!(csv[0].groups, [(Rc::from("language"), "zh".to_owned())]);
    }

    #[test]
    fn chinese_headings_will_do() {
        let rows = read("a.csv", "编号,合同描述,代码\n7,座席外包,B23\n").unwrap();
        assert_eq!((rows[0].id.as_str(), rows[0].labelled.text.as_str()), ("7", "座席外包"));
    }

    #[test]
    fn a_bad_row_is_named_by_row_and_column() {
        let error = |name, content| read(name, content).unwrap_err().to_string();
        let message = error("a.csv", "text,gold\n座席外包,B23\n软件,I1X\n");
        assert!(message.contains("第 3 行") && message.contains("gold") && message.contains("I1X"), "{message}");
        let message = error("a.csv", "text,gold\n座席外包,\n");
        assert!(message.contains("第 2 行") && message.contains("gold") && message.contains("空"), "{message}");
        let message = error("a.csv", "text,label\n座席外包,B23\n");
        assert!(message.contains("gold") && message.contains("label"), "{message}");
        let message = error("a.csv", "text,gold\n座席外包,B2\n");
        assert!(message.contains("B2 不是小类"), "{message}");
        let message = error("a.csv", "text,gold,clause,side\n座席外包,B23,B23-x1,left\n");
        assert!(message.contains("side"), "{message}");
        let message = error("a.jsonl", "{\"text\":\"x\"}\n");
        assert!(message.contains("第 1 行"), "{message}");
        assert!(error("a.csv", "text,gold\n").contains("没有数据行"));
        let message = error("a.csv", "");
        assert!(message.contains("第一行") && !message.contains("--"), "{message}");
    }

    #[test]
    fn a_label_that_no_pack_has_and_an_id_that_stands_twice_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let pack = Pack::embedded().unwrap();
        let check = |files: &[&str]| {
            let file = |(at, content): (usize, &&str)| {
                let path = dir.path().join(format!("{at}.csv"));
                std::fs::write(&path, content).unwrap();
                path
            };
            let files: Vec<PathBuf> = files.iter().enumerate().map(file).collect();
            check_labelled(&files, &[], &pack).map_err(|error| error.to_string())
        };
        let says = |files: &[&str], words: &[&str]| {
            let message = check(files).unwrap_err();
            words.iter().for_each(|word| assert!(message.contains(word), "{word}: {message}"));
        };
        says(&["text,gold\n座席,B23\n座席,B99\n"], &["0.csv", "第 3 行", "gold", "B99"]);
        says(&["text,gold,alt\n座席,B23,B98\n"], &["第 2 行", "alt", "B98"]);
        says(&["text,gold,second\n座席,B23,B2\n"], &["第 2 行", "second", "B2"]);
        says(&["id,text,gold\n7,座席,B23\n8,座席,B23\n7,座席,B23\n"], &["第 4 行", "id", "“7”", "0.csv 第 2 行"]);
        let ids = "id,text,gold\n1,座席,B23\n";
        says(&[ids, ids], &["1.csv", "第 2 行", "“1”", "0.csv 第 2 行"]);
        // Rows without ids are known by their numbers, which every file has.
        assert_eq!(check(&["text,gold\n座席,B23\n", "text,gold\n座席,B23\n"]), Ok(()));
    }
}
