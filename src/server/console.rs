//! What the command line does with a data file, also while a server uses it.

use std::path::Path;

use super::accounts;
use super::auth::{LOCAL, Role};
use super::password::{Memory, Password};
use super::problem::Problem;
use super::store::audit::{self, Verdict};
use super::store::backup::{self, Restored};
use super::store::{Store, file, now, users};
use crate::error::{Error, Result};

/// A user as the console shows it.
#[derive(Debug, Clone)]
pub struct Account {
    /// Under which the user signs in.
    pub name: String,
    /// What the user may do.
    pub role: Role,
    /// 正常, 已停用 or 已锁定.
    pub state: &'static str,
}

/// Adds a user, and makes the data file where there is none.
///
/// # Errors
/// [`Error::Argument`] for a name or a password that will not do, or a name that is taken.
pub fn add_user(data: &Path, name: &str, role: Role, password: &Password) -> Result<()> {
    let store = Store::open(data)?;
    let added = || {
        let name = accounts::name(name)?;
        password.suits(&name)?;
        let hash = password.hash(&mut Memory::default())?;
        store.write(|change| accounts::add(change, LOCAL, &name, role, &hash))
    };
    added().map_err(Problem::into_error)
}

/// Gives a user another password, and lets in again whoever was locked out.
///
/// # Errors
/// [`Error::Argument`] for an unknown user or a password that will not do.
pub fn set_password(data: &Path, name: &str, password: &Password) -> Result<()> {
    let store = Store::existing(data)?;
    let changed = || {
        password.suits(name)?;
        let hash = password.hash(&mut Memory::default())?;
        store.write(|change| {
            let unknown = || Problem::Missing(format!("没有名为“{name}”的用户"));
            let (user, _) = users::by_name(change, name)?.ok_or_else(unknown)?;
            accounts::set_password(change, LOCAL, user.id, &hash)
        })
    };
    changed().map_err(Problem::into_error)
}

/// Every user, by name.
///
/// # Errors
/// [`Error::Argument`] where there is no data file.
pub fn list_users(data: &Path) -> Result<Vec<Account>> {
    let account = |user: users::User| Account { state: user.state(now()), name: user.name, role: user.role };
    let found = Store::existing(data)?.read(users::all).map_err(Problem::into_error)?;
    Ok(found.into_iter().map(account).collect())
}

/// Goes through the audit log.
///
/// # Errors
/// [`Error::Argument`] where there is no data file.
pub fn verify_audit(data: &Path) -> Result<Verdict> {
    backup::look(data, audit::verify)
}

/// The number of the entry of the audit log that has a hash which somebody noted, where it is still there.
///
/// # Errors
/// [`Error::Argument`] for what is no hash.
pub fn audit_entry(data: &Path, hash: &str) -> Result<Option<i64>> {
    if hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Error::Argument("--head 须是 audit verify 打印的末条哈希：64 个十六进制数字".to_owned()));
    }
    backup::look(data, |store| audit::entry_of(store, hash))
}

/// Copies the data file, also while a server writes it; the copy is checked.
///
/// # Errors
/// [`Error::Argument`] where the copy would replace a file that is not to be replaced, or is not whole.
pub fn back_up(data: &Path, to: &Path, overwrite: bool) -> Result<Verdict> {
    let store = Store::existing(data)?;
    if file::same(data, to) {
        return Err(Error::Argument("备份不能就是数据文件本身".to_owned()));
    }
    if to.exists() && !overwrite {
        return Err(Error::Argument(format!("{} 已经存在。要替换请加 --overwrite", to.display())));
    }
    backup::backup(&store, to)
}

/// Puts a copy in the place of the data file, which is kept under another name.
///
/// # Errors
/// [`Error::Argument`] where a server uses the data file, or the copy is none of ours or not whole.
pub fn restore(data: &Path, from: &Path) -> Result<Restored> {
    backup::restore(data, from)
}
