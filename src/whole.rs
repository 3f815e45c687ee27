//! Files that are written whole or not at all: under another name first, renamed when nothing is missing.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::error::{Error, Result};

/// Writes a file through a function. What stood there before stays until the new file is complete; a new file that
/// could not be completed leaves nothing behind.
///
/// # Errors
/// [`Error::File`] where the directory cannot be written or the disk is full.
pub fn write(path: &Path, content: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".part{}", std::process::id()));
    let part = path.with_file_name(name);
    let complete = || {
        let mut file = BufWriter::new(File::create(&part)?);
        content(&mut file)?;
        file.flush()?;
        file.get_ref().sync_all()?;
        drop(file);
        std::fs::rename(&part, path)
    };
    complete().map_err(|error| {
        // Nothing to be done about a part that cannot be removed either; the first error says what is wrong.
        let _ = std::fs::remove_file(&part);
        Error::file(path, "写入", error)
    })
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
