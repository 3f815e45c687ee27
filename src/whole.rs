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
    /// [`Error::File`] where the directory cannot be written.
    pub fn create(path: &Path) -> Result<Self> {
        Self::named(path, ".part")
    }

    fn named(path: &Path, ending: &str) -> Result<Self> {
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
/// [`Error::File`] where the directory cannot be written or the disk is full.
pub fn write(path: &Path, content: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>) -> Result<()> {
    let mut part = Part::named(path, &format!(".part{}", std::process::id()))?;
    content(&mut part.file).map_err(|error| Error::file(path, "写入", error))?;
    part.complete()
}

#[cfg(test)]
mod tests {
    use super::*;

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
