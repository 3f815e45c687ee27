//! Copies of the data file: made while it is in use, checked, and put in its place again.

use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use serde_json::json;

use super::audit::{self, Verdict};
use super::file::{self, Alone};
use super::{APPLICATION, STEPS, Store};
use crate::error::{Error, Result};
use crate::server::auth::LOCAL;
use crate::whole::Part;

/// Copies the data file as it is at one moment, also while a server writes it, and checks the copy.
///
/// # Errors
/// [`Error::Argument`] where the copy is not whole, [`Error::File`] and [`Error::Store`] where it cannot be written.
pub(crate) fn backup(store: &Store, to: &Path) -> Result<Verdict> {
    // Before it is noted, for what cannot be written here was not backed up.
    let part = Part::create(to)?;
    file::keep_private(part.file.get_ref()).map_err(|error| Error::file(to, "写入", error))?;
    let note = json!({ "file": to.display().to_string() });
    let noted = store.write(|change| Ok(audit::append(change, LOCAL, "备份", "", note)?));
    noted.map_err(crate::server::problem::Problem::into_error)?;
    let source = open(store.path(), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    copy(&source, part.place())?;
    let copied = open(part.place(), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    check(&copied, to)?;
    let verdict = audit::verify(&copied).map_err(|error| file::unusable(to, error))?;
    drop(copied);
    part.complete()?;
    Ok(verdict)
}

/// Looks into a data file, or a copy of one, as it is at one moment. It is not made where there is none, nor changed.
///
/// # Errors
/// [`Error::Argument`] where there is none, or one that is not ours.
pub(crate) fn look<T>(data: &Path, look: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
    if !data.is_file() {
        return Err(Error::Argument(format!("没有数据文件 {}。请用 --data 指明", data.display())));
    }
    // Not read-only: what SQLite puts beside a file that it reads would stay there.
    let connection = open(data, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    check_ours(&connection, data)?;
    let found = connection.unchecked_transaction().and_then(|state| look(&state));
    found.map_err(|error| file::unusable(data, error))
}

/// What restoring did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Where the data file is kept that was there before.
    pub kept: Option<PathBuf>,
    /// What the audit log of the copy is worth.
    pub audit: Verdict,
}

/// Puts a copy in the place of the data file, which is kept under another name. Everybody has to sign in again: sessions that
/// had been ended must not come back.
///
/// # Errors
/// [`Error::Argument`] where the data file is in use or the copy is none of ours or not whole; nothing has been changed then.
pub(crate) fn restore(data: &Path, from: &Path) -> Result<Restored> {
    let _alone = Alone::with(data)?;
    if file::same(data, from) {
        return Err(Error::Argument("备份不能就是数据文件本身".to_owned()));
    }
    if !from.is_file() {
        return Err(Error::Argument(format!("{}：没有这个备份文件", from.display())));
    }
    let copied = open(from, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    check(&copied, from)?;
    let part = Part::create(data)?;
    file::keep_private(part.file.get_ref()).map_err(|error| Error::file(data, "写入", error))?;
    copy(&copied, part.place())?;
    let audit = note(part.place(), from)?;
    let kept = put_aside(data)?;
    part.complete()?;
    Ok(Restored { kept, audit })
}

fn open(path: &Path, flags: OpenFlags) -> Result<Connection> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX);
    let connection = connection.map_err(|error| file::unusable(path, error))?;
    connection.busy_timeout(super::PATIENCE).map_err(|error| file::unusable(path, error))?;
    Ok(connection)
}

/// Copies in one step, which sees one state of the source and keeps nobody from writing it; the copy is one file.
fn copy(source: &Connection, to: &Path) -> Result<()> {
    let mut copy = open(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let step = Backup::new(source, &mut copy).and_then(|backup| backup.step(-1));
    match step.map_err(|error| file::unusable(to, error))? {
        StepResult::Done => {}
        _ => return Err(Error::Argument("数据文件一直被占用，没有备份成。请稍后重试".to_owned())),
    }
    copy.pragma_update(None, "journal_mode", "DELETE").map_err(|error| file::unusable(to, error))
}

/// Whether a copy is ours, of a version that is known, and whole.
fn check(copy: &Connection, path: &Path) -> Result<()> {
    check_ours(copy, path)?;
    let found: rusqlite::Result<String> = copy.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0));
    match found.map_err(|error| file::unusable(path, error))? {
        found if found == "ok" => Ok(()),
        found => Err(Error::Argument(format!("{}：备份已损坏（{found}）", path.display()))),
    }
}

/// Whether a file is ours, and of a version that is known. An empty file is not.
fn check_ours(opened: &Connection, path: &Path) -> Result<()> {
    let number = |pragma| {
        let value = opened.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
        value.map_err(|error| file::unusable(path, error))
    };
    let problem = match (number("application_id")?, number("user_version")?) {
        (application, _) if application != i64::from(APPLICATION) => "不是 waibao 的数据文件或备份",
        (_, version) if version > STEPS.len() as i64 => "由更新版本的 waibao 建立，请改用新版本的程序",
        _ => return Ok(()),
    };
    Err(Error::Argument(format!("{}：{problem}", path.display())))
}

/// Writes into a copy that it was restored, ends its sessions, and looks through its audit log.
fn note(copy: &Path, from: &Path) -> Result<Verdict> {
    let store = Store::open(copy)?;
    let verdict = store.read(audit::verify).and_then(|verdict| {
        store.write(|change| {
            change.execute("DELETE FROM sessions", [])?;
            Ok(audit::append(change, LOCAL, "恢复", "", json!({ "file": from.display().to_string() }))?)
        })?;
        Ok(verdict)
    });
    verdict.map_err(crate::server::problem::Problem::into_error)
}

/// Gives the data file another name, with the log that belongs to it, so that nothing of it mixes with what takes its place.
fn put_aside(data: &Path) -> Result<Option<PathBuf>> {
    if !data.exists() {
        return Ok(None);
    }
    let kept = file::beside(data, &format!(".before-restore-{}", jiff::Zoned::now().strftime("%Y%m%d-%H%M%S")));
    if kept.exists() {
        return Err(Error::Argument(format!("{} 已经存在。请稍后重试", kept.display())));
    }
    let failed = |error| Error::file(data, "改名", error);
    std::fs::rename(data, &kept).map_err(failed)?;
    let log = file::beside(data, "-wal");
    if log.exists() {
        std::fs::rename(&log, file::beside(&kept, "-wal")).map_err(failed)?;
    }
    // Made anew from the log whenever it is missing.
    let _ = std::fs::remove_file(file::beside(data, "-shm"));
    Ok(Some(kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(dir: &tempfile::TempDir, entries: usize) -> Store {
        let store = Store::open(&dir.path().join("a.db")).unwrap();
        let add = |at| store.write(|change| Ok(audit::append(change, "甲", "决定", &format!("{at}"), json!({}))?));
        (0..entries).for_each(|at| add(at).unwrap());
        store
    }

    #[test]
    fn a_copy_is_one_whole_file_and_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let (data, copy) = (dir.path().join("a.db"), dir.path().join("a.backup"));
        let store = store(&dir, 3);
        assert!(matches!(backup(&store, &copy).unwrap(), Verdict::Whole { entries: 4, .. }));
        store.write(|change| Ok(audit::append(change, "甲", "决定", "later", json!({}))?)).unwrap();
        drop(store);
        let restored = restore(&data, &copy).unwrap();
        assert!(matches!(restored.audit, Verdict::Whole { entries: 4, .. }));
        let count = |path: &Path| Store::open(path).unwrap().read(audit::verify).unwrap();
        assert!(matches!(count(&data), Verdict::Whole { entries: 5, .. }));
        assert!(matches!(count(&restored.kept.unwrap()), Verdict::Whole { entries: 5, .. }));
    }

    #[test]
    fn looking_through_a_file_leaves_it_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let (copy, empty) = (dir.path().join("a.backup"), dir.path().join("empty.db"));
        backup(&store(&dir, 3), &copy).unwrap();
        let before = std::fs::read(&copy).unwrap();
        assert!(matches!(look(&copy, audit::verify).unwrap(), Verdict::Whole { entries: 4, .. }));
        assert!(std::fs::read(&copy).unwrap() == before);
        std::fs::write(&empty, "").unwrap();
        assert!(look(&empty, audit::verify).unwrap_err().to_string().contains("不是 waibao"));
        assert!(std::fs::read(&empty).unwrap().is_empty());
        let missing = dir.path().join("missing.db");
        assert!(look(&missing, audit::verify).is_err() && !missing.exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_not_replaced_by_a_copy_and_nothing_is_noted() {
        let dir = tempfile::tempdir().unwrap();
        let (store, link) = (store(&dir, 3), dir.path().join("null"));
        std::os::unix::fs::symlink("/dev/null", &link).unwrap();
        assert!(backup(&store, &link).unwrap_err().to_string().contains("不是普通文件"));
        assert!(link.is_symlink());
        assert!(matches!(store.read(audit::verify).unwrap(), Verdict::Whole { entries: 3, .. }));
    }

    #[test]
    fn what_is_not_whole_or_not_ours_replaces_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (data, copy) = (dir.path().join("a.db"), dir.path().join("a.backup"));
        let store = store(&dir, 300);
        backup(&store, &copy).unwrap();
        drop(store);
        let before = std::fs::read(&data).unwrap();
        let whole = std::fs::read(&copy).unwrap();
        let mut zeroed = whole.clone();
        zeroed[8_192..12_288].fill(0);
        for bad in [&whole[..whole.len() / 2], &zeroed, b"", b"no database at all, but long enough to be read as one"] {
            std::fs::write(&copy, bad).unwrap();
            assert!(restore(&data, &copy).is_err(), "{} bytes", bad.len());
            assert_eq!(std::fs::read(&data).unwrap(), before);
        }
        let other = dir.path().join("other.db");
        Connection::open(&other).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
        assert!(restore(&data, &other).unwrap_err().to_string().contains("不是 waibao"));
        assert!(restore(&data, &data).is_err());
    }
}
