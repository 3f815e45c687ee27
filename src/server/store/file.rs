//! The data file among other files: who may use it, who may read it, and why it cannot be opened.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::error::{Error, Result};
pub(crate) use crate::whole::same;

/// Held by whoever serves a data file and by whoever replaces it, so that there is one of them at a time. It is a file beside
/// the data file, for what SQLite itself locks must not be touched.
pub(crate) struct Alone {
    _locked: File,
}

impl Alone {
    /// Takes it, unless somebody has it.
    ///
    /// # Errors
    /// [`Error::Argument`] where somebody has it, [`Error::File`] where the directory cannot be written.
    pub(crate) fn with(data: &Path) -> Result<Self> {
        let path = beside(&real(data), ".lock");
        let file = private(OpenOptions::new().write(true).create(true).truncate(false)).open(&path);
        let file = file.map_err(|error| Error::file(&path, "写入", error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _locked: file }),
            Err(TryLockError::WouldBlock) => {
                let problem = "另一个 waibao 正在使用这个数据文件。请先停下它，或用 --data 换一个数据文件";
                Err(Error::Argument(format!("{}：{problem}", data.display())))
            }
            Err(TryLockError::Error(error)) => Err(Error::file(&path, "锁定", error)),
        }
    }
}

/// The file itself, whichever links lead to it.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// A file beside another: its name with an ending.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}

/// Makes an empty file that nobody but its owner can read, unless there is one; what SQLite puts beside it is as private.
///
/// # Errors
/// [`Error::Argument`] for a directory, [`Error::File`] where it cannot be made.
pub(crate) fn make(path: &Path) -> Result<()> {
    if path.is_dir() {
        let problem = "这是一个目录。请写出文件名";
        return Err(Error::Argument(format!("{0}：{problem}，如 {0}/waibao.db", path.display())));
    }
    match private(OpenOptions::new().write(true).create_new(true)).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(Error::file(path, "新建", error)),
        _ => Ok(()),
    }
}

/// A file that is made so is its owner's only. On Windows it has the rights of its directory.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Keeps everybody but its owner from a file that is open.
pub(crate) fn keep_private(file: &File) -> std::io::Result<()> {
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    #[cfg(not(unix))]
    let _ = file;
    Ok(())
}

/// That a data file can only be read, or not even that.
pub(crate) fn read_only(path: &Path) -> Error {
    let reason = std::io::Error::other("不能写入。请检查这个文件和所在目录的权限");
    Error::file(path, "打开", reason)
}

/// Why a data file cannot be used, in words that say what to do where that is known.
pub(crate) fn unusable(path: &Path, error: rusqlite::Error) -> Error {
    let reason = match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => "不是 waibao 的数据文件",
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => return read_only(path),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "别的程序一直占用着它。请关掉那个程序后重试",
        Some(ErrorCode::DatabaseCorrupt) => "文件已损坏。请用 waibao restore 恢复备份",
        Some(ErrorCode::DiskFull) => "磁盘已满",
        _ => return Error::Store { path: path.to_owned(), source: error.into() },
    };
    Error::file(path, "打开", std::io::Error::other(reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_uses_a_data_file_whatever_it_is_called() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.db");
        make(&path).unwrap();
        let held = Alone::with(&path).unwrap();
        assert!(Alone::with(&path).is_err());
        assert!(Alone::with(&dir.path().join(".").join("a.db")).is_err());
        drop(held);
        assert!(Alone::with(&path).is_ok());
    }

    #[test]
    fn a_directory_is_no_data_file() {
        let dir = tempfile::tempdir().unwrap();
        assert!(make(dir.path()).unwrap_err().to_string().contains("目录"));
    }
}
