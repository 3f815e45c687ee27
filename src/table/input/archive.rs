//! What a compressed workbook holds, measured before anything is read from it.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use zip::ZipArchive;

use crate::error::{Error, Result};

/// An entry as large as this is no workbook's if it was compressed to a hundredth (the ratio of Apache POI's `ZipSecureFile`):
/// it is there to fill memory.
const SUSPICIOUS: u64 = 64 << 20;
const RATIO: u64 = 100;
/// No entry may be larger than this, however it was compressed.
const LARGEST: u64 = 4 << 30;

/// The family of a compressed workbook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// `.xlsx`, `.xlsm`
    Xlsx,
    /// `.xlsb`
    Xlsb,
    /// `.ods`
    Ods,
}

/// The family of a compressed workbook, by the names of its entries.
pub(super) fn family(path: &Path) -> Result<Family> {
    let archive = open(path)?;
    let holds = |name: &str| archive.index_for_name(name).is_some();
    Ok(match () {
        () if holds("content.xml") => Family::Ods,
        () if holds("xl/workbook.bin") => Family::Xlsb,
        () => Family::Xlsx,
    })
}

/// Unpacks every entry once, keeping nothing: whether all of it is there, and none of it would fill memory. What an entry
/// says of its own size is not believed.
pub(super) fn check(path: &Path) -> Result<()> {
    let mut archive = open(path)?;
    for at in 0..archive.len() {
        let mut entry = archive.by_index(at).map_err(|error| damaged(path, error))?;
        let packed = entry.compressed_size();
        let name = entry.name().map_err(|error| damaged(path, error))?.into_owned();
        let mut size = 0;
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = entry.read(&mut buffer).map_err(|error| damaged(path, error))?;
            size += read as u64;
            if size > LARGEST || size > SUSPICIOUS && size / packed.max(1) > RATIO {
                let problem = format!("其中的 {name} 解压后大得不合常理（可能是压缩炸弹），没有读取");
                return Err(Error::Argument(format!("{}：{problem}", path.display())));
            }
            if read == 0 {
                break;
            }
        }
    }
    Ok(())
}

fn open(path: &Path) -> Result<ZipArchive<BufReader<File>>> {
    let file = File::open(path).map_err(|error| Error::file(path, "读取", error))?;
    ZipArchive::new(BufReader::new(file)).map_err(|error| damaged(path, error))
}

/// The error of a workbook that its reader cannot make sense of.
pub(super) fn damaged(path: &Path, error: impl std::fmt::Display) -> Error {
    let advice = "请用 Excel 或 WPS 打开后另存为 .xlsx 再试";
    Error::Argument(format!("{}：不是完好的 Excel 文件（{error}）。{advice}", path.display()))
}
