//! What the server keeps: one SQLite file.

pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod cases;
pub(crate) mod figures;
pub(crate) mod file;
pub(crate) mod jobs;
pub(crate) mod reviews;
pub(crate) mod users;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::problem::Problem;
use crate::error::{Error, Result};

/// Each step takes the schema from one version to the next; `user_version` counts them.
const STEPS: [&str; 1] = [include_str!("schema.sql")];
/// Marks the file as ours: "wbao".
const APPLICATION: i32 = 0x7762_616f;
/// How long one process waits for another that writes.
const PATIENCE: Duration = Duration::from_secs(10);

/// The file, opened: one connection writes, others read beside it.
pub(crate) struct Store {
    path: PathBuf,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
}

impl Store {
    /// Opens the file, makes it where there is none, and brings its schema up to date.
    ///
    /// # Errors
    /// [`Error::Store`] for a file that is not a database of ours, or of a newer program.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        file::make(path)?;
        let mut writer = connect(path)?;
        let failed = |error| file::unusable(path, error);
        let owner: i32 = writer.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(failed)?;
        let empty =
            writer.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0)).map_err(failed)?
                == 0;
        if owner != APPLICATION && !empty {
            return Err(Error::Argument(format!("{}：不是 waibao 的数据文件", path.display())));
        }
        if writer.is_readonly(rusqlite::MAIN_DB).map_err(failed)? {
            return Err(file::read_only(path));
        }
        let version = version(&writer).map_err(failed)?;
        if version > STEPS.len() {
            let problem = "由更新版本的 waibao 建立，请改用新版本的程序";
            return Err(Error::Argument(format!("{}：{problem}", path.display())));
        }
        for (at, step) in STEPS.iter().enumerate().skip(version) {
            let change = writer.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
            // Another process may have been faster.
            if self::version(&change).map_err(failed)? > at {
                continue;
            }
            change.execute_batch(step).map_err(failed)?;
            change.pragma_update(None, "application_id", APPLICATION).map_err(failed)?;
            change.pragma_update(None, "user_version", at as i64 + 1).map_err(failed)?;
            change.commit().map_err(failed)?;
        }
        Ok(Self { path: path.to_owned(), writer: Mutex::new(writer), readers: Mutex::default() })
    }

    /// Opens a file that is there.
    ///
    /// # Errors
    /// Those of [`Self::open`], and [`Error::Argument`] where there is none.
    pub(crate) fn existing(path: &Path) -> Result<Self> {
        if !path.exists() {
            return Err(Error::Argument(format!("没有数据文件 {}。请用 --data 指明", path.display())));
        }
        Self::open(path)
    }

    /// Where the file lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Looks something up. What it sees is one state of the file.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Problem> {
        let idle = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut reader = idle.map_or_else(|| connect(&self.path), Ok)?;
        let found = reader.transaction().and_then(|state| look(&state));
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
        Ok(found?)
    }

    /// Changes something, wholly or not at all; what was changed is on the disk when this returns.
    pub(crate) fn write<T>(&self, change: impl FnOnce(&Transaction<'_>) -> Result<T, Problem>) -> Result<T, Problem> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = change(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }
}

/// How many steps the schema has taken.
fn version(connection: &Connection) -> rusqlite::Result<usize> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(usize::try_from(version).unwrap_or(usize::MAX))
}

/// A connection with every promise switched on: a commit is on the disk, references hold.
fn connect(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(PATIENCE)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", "ON")?;
        connection.pragma_update(None, "trusted_schema", "OFF")?;
        connection.set_prepared_statement_cache_capacity(128);
        Ok(connection)
    };
    open().map_err(|error| file::unusable(path, error))
}

/// Now, in seconds since 1970.
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}
