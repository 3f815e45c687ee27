//! The audit log as a table, with the hashes, so that the chain can be checked elsewhere.

use std::fs::File;
use std::io::{BufWriter, Seek, Write};

use axum::extract::State;
use axum::response::Response;
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::json;

use super::super::moment;
use super::Wanted;
use crate::error::{Error, Result};
use crate::server::app::App;
use crate::server::auth::{Caller, Form, Right};
use crate::server::download::download;
use crate::server::problem::Problem;
use crate::server::store::audit::{self, Entry, Filter};
use crate::table::{Book, Cell, Delimited, Value};

const COLUMNS: [&str; 9] =
    ["序号", "时间", "1970 年起的秒数", "谁", "做了什么", "对象", "详情", "前一条的哈希", "哈希"];

#[derive(Deserialize)]
pub(super) struct As {
    #[serde(default)]
    actor: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    format: Format,
}

/// What a table can be exported as.
#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Format {
    Csv,
    Xlsx,
}

/// Exports the entries that are wanted, and notes that it was done.
pub(super) async fn export(State(app): State<App>, Form(caller, form): Form<As>) -> Result<Response, Problem> {
    caller.needs(Right::Audit)?;
    let wanted = Wanted { actor: form.actor, action: form.action, from: form.from, to: form.to, before: None };
    let (filter, format) = (wanted.filter()?, form.format);
    let (entries, file) = app.read(move |store| write(store, &filter, format)).await??;
    note(&app, &caller, entries, &wanted, format).await?;
    let (ending, kind) = match format {
        Format::Csv => ("csv", "text/csv; charset=utf-8"),
        Format::Xlsx => ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    };
    let name = format!("审计日志-{}.{ending}", jiff::Zoned::now().strftime("%Y%m%d-%H%M%S"));
    download(file, (), &name, kind)
}

async fn note(app: &App, caller: &Caller, entries: u64, wanted: &Wanted, format: Format) -> Result<(), Problem> {
    let detail = json!({
        "entries": entries,
        "format": if format == Format::Csv { "csv" } else { "xlsx" },
        "actor": wanted.actor,
        "action": wanted.action,
        "from": wanted.from,
        "to": wanted.to,
    });
    let actor = caller.name.clone();
    app.write(move |change| Ok(audit::append(change, &actor, "导出", "审计日志", detail)?)).await
}

/// Writes the entries into a file that has no name and goes with whoever holds it.
fn write(store: &Connection, filter: &Filter, format: Format) -> rusqlite::Result<Result<(u64, File)>> {
    let entries = audit::count(store, filter)?;
    let failed = |error| Error::file("导出", "写入", error);
    let begun = || {
        if format == Format::Xlsx && entries > Book::ROWS {
            let problem = format!("{entries} 条超过 Excel 表的上限 {}。请导出 CSV，或缩小日期范围", Book::ROWS);
            return Err(Error::Argument(problem));
        }
        tempfile::tempfile().map_err(failed)
    };
    let mut file = match begun() {
        Ok(file) => file,
        Err(error) => return Ok(Err(error)),
    };
    let written = match format {
        Format::Csv => delimited(store, filter, &mut file)?,
        Format::Xlsx => book(store, filter, &mut file)?,
    };
    Ok(written.and_then(|()| file.rewind().map_err(failed)).map(|()| (entries, file)))
}

fn delimited(store: &Connection, filter: &Filter, file: &mut File) -> rusqlite::Result<Result<()>> {
    let failed = |error| Error::file("导出", "写入", error);
    let mut file = BufWriter::new(file);
    let mut table = match Delimited::new(&mut file, b',', true, COLUMNS.into_iter()) {
        Ok(table) => table,
        Err(error) => return Ok(Err(failed(error))),
    };
    let pushed = audit::each(store, filter, |entry| table.push(cells(entry).iter()))?;
    Ok(pushed.and_then(|()| table.finish()).and_then(|()| file.flush()).map_err(failed))
}

fn book(store: &Connection, filter: &Filter, file: &mut File) -> rusqlite::Result<Result<()>> {
    let mut book = Book::default();
    let sheet = match book.sheet("审计日志", &COLUMNS, |name| name == "详情") {
        Ok(sheet) => sheet,
        Err(error) => return Ok(Err(error)),
    };
    let pushed = audit::each(store, filter, |entry| book.push(sheet, cells(entry).iter().map(Cell::from)))?;
    Ok(pushed.and_then(|()| book.save(file).map_err(|error| Error::file("导出", "写入", error))))
}

fn cells(entry: Entry) -> [Value; 9] {
    let hex = |bytes: &[u8]| Value::from(crate::hex(bytes));
    [
        Value::Number(entry.id as f64),
        Value::from(moment(entry.at)),
        Value::Number(entry.at as f64),
        Value::from(entry.actor),
        Value::from(entry.action),
        Value::from(entry.subject),
        Value::from(entry.detail),
        hex(&entry.previous),
        hex(&entry.hash),
    ]
}
