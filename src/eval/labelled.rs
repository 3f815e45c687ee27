//! Labelled texts: CSV files with a header, JSON lines, and those that are compiled in.

use std::path::Path;

use serde::Deserialize;

use crate::calibration::Labelled;
use crate::code::Label;
use crate::error::{Error, Result};

/// A labelled text of a file, with its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The id; the row's number where the file has none.
    pub id: String,
    /// The text and its acceptable labels.
    pub labelled: Labelled,
}

/// The self-written labelled texts that are compiled in, from which a foreign model is calibrated.
///
/// # Errors
/// Never for a released program: its tests read them.
pub fn shipped_labels() -> Result<Vec<Labelled>> {
    let files = [
        ("t1.jsonl", include_str!("../../training_data/t1.jsonl")),
        ("t2.jsonl", include_str!("../../training_data/t2.jsonl")),
        ("t3.jsonl", include_str!("../../training_data/t3.jsonl")),
        ("t4.jsonl", include_str!("../../training_data/t4.jsonl")),
        ("t5.jsonl", include_str!("../../training_data/t5.jsonl")),
        ("t6.jsonl", include_str!("../../training_data/t6.jsonl")),
        ("t7.jsonl", include_str!("../../training_data/t7.jsonl")),
        ("t8.jsonl", include_str!("../../training_data/t8.jsonl")),
        ("t9.jsonl", include_str!("../../training_data/t9.jsonl")),
        ("t10.jsonl", include_str!("../../training_data/t10.jsonl")),
        ("t11.jsonl", include_str!("../../training_data/t11.jsonl")),
    ];
    let mut labelled = Vec::new();
    for (name, text) in files {
        labelled.extend(json_lines(Path::new(name), text)?.into_iter().map(|row| row.labelled));
    }
    Ok(labelled)
}

/// The rows of a labelled file: `.csv` with the columns `text`, `gold` and, if there, `alt` and `id`; or `.jsonl` with
/// the keys `text`, `code`, `alt` and `id`.
///
/// # Errors
/// [`Error::File`] for a file that cannot be read, [`Error::Row`] with row and column for one that is wrong.
pub fn read_labelled(path: &Path) -> Result<Vec<Row>> {
    let text = std::fs::read_to_string(path).map_err(|error| Error::file(path, "读取", error))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("jsonl") => json_lines(path, text),
        Some("csv") => csv_rows(path, text),
        _ => Err(Error::Argument(format!("{}：只认 .csv 和 .jsonl 文件", path.display()))),
    }
}

#[derive(Deserialize)]
struct JsonRow {
    id: Option<String>,
    text: String,
    code: String,
    alt: Option<String>,
}

fn json_lines(path: &Path, text: &str) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let number = at as u64 + 1;
        let raw: JsonRow = serde_json::from_str(line)
            .map_err(|error| bad_row(path, number, "整行", format!("不是预期的 JSON：{error}")))?;
        rows.push(row(path, number, raw.id, raw.text, [("code", Some(raw.code)), ("alt", raw.alt)])?);
    }
    Ok(rows)
}

fn csv_rows(path: &Path, text: &str) -> Result<Vec<Row>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let broken = |error: csv::Error| {
        let number = error.position().map_or(1, csv::Position::line);
        bad_row(path, number, "整行", format!("不是完整的 CSV：{error}"))
    };
    let headers = reader.headers().map_err(broken)?.clone();
    let column = |name: &str| headers.iter().position(|header| header.trim() == name);
    let required = |name: &str| {
        let found = headers.iter().collect::<Vec<_>>().join("、");
        column(name).ok_or_else(|| bad_row(path, 1, name, format!("缺少此列；现有的列：{found}")))
    };
    let (text_at, gold_at, alt_at, id_at) = (required("text")?, required("gold")?, column("alt"), column("id"));
    let mut rows = Vec::new();
    for (at, record) in reader.records().enumerate() {
        let record = record.map_err(broken)?;
        let cell = |at: usize| record.get(at).unwrap_or_default().to_owned();
        let number = at as u64 + 2;
        let labels = [("gold", Some(cell(gold_at))), ("alt", alt_at.map(cell).filter(|alt| !alt.is_empty()))];
        rows.push(row(path, number, id_at.map(cell), cell(text_at), labels)?);
    }
    Ok(rows)
}

fn row(path: &Path, number: u64, id: Option<String>, text: String, raw: [(&str, Option<String>); 2]) -> Result<Row> {
    let mut labels = Vec::new();
    for (column, label) in raw.into_iter().filter_map(|(column, label)| Some((column, label?))) {
        let parsed: Label = label.trim().parse().map_err(|error: crate::code::ParseCodeError| {
            bad_row(path, number, column, format!("{error}；不属于服务外包写作 OUT"))
        })?;
        labels.push(parsed);
    }
    let id = id.filter(|id| !id.is_empty()).unwrap_or_else(|| number.to_string());
    Ok(Row { id, labelled: Labelled { text, labels } })
}

fn bad_row(path: &Path, row: u64, column: &str, problem: String) -> Error {
    Error::Row { path: path.to_owned(), row, column: column.to_owned(), problem }
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
        let csv = read("a.csv", "\u{feff}id,text,gold,alt\n1,\"座席,外包\",B23,\n2,劳务派遣,OUT,B11\n").unwrap();
        let json = "{\"id\":\"1\",\"text\":\"座席,外包\",\"code\":\"B23\",\"alt\":null}\n{\"id\":\"2\",\"text\":\"劳务派遣\",\"code\":\"OUT\",\"alt\":\"B11\"}\n";
        assert_eq!(csv, read("a.jsonl", json).unwrap());
        assert_eq!(csv[1].labelled.labels.len(), 2);
    }

    #[test]
    fn a_bad_row_is_named_by_row_and_column() {
        let error = |name, content| read(name, content).unwrap_err().to_string();
        let message = error("a.csv", "text,gold\n座席外包,B23\n软件,I1X\n");
        assert!(message.contains("第 3 行") && message.contains("gold") && message.contains("I1X"), "{message}");
        let message = error("a.csv", "text,label\n座席外包,B23\n");
        assert!(message.contains("gold") && message.contains("label"), "{message}");
        let message = error("a.jsonl", "{\"text\":\"x\"}\n");
        assert!(message.contains("第 1 行"), "{message}");
        assert!(error("a.txt", "").contains(".csv"));
    }
}
