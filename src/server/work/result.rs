//! The table of a job with its codes: the program's, and over them those of people.

use std::fs::File;
use std::path::Path;

use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tempfile::TempDir;

use super::spool::{Table, said};
use super::with_a_table;
use crate::batch::{Entry, Further, Output};
use crate::code::Label;
use crate::decision::Outcome;
use crate::error::Error;
use crate::pack::Pack;
use crate::record;
use crate::server::app::App;
use crate::server::auth::{Caller, Right};
use crate::server::download::download;
use crate::server::problem::Problem;
use crate::server::shown::moment;
use crate::server::store::audit;
use crate::server::store::jobs::{self, Final, Job, State};
use crate::server::store::reviews::Queue;
use crate::table::{Format, RawRow, Value};
use crate::whole::Part;

/// What is added behind the columns of a bulk run.
const FURTHER: Further = Further {
    key: "复核",
    columns: &["复核人", "复核时间", "复核备注", "程序代码", "程序置信度"],
};

/// The forms in which a table is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Form {
    Xlsx,
    Csv,
    Jsonl,
    Parquet,
}

impl Form {
    /// Every form, by its extension.
    pub(crate) const ALL: [(Self, &'static str); 4] =
        [(Self::Xlsx, "xlsx"), (Self::Csv, "csv"), (Self::Jsonl, "jsonl"), (Self::Parquet, "parquet")];

    /// The form in which a table came, or the one nearest to it.
    pub(crate) fn of(job: &Job) -> Self {
        match job.format.as_str() {
            "csv" | "tsv" | "txt" => Self::Csv,
            "jsonl" | "ndjson" => Self::Jsonl,
            "parquet" => Self::Parquet,
            _ => Self::Xlsx,
        }
    }

    fn extension(self) -> &'static str {
        Self::ALL.into_iter().find(|(form, _)| *form == self).map_or("", |(_, extension)| extension)
    }

    fn media(self) -> &'static str {
        match self {
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Jsonl => "application/x-ndjson",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }

    fn format(self) -> Format {
        match self {
            Self::Xlsx => Format::Workbook,
            Self::Csv => Format::Delimited,
            Self::Jsonl => Format::JsonLines,
            Self::Parquet => Format::Parquet,
        }
    }
}

/// The table of a job as it is now, as a download.
pub(crate) async fn made(app: &App, caller: &Caller, id: i64, form: Option<Form>) -> Result<Response, Problem> {
    caller.needs(Right::Work)?;
    let job = app.read(move |store| jobs::one(store, id)).await?;
    if job.state == State::Uploaded {
        return Err(Problem::Conflict("任务还没有开始，没有结果可下载".to_owned()));
    }
    let form = form.unwrap_or(Form::of(&job));
    let stem = Path::new(&job.name).file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let (name, by) = (format!("{stem}_归类.{}", form.extension()), caller.name.clone());
    let worker = app.clone();
    let (file, dir) = with_a_table(move || written(&worker, &job, form)).await?;
    let detail = json!({ "format": form });
    app.write(move |change| Ok(audit::append(change, &by, "导出", &jobs::subject(id), detail)?)).await?;
    download(file, dir, &name, form.media())
}

/// The table in a directory that goes with it.
fn written(app: &App, job: &Job, form: Form) -> Result<(File, TempDir), Problem> {
    let failed = |error| Error::file("结果的临时文件", "写入", error);
    let table = Table::of(app.store(), job)?;
    let dir = tempfile::tempdir().map_err(failed)?;
    let path = dir.path().join("table").with_extension(form.extension());
    let classifier = app.engine().classifier();
    let kept: Vec<usize> = (0..table.input.headings.len()).collect();
    let output = Output {
        input: &table.input,
        classifier: &classifier,
        columns: &job.plan.columns,
        id: job.plan.id,
        kept: &kept,
        further: Some(FURTHER),
        bom: true,
    };
    let records = form == Form::Jsonl;
    // One state of the data file from the first row to the last.
    app.store()
        .read(|connection| {
            let mut statement = jobs::finals(connection)?;
            let mut finals = statement.query([job.id])?;
            let mut next = finals.next()?.map(Final::of).transpose()?;
            let mut entry_of = |row: &RawRow| {
                let broken =
                    |error: rusqlite::Error| Error::Store { path: "数据文件".into(), source: error.into() };
                // Where rows are still being stored, those behind the last have no answer yet.
                let is_next = next.as_ref().is_some_and(|next| u64::try_from(next.number) == Ok(row.number));
                let known = if is_next { next.take() } else { None };
                if known.is_some() {
                    next = finals.next().and_then(|row| row.map(Final::of).transpose()).map_err(broken)?;
                }
                entry(classifier.pack(), known, records)
            };
            let part = Part::create(&path);
            Ok(part.and_then(|part| output.write(part, form.format(), &mut entry_of)))
        })?
        .map_err(|error| match error {
            Error::Argument(_) => said(&error, &path, &job.name),
            error => error.into(),
        })?;
    Ok((File::open(&path).map_err(failed)?, dir))
}

/// What is written on a row: what people decided, else what the program did.
fn entry(pack: &Pack, known: Option<Final>, records: bool) -> Result<Entry, Error> {
    let nothing = || Value::Empty;
    let text = |text: &str| Value::from(text.to_owned());
    let mut further: [Value; FURTHER.columns.len()] = std::array::from_fn(|_| Value::Empty);
    let mut entry = match &known {
        Some(known) if known.state == "empty" => Entry::empty(),
        Some(Final { state, failure: Some(reason), .. }) if state == "failed" => Entry::failed(reason),
        Some(Final { record: Some(json), .. }) => {
            let broken = |error: serde_json::Error| Error::Store { path: "数据文件".into(), source: error.into() };
            let mut entry = Entry::decided(&serde_json::from_str(json).map_err(broken)?);
            entry.record = records.then(|| json.clone());
            entry
        }
        _ => {
            let mut entry = Entry::empty();
            entry.put("结论", text("尚未归类"));
            entry
        }
    };
    if let Some(known) = &known {
        if let Some(queue) = Queue::parse(&known.state) {
            waits(&mut entry, queue);
        }
        if let Some(label) = &known.label {
            decided_by_people(pack, &mut entry, label, known.first.as_deref());
            further = [
                known.reader.as_deref().map_or_else(nothing, text),
                known.at.map_or_else(nothing, |at| text(&moment(at))),
                known.comment.as_deref().map_or_else(nothing, text),
                known.first.as_deref().map_or_else(nothing, text),
                known.confidence.map_or_else(nothing, Value::Number),
            ];
        }
    }
    entry.cells.extend(further);
    Ok(entry)
}

/// What waits for people needs them, however sure the program is by now.
fn waits(entry: &mut Entry, queue: Queue) {
    if queue == Queue::Open && entry.outcome == Some(Outcome::NeedsReview) {
        return;
    }
    entry.outcome = Some(Outcome::NeedsReview);
    entry.put("结论", Value::from(Outcome::NeedsReview.name().to_owned()));
    entry.put("需复核原因", Value::from(queue.name().to_owned()));
}

/// Puts the answer of people in place of the program's.
fn decided_by_people(pack: &Pack, entry: &mut Entry, label: &str, first: Option<&str>) {
    let known = label.parse::<Label>().ok();
    let class = known.and_then(Label::class);
    let path = class.map(|class| record::path(pack, class)).unwrap_or_default();
    let text = |text: Option<&str>| text.map_or(Value::Empty, |text| Value::from(text.to_owned()));
    let conclusion = match known {
        Some(_) => "人工选定",
        None => "不清楚",
    };
    let domain = class.and_then(|class| pack.key_domain("national-2022", class));
    for (column, value) in [
        ("代码", text(known.map(|_| label))),
        ("名称", text(known.map(|known| pack.name(known)))),
        ("大类", text(path.first().map(String::as_str))),
        ("中类", text(path.get(1).map(String::as_str))),
        ("置信度", Value::Empty),
        ("结论", text(Some(conclusion))),
        ("需复核原因", Value::Empty),
        ("出错原因", Value::Empty),
        ("重点领域(2022)", text(domain.map(|domain| domain.name.as_str()))),
    ] {
        entry.put(column, value);
    }
    if first != Some(label) {
        entry.put("依据", Value::Empty);
    }
    entry.outcome = None;
    entry.failed = false;
}
