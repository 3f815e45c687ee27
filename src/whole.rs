//! Files that are written whole or not at all: under another name first, renamed when nothing is missing.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A file that is being written under another name. What stood under its own stays until it is [`Self::complete`]; one that
/// is dropped before leaves nothing behind.
#[derive(Debug)]
pub struct Part {
    path: PathBuf,
    part: PathBuf,
    /// What is written to.
    pub file: BufWriter<File>,
}

impl Part {
    /// Opens the file as `….part`, beside where it will stand. What a run that was killed left there is replaced.
    ///
    /// # Errors
    /// [`Error::File`] where the directory cannot be written, and as [`replaceable`].
    pub fn create(path: &Path) -> Result<Self> {
        Self::named(path, ".part")
    }

    fn named(path: &Path, ending: &str) -> Result<Self> {
        replaceable(path)?;
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(ending);
        let part = path.with_file_name(name);
        let file = File::create(&part).map_err(|error| Error::file(path, "写入", error))?;
        Ok(Self { path: path.to_owned(), part, file: BufWriter::new(file) })
    }

    /// Where it is written meanwhile, for a writer that opens files itself.
    pub fn place(&self) -> &Path {
        &self.part
    }

    /// Where it will stand.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Brings it to the disk and gives it its name.
    ///
    /// # Errors
    /// [`Error::File`] where the disk is full.
    pub fn complete(mut self) -> Result<()> {
        let mut complete = || {
            self.file.flush()?;
            self.file.get_ref().sync_all()?;
            std::fs::rename(&self.part, &self.path)
        };
        complete().map_err(|error| Error::file(&self.path, "写入", error))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // Nothing to be done about a part that cannot be removed, and one that has its name is no longer there.
        let _ = std::fs::remove_file(&self.part);
    }
}

/// Writes a file through a function. What stood there before stays until the new file is complete; a new file that
/// could not be completed leaves nothing behind. Several programs may write the same file at the same time.
///
/// # Errors
/// [`Error::File`] where the directory cannot be written or the disk is full, and as [`replaceable`].
pub fn write(path: &Path, content: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>) -> Result<()> {
    let mut part = Part::named(path, &format!(".part{}", std::process::id()))?;
    content(&mut part.file).map_err(|error| Error::file(path, "写入", error))?;
    part.complete()
}

/// Whether a file may be put here. Taking the place of a device or a pipe would break it for every other program.
///
/// # Errors
/// [`Error::Argument`] where something stands that is no regular file.
pub fn replaceable(path: &Path) -> Result<()> {
    if path.metadata().is_ok_and(|there| !there.is_file()) {
        let problem = "这是目录、设备或管道，不是普通文件，不能替换。请换一个文件名";
        return Err(Error::Argument(format!("{}：{problem}", path.display())));
    }
    Ok(())
}

/// Whether both names lead to one file, also where it is still to be written.
pub fn same(one: &Path, other: &Path) -> bool {
    real(one) == real(other)
}

/// The file itself, whichever links lead to it.
fn real(path: &Path) -> PathBuf {
    let beside = || {
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some(dir.canonicalize().ok()?.join(path.file_name()?))
    };
    path.canonicalize().ok().or_else(beside).unwrap_or_else(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_has_many_names() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("a.csv"), dir.path().join(".").join("a.csv"));
        assert!(same(&path, &other));
        std::fs::write(&path, "").unwrap();
        assert!(same(&path, &other) && !same(&path, &dir.path().join("b.csv")));
    }

    #[test]
    fn only_a_regular_file_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        assert!(write(dir.path(), |_| Ok(())).unwrap_err().to_string().contains("不是普通文件"));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        #[cfg(unix)]
        {
            let link = dir.path().join("null");
            std::os::unix::fs::symlink("/dev/null", &link).unwrap();
            assert!(Part::create(&link).is_err() && link.is_symlink());
        }
    }

    #[test]
    fn a_file_that_cannot_be_completed_leaves_the_old_one_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        write(&path, |file| file.write_all(b"old")).unwrap();
        let full = |file: &mut BufWriter<File>| {
            file.write_all(b"new")?;
            Err(std::io::Error::from(std::io::ErrorKind::StorageFull))
        };
        assert!(write(&path, full).unwrap_err().to_string().contains("a.csv"));
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
