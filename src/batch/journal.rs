//! The journal of a bulk run: what was decided, row by row, beside the output, so that an interrupted run goes on where it
//! stopped. The output is made from the journal alone, so a resumed run ends with the same bytes.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::entry::Entry;
use super::work::Shard;
use crate::error::{Error, Result};

/// What a journal belongs to: with anything else it is of no use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heading {
    /// The version of this format.
    pub format_version: u32,
    /// SHA-256 of the input.
    pub input: String,
    /// Versions and settings that decide the answers, as one string.
    pub answers: String,
    /// The columns that are read.
    pub text_columns: Vec<String>,
    /// The part of the table.
    pub shard: Shard,
    /// Whether records are kept whole.
    pub records: bool,
}

/// A journal that is being written.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: BufWriter<File>,
    /// Rows that it holds.
    rows: u64,
}

impl Journal {
    /// A new journal; one that is there already is replaced.
    ///
    /// # Errors
    /// [`Error::File`] where it cannot be written.
    pub fn create(path: &Path, heading: &Heading) -> Result<Self> {
        let file = alone(path, OpenOptions::new().create(true).truncate(false))?;
        let write = || {
            file.set_len(0)?;
            let mut file = BufWriter::new(file);
            serde_json::to_writer(&mut file, heading)?;
            file.write_all(b"\n")?;
            Ok(file)
        };
        let file = write().map_err(|error| Error::file(path, "写入", error))?;
        let mut journal = Self { path: path.to_owned(), file, rows: 0 };
        journal.keep()?;
        Ok(journal)
    }

    /// A journal to go on with: what a crash cut off at its end is dropped. `otherwise` says what is to be done with one that
    /// is of no use.
    ///
    /// # Errors
    /// [`Error::File`] where it cannot be read or written, [`Error::Argument`] where it belongs to another input or other
    /// settings.
    pub fn resume(path: &Path, heading: &Heading, otherwise: &str) -> Result<Self> {
        let failed = |error| Error::file(path, "读取", error);
        let mut file = alone(path, OpenOptions::new().read(true))?;
        let mut reader = BufReader::new(&file);
        let mut line = Vec::new();
        let mut end = reader.read_until(b'\n', &mut line).map_err(failed)? as u64;
        let known: Option<Heading> = serde_json::from_slice(&line).ok();
        if let Some(different) = known.map_or(Some("日志开头已损坏"), |known| known.differs(heading)) {
            return Err(Error::Argument(format!("{} 不能用：{different}。{otherwise}", path.display())));
        }
        let mut rows = 0;
        loop {
            line.clear();
            // By bytes: a crash may cut a character in two.
            let read = reader.read_until(b'\n', &mut line).map_err(failed)? as u64;
            if !line.ends_with(b"\n") || serde_json::from_slice::<Entry>(&line).is_err() {
                break;
            }
            end += read;
            rows += 1;
        }
        let cut = || {
            file.set_len(end)?;
            file.seek(SeekFrom::End(0))?;
            Ok(BufWriter::new(file))
        };
        let file = cut().map_err(|error| Error::file(path, "写入", error))?;
        Ok(Self { path: path.to_owned(), file, rows })
    }

    /// What a journal belongs to.
    ///
    /// # Errors
    /// [`Error::File`] where it cannot be read, [`Error::Argument`] where it is none.
    pub fn heading(path: &Path) -> Result<Heading> {
        let mut line = String::new();
        let read = File::open(path).and_then(|file| BufReader::new(file).read_line(&mut line));
        read.map_err(|error| Error::file(path, "读取", error))?;
        serde_json::from_str(&line)
            .map_err(|_| Error::Argument(format!("{}：不是 waibao batch --shard 做出的文件", path.display())))
    }

    /// Gives it another name, under which it is kept.
    ///
    /// # Errors
    /// [`Error::File`] where it cannot be renamed.
    pub fn rename(self, path: &Path) -> Result<()> {
        drop(self.file);
        std::fs::rename(&self.path, path).map_err(|error| Error::file(path, "写入", error))
    }

    /// Rows that it holds.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Adds the next row.
    ///
    /// # Errors
    /// [`Error::File`] where the disk is full.
    pub fn push(&mut self, entry: &Entry) -> Result<()> {
        let write = |file: &mut BufWriter<File>| {
            serde_json::to_writer(&mut *file, entry)?;
            file.write_all(b"\n")
        };
        write(&mut self.file).map_err(|error| Error::file(&self.path, "写入", error))?;
        self.rows += 1;
        Ok(())
    }

    /// Keeps so many rows; those after them are gone.
    ///
    /// # Errors
    /// [`Error::File`] where it cannot be read or written.
    pub fn cut(&mut self, rows: u64) -> Result<()> {
        if rows == self.rows {
            return Ok(());
        }
        let mut cut = || {
            self.file.flush()?;
            let mut reader = BufReader::new(File::open(&self.path)?);
            let (mut end, mut line) = (0, Vec::new());
            for _ in 0..=rows {
                line.clear();
                end += reader.read_until(b'\n', &mut line)? as u64;
            }
            self.file.get_ref().set_len(end)?;
            self.file.seek(SeekFrom::Start(end)).map(drop)
        };
        cut().map_err(|error| Error::file(&self.path, "写入", error))?;
        self.rows = rows;
        Ok(())
    }

    /// Brings what was added to the disk.
    ///
    /// # Errors
    /// [`Error::File`] where the disk is full.
    pub fn keep(&mut self) -> Result<()> {
        let kept = self.file.flush().and_then(|()| self.file.get_ref().sync_data());
        kept.map_err(|error| Error::file(&self.path, "写入", error))
    }

    /// The rows, from the first.
    ///
    /// # Errors
    /// [`Error::File`] where it cannot be read.
    pub fn entries(&self) -> Result<impl Iterator<Item = Result<Entry>> + use<>> {
        let path = self.path.clone();
        let file = File::open(&path).map_err(|error| Error::file(&path, "读取", error))?;
        Ok(BufReader::new(file).lines().skip(1).map(move |line| {
            let entry = line.and_then(|line| Ok(serde_json::from_str(&line)?));
            entry.map_err(|error| Error::file(&path, "读取", error))
        }))
    }

    /// Removes it, when its work is done.
    ///
    /// # Errors
    /// [`Error::File`] where it cannot be removed.
    pub fn remove(self) -> Result<()> {
        drop(self.file);
        std::fs::remove_file(&self.path).map_err(|error| Error::file(&self.path, "删除", error))
    }
}

/// A file to write that no other program writes at the same time.
fn alone(path: &Path, options: &mut OpenOptions) -> Result<File> {
    let file = options.write(true).open(path).map_err(|error| Error::file(path, "写入", error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(Error::Argument(format!("{}：另一个 waibao 正在写这个文件。请等它做完，或换一个输出", path.display())))
        }
        Err(TryLockError::Error(error)) => Err(Error::file(path, "锁定", error)),
    }
}

impl Heading {
    /// Of this version of the format.
    pub fn new(input: String, answers: String, text_columns: Vec<String>, shard: Shard, records: bool) -> Self {
        Self { format_version: 1, input, answers, text_columns, shard, records }
    }

    /// In what another heading differs, for a person.
    fn differs(&self, other: &Self) -> Option<&'static str> {
        if self.format_version != other.format_version {
            Some("日志是另一版本的程序写的")
        } else if self.input != other.input {
            Some("输入文件已经改动")
        } else if self.shard != other.shard || self.records != other.records {
            Some("分份或输出格式不同")
        } else if self.text_columns != other.text_columns {
            Some("所读的列不同")
        } else if self.answers != other.answers {
            Some("程序、模型、分类包或设置不同")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::table::Value;

    fn heading() -> Heading {
        Heading {
            format_version: 1,
            input: "i".to_owned(),
            answers: "a".to_owned(),
            text_columns: vec!["内容".to_owned()],
            shard: Shard::WHOLE,
            records: false,
        }
    }

    fn entry(at: u64) -> Entry {
        Entry { cells: vec![Value::Text(format!("第{at}行\n")), Value::Number(0.5)], ..Entry::empty() }
    }

    #[test]
    fn another_input_or_other_settings_cannot_be_gone_on_with() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j");
        Journal::create(&path, &heading()).unwrap();
        assert_eq!(Journal::resume(&path, &heading(), "请重做").unwrap().rows(), 0);
        let other = Heading { input: "x".to_owned(), ..heading() };
        assert!(Journal::resume(&path, &other, "请重做").unwrap_err().to_string().contains("输入文件已经改动"));
        let other = Heading { answers: "x".to_owned(), ..heading() };
        assert!(Journal::resume(&path, &other, "请重做").unwrap_err().to_string().contains("设置不同"));
        std::fs::write(&path, "{").unwrap();
        assert!(Journal::resume(&path, &heading(), "请重做").unwrap_err().to_string().contains("已损坏"));
    }

    proptest! {
        /// Wherever a crash cuts the file, what is left is a beginning of the rows, and going on ends with all of them.
        #[test]
        fn a_journal_cut_anywhere_goes_on_to_the_same_end(rows in 0_u64..20, together in 1_u64..5, cut in 0.0..1.0_f64) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("j");
            let mut whole = Journal::create(&path, &heading()).unwrap();
            let first = std::fs::metadata(&path).unwrap().len();
            (0..rows).try_for_each(|at| whole.push(&entry(at))).unwrap();
            whole.keep().unwrap();
            drop(whole);
            let bytes = std::fs::read(&path).unwrap();
            let end = first + ((bytes.len() as u64 - first) as f64 * cut) as u64;
            std::fs::write(&path, &bytes[..end as usize]).unwrap();
            let mut again = Journal::resume(&path, &heading(), "请重做").unwrap();
            prop_assert!(again.rows() <= rows);
            again.cut(again.rows() / together * together).unwrap();
            (again.rows()..rows).try_for_each(|at| again.push(&entry(at))).unwrap();
            again.keep().unwrap();
            prop_assert_eq!(std::fs::read(&path).unwrap(), bytes);
            let read: Vec<Entry> = again.entries().unwrap().map(Result::unwrap).collect();
            prop_assert_eq!(read, (0..rows).map(entry).collect::<Vec<_>>());
        }
    }
}
