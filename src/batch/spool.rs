//! A file without a name that holds what memory should not.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::marker::PhantomData;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Things of one kind on disk, in the order in which they came; gone with the program.
#[derive(Debug)]
pub(super) struct Spool<T> {
    file: BufWriter<File>,
    end: u64,
    things: PhantomData<T>,
}

impl<T: Serialize + DeserializeOwned> Spool<T> {
    /// An empty one, in a directory.
    ///
    /// # Errors
    /// What the file fails with, here and below.
    pub(super) fn new(dir: &Path) -> std::io::Result<Self> {
        let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
        Ok(Self { file: BufWriter::new(tempfile::tempfile_in(dir)?), end: 0, things: PhantomData })
    }

    /// Adds one, and says where it lies.
    pub(super) fn push(&mut self, thing: &T) -> std::io::Result<u64> {
        let mut line = serde_json::to_vec(thing)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        let at = self.end;
        self.end += line.len() as u64;
        Ok(at)
    }

    /// From here on it is only read.
    pub(super) fn close(self) -> std::io::Result<Closed<T>> {
        let file = self.file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        Ok(Closed { reader: BufReader::new(file), things: PhantomData })
    }
}

/// A spool that is being read.
#[derive(Debug)]
pub(super) struct Closed<T> {
    reader: BufReader<File>,
    things: PhantomData<T>,
}

impl<T: DeserializeOwned> Closed<T> {
    /// What lies at a place.
    pub(super) fn at(&mut self, at: u64) -> std::io::Result<T> {
        self.reader.seek(SeekFrom::Start(at))?;
        let mut line = String::new();
        self.reader.read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }

    /// All of it, from the first.
    pub(super) fn all(&mut self) -> std::io::Result<impl Iterator<Item = std::io::Result<T>> + '_> {
        self.reader.seek(SeekFrom::Start(0))?;
        Ok(self.reader.by_ref().lines().map(|line| Ok(serde_json::from_str(&line?)?)))
    }
}
