//! JSON lines: an object a line.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde_json::{Map, Value as Json};

use super::{RawRow, Visit};
use crate::error::{Error, Result};
use crate::table::value::Value;

/// Whether the first thing in a file is an object.
pub(super) fn begin_with_an_object(path: &Path) -> Result<bool> {
    let file = File::open(path).map_err(|error| Error::file(path, "读取", error))?;
    let mark = |byte: &u8| byte.is_ascii_whitespace() || "\u{feff}".as_bytes().contains(byte);
    let first = BufReader::new(file).bytes().find(|byte| !byte.as_ref().is_ok_and(mark));
    Ok(first.transpose().map_err(|error| Error::file(path, "读取", error))? == Some(b'{'))
}

/// Every key of any object, in the order in which they first come.
pub(super) fn keys(path: &Path) -> Result<Vec<String>> {
    let mut keys: Vec<String> = Vec::new();
    each(path, &mut |_, _, object| {
        keys.extend(object.into_iter().map(|(key, _)| key).filter(|key| !keys.contains(key)).collect::<Vec<_>>());
        Ok(())
    })?;
    Ok(keys)
}

/// Shows every object to a function, its values under the headings.
pub(super) fn rows(path: &Path, headings: &[String], visit: &mut Visit<'_>) -> Result<()> {
    each(path, &mut |number, line, mut object| {
        let cells = headings.iter().map(|key| object.remove(key).map_or(Value::Empty, value)).collect();
        visit(RawRow { number, cells, line: Some(line) })
    })
}

fn value(json: Json) -> Value {
    match json {
        Json::Null => Value::Empty,
        Json::Bool(value) => Value::Bool(value),
        Json::Number(number) => match number.as_f64().filter(|float| float.to_string() == number.to_string()) {
            Some(float) => Value::Number(float),
            None => Value::Text(number.to_string()),
        },
        Json::String(text) => Value::from(text),
        other => Value::Text(other.to_string()),
    }
}

fn each(path: &Path, visit: &mut dyn FnMut(u64, String, Map<String, Json>) -> Result<()>) -> Result<()> {
    let broken = |row, problem| Error::Row { path: path.to_owned(), row, column: "整行".to_owned(), problem };
    let file = File::open(path).map_err(|error| Error::file(path, "读取", error))?;
    for (number, line) in (1..).zip(BufReader::new(file).lines()) {
        let line = line.map_err(|error| match error.kind() {
            std::io::ErrorKind::InvalidData => broken(number, "不是 UTF-8 编码的文字".to_owned()),
            _ => Error::file(path, "读取", error),
        })?;
        let line = line.trim_start_matches('\u{feff}').trim();
        if line.is_empty() {
            continue;
        }
        let object =
            serde_json::from_str(line).map_err(|error| broken(number, format!("不是一个 JSON 对象：{error}")))?;
        visit(number, line.to_owned(), object)?;
    }
    Ok(())
}
