//! The taking in of a file: received in pieces, looked through, stored.

use std::io::{BufReader, Read, Write};
use std::path::Path;

use axum::RequestExt;
use axum::body::Bytes;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::http::StatusCode;
use futures_util::{TryStream, TryStreamExt};
use tempfile::NamedTempFile;

use super::spool::{on_the_page, said, temporary};
use super::{amount, with_a_table};
use crate::batch::{Guess, guess};
use crate::error::Error;
use crate::server::app::{App, blocking};
use crate::server::auth::{Caller, Right, Upload};
use crate::server::problem::Problem;
use crate::server::store::jobs::{self, New, Plan};
use crate::table::{Input, Options, Value};

/// What files may be called behind the dot.
const EXTENSIONS: [&str; 11] =
    ["xlsx", "xls", "ods", "csv", "tsv", "jsonl", "parquet", "txt", "ndjson", "xlsm", "xlsb"];
/// Bytes of a piece, on the way in and in the data file.
const PIECE: usize = 1 << 20;
/// Bytes of a field that is no file.
const FIELD: usize = 1 << 10;
/// Characters of a name that are kept.
const NAME: usize = 120;
/// Rows that are kept for showing, and characters of their cells.
const SHOWN: (usize, usize) = (5, 80);
/// Share of automatic rows that are looked at all the same, unless somebody says otherwise.
const SAMPLED: f64 = 0.05;
/// Headings of the amount of a contract, the surest first.
const AMOUNTS: [&str; 5] = ["金额", "合同额", "总价", "价", "amount"];
/// Headings by which people know a contract, the surest first.
const IDS: [&str; 4] = ["合同编号", "编号", "合同号", "id"];

/// A file that somebody sent, on the disk; gone when dropped.
pub(crate) struct Received {
    pub(crate) caller: Caller,
    name: String,
    format: &'static str,
    file: NamedTempFile,
    options: Options,
}

impl FromRequest<App> for Received {
    type Rejection = Problem;

    async fn from_request(mut request: Request, app: &App) -> Result<Self, Problem> {
        let limit = app.limits().upload;
        // A browser that is still sending shows no answer: what is somewhat too large is received all the same, and dropped.
        DefaultBodyLimit::max(limit.saturating_mul(2)).apply(&mut request);
        let Upload(caller, mut form) = Upload::from_request(request, app).await?;
        caller.needs(Right::Work)?;
        let mut options = Options::default();
        let mut received = None;
        while let Some(field) = form.next_field().await.map_err(|error| broken(&error, limit))? {
            match field.name() {
                Some("file") => {
                    let name = field.file_name().unwrap_or_default().to_owned();
                    received = Some(file(&name, field.map_err(|error| broken(&error, limit)), limit).await?);
                }
                Some("sheet") => options.sheet = said_in(field).await?,
                Some("header_row") => {
                    let row = said_in(field).await?.map(|row| row.parse::<u64>()).transpose();
                    let row = row.ok().filter(|row| row.is_none_or(|row| row <= 1_000));
                    options.header_row = row.ok_or_else(|| {
                        Problem::Invalid("表头所在行应是 1 与 1000 之间的数，没有表头填 0".to_owned())
                    })?;
                }
                _ => {}
            }
        }
        let (name, format, file) = received.ok_or_else(|| Problem::Invalid("请选择要上传的文件".to_owned()))?;
        Ok(Self { caller, name, format, file, options })
    }
}

impl Received {
    /// A file that is the whole body of a request.
    pub(crate) async fn alone(
        app: &App,
        caller: Caller,
        name: &str,
        options: Options,
        mut request: Request,
    ) -> Result<Self, Problem> {
        let limit = app.limits().upload;
        DefaultBodyLimit::max(limit.saturating_mul(2)).apply(&mut request);
        let body = request.into_limited_body().into_data_stream();
        // What is over the limit above breaks off like any other body that does not come to its end.
        let pieces = body.map_err(|_| Problem::Invalid("上传中断或格式不对，请重新上传".to_owned()));
        let (name, format, file) = file(name, pieces, limit).await?;
        Ok(Self { caller, name, format, file, options })
    }

    /// Looks the file through and makes a job of it that waits for its plan; gives the job's number. A file that cannot be read
    /// leaves nothing behind.
    pub(crate) async fn keep(self, app: &App) -> Result<i64, Problem> {
        let app = app.clone();
        with_a_table(move || self.stored(&app)).await
    }

    fn stored(self, app: &App) -> Result<i64, Problem> {
        let path = self.file.path();
        let input = Input::open(path, &self.options).map_err(|error| said(&error, path, &self.name))?;
        let columns = match guess(&input.headings, &input.sample) {
            Guess::Sure(columns) => columns,
            Guess::Unsure(_) => Vec::new(),
        };
        let plan = Plan {
            sheet: self.options.sheet,
            header_row: self.options.header_row,
            id: heading(&input, &IDS).find(|at| !columns.contains(at)),
            amount: heading(&input, &AMOUNTS).find(|&at| holds_amounts(&input, at)),
            columns,
            double: 0.0,
            sampled: SAMPLED,
            usual_amount: None,
        };
        let (rows, length) = SHOWN;
        let cut = |cell: &String| cell.chars().take(length).collect::<String>();
        let sample = input.sample.iter().take(rows).map(|row| row.iter().map(cut).collect()).collect();
        let notes = input.notes.iter().map(|note| on_the_page(note)).collect();
        let (headings, rows) = (input.headings, input.rows);
        let new = New { name: self.name, format: self.format, headings, sample, notes, plan, rows };
        let failed = |error| Error::file("临时文件", "读取", error);
        app.store().write(|change| {
            let id = jobs::create(change, &self.caller.name, &new)?;
            let mut reader = BufReader::new(self.file.reopen().map_err(failed)?);
            for number in 0.. {
                let mut bytes = Vec::with_capacity(PIECE);
                reader.by_ref().take(PIECE as u64).read_to_end(&mut bytes).map_err(failed)?;
                if bytes.is_empty() {
                    break;
                }
                jobs::add_chunk(change, id, number, &bytes)?;
            }
            Ok(id)
        })
    }
}

/// Receives a file onto the disk: its name for people, its extension, itself.
async fn file(
    name: &str,
    mut pieces: impl TryStream<Ok = Bytes, Error = Problem> + Unpin,
    limit: usize,
) -> Result<(String, &'static str, NamedTempFile), Problem> {
    let name = shown(name);
    if name.is_empty() {
        return Err(Problem::Invalid("请选择要上传的文件".to_owned()));
    }
    let extension = Path::new(&name).extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let known = EXTENSIONS.into_iter().find(|known| known.eq_ignore_ascii_case(extension));
    let mut written = match known {
        Some(known) => Some((known, temporary(known)?)),
        None => None,
    };
    let (mut piece, mut size) = (Vec::new(), 0_usize);
    loop {
        let chunk = pieces.try_next().await?;
        let last = chunk.is_none();
        size += chunk.as_ref().map_or(0, Bytes::len);
        if size > limit {
            // Goes on to the end, so that the answer is read.
            (written, piece) = (None, Vec::new());
        } else if let Some((known, mut to)) = written.take() {
            piece.extend_from_slice(chunk.as_deref().unwrap_or_default());
            if last || piece.len() >= PIECE {
                let bytes = std::mem::take(&mut piece);
                to = blocking(move || match to.write_all(&bytes) {
                    Ok(()) => Ok(to),
                    Err(error) => Err(Error::file("临时文件", "写入", error).into()),
                })
                .await?;
            }
            written = Some((known, to));
        }
        if last {
            break;
        }
    }
    match written {
        Some((known, file)) => Ok((name, known, file)),
        None if size > limit => Err(too_large(limit)),
        None => Err(Problem::Invalid(format!(
            "{name}：认不出文件格式。请用 .xlsx、.xls、.ods、.csv、.tsv、.jsonl 或 .parquet"
        ))),
    }
}

/// What stands in a field that is no file; nothing where it is empty.
async fn said_in(mut field: Field<'_>) -> Result<Option<String>, Problem> {
    let wrong = || Problem::Invalid("表单有误，请刷新后重试".to_owned());
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(|_| wrong())? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > FIELD {
            return Err(wrong());
        }
    }
    let text = String::from_utf8(bytes).map_err(|_| wrong())?;
    Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
}

fn broken(error: &MultipartError, limit: usize) -> Problem {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return too_large(limit);
    }
    Problem::Invalid("上传中断或格式不对，请重新上传".to_owned())
}

fn too_large(limit: usize) -> Problem {
    Problem::TooLarge(format!("文件超过上限 {} MB。请分成几个文件，或另存为 .xlsx 后再上传", limit >> 20))
}

/// A file's name as it is shown: without folders and without what cannot be seen.
fn shown(name: &str) -> String {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let seen: Vec<char> = name.trim().chars().filter(|character| !character.is_control()).collect();
    // The end of a long name says what kind of file it is.
    seen[seen.len().saturating_sub(NAME)..].iter().collect()
}

/// The columns whose headings hold one of these words, by the order of the words.
fn heading<'a>(input: &'a Input, words: &'a [&str]) -> impl Iterator<Item = usize> + 'a {
    let of = move |word: &'a &str| {
        let holds = move |at: &usize| input.headings[*at].to_lowercase().contains(word);
        (0..input.headings.len()).filter(holds)
    };
    words.iter().flat_map(of)
}

/// Whether most of what stands in a column are amounts.
fn holds_amounts(input: &Input, at: usize) -> bool {
    let cells = input.sample.iter().filter_map(|row| row.get(at)).filter(|cell| !cell.trim().is_empty());
    let (all, amounts) = cells.fold((0, 0), |(all, amounts), cell| {
        let amount = amount::amount(&Value::Text(cell.clone()));
        (all + 1, amounts + usize::from(amount.is_some()))
    });
    all > 0 && amounts * 2 > all
}
