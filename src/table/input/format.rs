//! The form of a file, by its name and by what stands in it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::lines;
use crate::error::{Error, Result};

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Cells between commas, tabs, semicolons or bars.
    Delimited,
    /// A JSON object a line.
    JsonLines,
    /// `.xlsx`, `.xls` or `.ods`.
    Workbook,
    /// Columns with types.
    Parquet,
}

impl Format {
    /// By the extension of a file.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" | "tsv" | "txt" => Some(Self::Delimited),
            "jsonl" | "ndjson" => Some(Self::JsonLines),
            "xlsx" | "xlsm" | "xlsb" | "xls" | "ods" => Some(Self::Workbook),
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }

    /// By what stands in a file that has no extension.
    ///
    /// # Errors
    /// [`Error::File`] for a file that cannot be read.
    pub fn within(path: &Path) -> Result<Self> {
        Ok(match Inside::of(path)? {
            Inside::Zip | Inside::Compound => Self::Workbook,
            Inside::Parquet => Self::Parquet,
            Inside::Other if lines::begin_with_an_object(path)? => Self::JsonLines,
            Inside::Other => Self::Delimited,
        })
    }
}

/// What a file is, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inside {
    /// `.xlsx`, `.ods`.
    Zip,
    /// `.xls`, and `.xlsx` with a password.
    Compound,
    Parquet,
    Other,
}

impl Inside {
    pub(super) fn of(path: &Path) -> Result<Self> {
        let mut first = Vec::new();
        let read = File::open(path).and_then(|file| file.take(4).read_to_end(&mut first));
        read.map_err(|error| Error::file(path, "读取", error))?;
        Ok(match &first[..] {
            b"PK\x03\x04" => Self::Zip,
            b"\xd0\xcf\x11\xe0" => Self::Compound,
            b"PAR1" => Self::Parquet,
            _ => Self::Other,
        })
    }

    /// An error where a file is not what it is taken for.
    pub(super) fn expect(self, format: Format, path: &Path) -> Result<()> {
        let problem = match (self, format) {
            (Self::Zip | Self::Compound, Format::Workbook)
            | (Self::Parquet, Format::Parquet)
            | (Self::Other, Format::Delimited | Format::JsonLines) => return Ok(()),
            (Self::Zip | Self::Compound, _) => "内容像是 Excel 工作簿。请改正扩展名，或加 --format xlsx",
            (Self::Parquet, _) => "内容是 Parquet。请改正扩展名，或加 --format parquet",
            (Self::Other, Format::Workbook) => {
                "内容不是 Excel 工作簿（系统导出的 .xls 常常其实是网页或文本）。\
                 请用 Excel 或 WPS 打开后另存为 .xlsx 再试；若是以逗号或制表符分隔的文本，请加 --format csv"
            }
            (Self::Other, _) => "内容不是 Parquet",
        };
        Err(Error::Argument(format!("{}：{problem}", path.display())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_an_extension_is_known_by_its_content() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        for (content, format) in [
            (&b"\xef\xbb\xbf \n{\"a\": 1}\n"[..], Format::JsonLines),
            (b"a,{b}\n", Format::Delimited),
            (b"", Format::Delimited),
            (b"PK\x03\x04", Format::Workbook),
        ] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(Format::within(&path).unwrap(), format);
        }
    }
}
