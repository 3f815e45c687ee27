//! An uploaded file, out of the data file and onto the disk for as long as it is read.

use std::io::{BufWriter, Write};
use std::path::Path;

use tempfile::{NamedTempFile, TempPath};

use crate::error::Error;
use crate::server::problem::Problem;
use crate::server::store::Store;
use crate::server::store::jobs::{self, Job};
use crate::table::Input;

/// A table that can be read for as long as this is kept.
pub(super) struct Table {
    pub(super) input: Input,
    _file: TempPath,
}

impl Table {
    /// The file of a job, as its plan reads it.
    pub(super) fn of(store: &Store, job: &Job) -> Result<Self, Problem> {
        let file = temporary(&job.format)?;
        let failed = |error| Error::file("临时文件", "写入", error);
        let mut writer = BufWriter::new(file);
        let mut number = 0;
        while let Some(bytes) = store.read(|connection| jobs::chunk(connection, job.id, number))? {
            writer.write_all(&bytes).map_err(failed)?;
            number += 1;
        }
        let file = writer.into_inner().map_err(|error| failed(error.into_error()))?.into_temp_path();
        let input = Input::open(&file, &job.plan.options()).map_err(|error| said(&error, &file, &job.name))?;
        Ok(Self { input, _file: file })
    }
}

/// A temporary file with an extension of ours.
pub(super) fn temporary(extension: &str) -> Result<NamedTempFile, Problem> {
    let made = tempfile::Builder::new().prefix("waibao").suffix(&format!(".{extension}")).tempfile();
    Ok(made.map_err(|error| Error::file("临时文件", "建立", error))?)
}

/// What the library says of a file, to somebody who uploaded it under another name and has no command line.
pub(super) fn said(error: &Error, path: &Path, name: &str) -> Problem {
    if matches!(error, Error::File { .. }) {
        return Problem::Invalid(format!("{name}：读取失败，请重新上传"));
    }
    Problem::Invalid(on_the_page(&error.to_string().replace(&path.display().to_string(), name)))
}

/// What is said to whoever has a command line, said to whoever has the page.
pub(super) fn on_the_page(text: &str) -> String {
    const WORDS: [(&str, &str); 9] = [
        ("，或用 --format 指明", ""),
        ("，或加 --format xlsx", ""),
        ("，或加 --format parquet", ""),
        ("请加 --format csv", "请把扩展名改为 .csv"),
        ("请用 --header-row 指明表头所在的行", "请在上传时填写“表头所在行”"),
        ("请用 --header-row 指明", "请在上传时填写“表头所在行”"),
        ("请加 --header-row 0", "请在上传时把“表头所在行”填为 0"),
        ("请用 --sheet 指明", "请在上传时填写“工作表”"),
        ("，或用 --select 只留要用的列", ""),
    ];
    WORDS.iter().fold(text.to_owned(), |text, (command, page)| text.replace(command, page))
}
