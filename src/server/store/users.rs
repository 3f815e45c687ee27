//! Who may sign in: users, their sessions and their API keys.

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use sha2::{Digest, Sha256};

use super::super::auth::Role;
use super::now;

/// Failures in a row after which a user is locked out …
const FAILURES: i64 = 5;
/// … for so many seconds.
const LOCKED: i64 = 15 * 60;
/// A session that nobody uses for so many seconds ends …
const IDLE: i64 = 2 * 60 * 60;
/// … and any after so many.
const LONGEST: i64 = 12 * 60 * 60;
/// A cookie is changed for a new one after so many seconds …
const ROTATED: i64 = 30 * 60;
/// … and the old one still holds for requests that are under way.
const GRACE: i64 = 60;

/// A user, without the password.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) disabled: bool,
    pub(crate) locked_until: i64,
    pub(crate) created: i64,
}

impl User {
    /// Whether the user can sign in at a moment, as a word.
    pub(crate) fn state(&self, at: i64) -> &'static str {
        match () {
            () if self.disabled => "已停用",
            () if self.locked_until > at => "已锁定",
            () => "正常",
        }
    }
}

/// A user as the row of a query: `id, name, role, disabled, locked_until, created`.
fn user(row: &rusqlite::Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: row.get(0)?,
        name: row.get(1)?,
        role: row.get(2)?,
        disabled: row.get(3)?,
        locked_until: row.get(4)?,
        created: row.get(5)?,
    })
}

const COLUMNS: &str = "id, name, role, disabled, locked_until, created";

/// A secret as it is kept: its hash. It has 256 bits, so that nobody can guess it from the hash.
pub(crate) fn kept(secret: &str) -> Vec<u8> {
    Sha256::digest(secret).to_vec()
}

/// Whether anybody can sign in.
pub(crate) fn any(connection: &Connection) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM users)")?.query_row([], |row| row.get(0))
}

/// Whether anybody can sign in as an administrator.
pub(crate) fn any_administrator(connection: &Connection) -> rusqlite::Result<bool> {
    let found = "SELECT EXISTS (SELECT 1 FROM users WHERE role = 'admin' AND NOT disabled)";
    connection.prepare_cached(found)?.query_row([], |row| row.get(0))
}

/// Every user, by name.
pub(crate) fn all(connection: &Connection) -> rusqlite::Result<Vec<User>> {
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM users ORDER BY name"))?;
    statement.query_map([], user)?.collect()
}

/// A user by name, with the hash of the password.
pub(crate) fn by_name(connection: &Connection, name: &str) -> rusqlite::Result<Option<(User, String)>> {
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS}, password FROM users WHERE name = ?"))?;
    statement.query_row([name], |row| Ok((user(row)?, row.get(6)?))).optional()
}

/// A user by number; [`rusqlite::Error::QueryReturnedNoRows`] where there is none.
pub(crate) fn by_id(connection: &Connection, id: i64) -> rusqlite::Result<User> {
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM users WHERE id = ?"))?;
    statement.query_row([id], user)
}

/// Whether anybody but this user can sign in as an administrator.
pub(crate) fn another_administrator(connection: &Connection, id: i64) -> rusqlite::Result<bool> {
    let found = "SELECT EXISTS (SELECT 1 FROM users WHERE role = 'admin' AND NOT disabled AND id != ?)";
    connection.prepare_cached(found)?.query_row([id], |row| row.get(0))
}

/// Adds a user; none where the name is taken.
pub(crate) fn add(change: &Transaction<'_>, name: &str, role: Role, password: &str) -> rusqlite::Result<Option<i64>> {
    let sql = "INSERT INTO users (name, role, password, created) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING";
    let added = change.execute(sql, params![name, role, password, now()])?;
    Ok((added == 1).then(|| change.last_insert_rowid()))
}

/// Gives a user another role.
pub(crate) fn set_role(change: &Transaction<'_>, id: i64, role: Role) -> rusqlite::Result<()> {
    change.execute("UPDATE users SET role = ? WHERE id = ?", params![role, id]).map(|_| ())
}

/// Gives a user another password; failures with the old one are forgotten.
pub(crate) fn set_password(change: &Transaction<'_>, id: i64, password: &str) -> rusqlite::Result<()> {
    change.execute("UPDATE users SET password = ? WHERE id = ?", params![password, id])?;
    unlock(change, id)
}

/// Shuts a user out, or lets in again.
pub(crate) fn set_disabled(change: &Transaction<'_>, id: i64, disabled: bool) -> rusqlite::Result<()> {
    change.execute("UPDATE users SET disabled = ? WHERE id = ?", params![disabled, id]).map(|_| ())
}

/// Forgets failures to sign in.
pub(crate) fn unlock(change: &Transaction<'_>, id: i64) -> rusqlite::Result<()> {
    change.execute("UPDATE users SET failures = 0, locked_until = 0 WHERE id = ?", [id]).map(|_| ())
}

/// Counts a failure to sign in; after some in a row nobody can sign in under the name for a while.
pub(crate) fn failed(change: &Transaction<'_>, user: i64) -> rusqlite::Result<()> {
    let sql = "UPDATE users SET failures = failures + 1,
               locked_until = CASE WHEN (failures + 1) % ? = 0 THEN ? ELSE locked_until END WHERE id = ?";
    change.execute(sql, params![FAILURES, now() + LOCKED, user]).map(|_| ())
}

/// Begins a session with a new cookie.
pub(crate) fn sign_in(change: &Transaction<'_>, user: i64, token: &str, csrf: &str) -> rusqlite::Result<()> {
    unlock(change, user)?;
    change.execute("DELETE FROM sessions WHERE expires < ?", [now()])?;
    let sql = "INSERT INTO sessions (token, user, csrf, began, rotated, seen, expires) VALUES (?, ?, ?, ?4, ?4, ?4, ?)";
    change.execute(sql, params![kept(token), user, csrf, now(), now() + IDLE]).map(|_| ())
}

/// Ends a session, also under the cookies that it had before: they have its CSRF token in common.
pub(crate) fn sign_out(change: &Transaction<'_>, token: &str) -> rusqlite::Result<()> {
    let sql = "DELETE FROM sessions WHERE csrf = (SELECT csrf FROM sessions WHERE token = ?)";
    change.execute(sql, [kept(token)]).map(|_| ())
}

/// Ends every session of a user: after a new password or role, or when disabled.
pub(crate) fn sign_out_everywhere(change: &Transaction<'_>, user: i64) -> rusqlite::Result<()> {
    change.execute("DELETE FROM sessions WHERE user = ?", [user]).map(|_| ())
}

/// A session that is under way.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) user: User,
    pub(crate) csrf: String,
    /// Whether the cookie is due to be changed.
    pub(crate) due: bool,
    /// Whether it is to be noted that the session is in use.
    pub(crate) unseen: bool,
}

/// The session of a cookie, where it has not ended.
pub(crate) fn session(connection: &Connection, token: &str) -> rusqlite::Result<Option<Session>> {
    let sql = "SELECT u.id, u.name, u.role, u.disabled, u.locked_until, u.created, s.csrf, s.rotated, s.seen
               FROM sessions s JOIN users u ON u.id = s.user
               WHERE s.token = ?1 AND s.expires >= ?2 AND s.began >= ?2 - ?3 AND NOT u.disabled";
    let found = connection.prepare_cached(sql)?.query_row(params![kept(token), now(), LONGEST], |row| {
        let (rotated, seen): (i64, i64) = (row.get(7)?, row.get(8)?);
        let (due, unseen) = (rotated + ROTATED < now(), seen + GRACE < now());
        Ok(Session { user: user(row)?, csrf: row.get(6)?, due, unseen })
    });
    found.optional()
}

/// Notes that a session is in use, so that it does not end.
pub(crate) fn seen(change: &Transaction<'_>, token: &str) -> rusqlite::Result<()> {
    let sql = "UPDATE sessions SET seen = ?1, expires = ?1 + ?2 WHERE token = ?3 AND expires > ?1 + ?4";
    change.execute(sql, params![now(), IDLE, kept(token), GRACE]).map(|_| ())
}

/// Changes the cookie of a session; the old one holds a little longer.
pub(crate) fn rotate(change: &Transaction<'_>, old: &str, new: &str) -> rusqlite::Result<()> {
    let sql = "INSERT INTO sessions (token, user, csrf, began, rotated, seen, expires)
               SELECT ?1, user, csrf, began, ?2, ?2, ?2 + ?3 FROM sessions WHERE token = ?4";
    change.execute(sql, params![kept(new), now(), IDLE, kept(old)])?;
    let sql = "UPDATE sessions SET expires = ?1, rotated = ?1 WHERE token = ?2";
    change.execute(sql, params![now() + GRACE, kept(old)]).map(|_| ())
}

/// The user of an API key that is not revoked.
pub(crate) fn of_key(connection: &Connection, key: &str) -> rusqlite::Result<Option<User>> {
    let sql = "SELECT u.id, u.name, u.role, u.disabled, u.locked_until, u.created
               FROM api_keys k JOIN users u ON u.id = k.user
               WHERE k.key = ? AND k.revoked IS NULL AND NOT u.disabled";
    connection.prepare_cached(sql)?.query_row([kept(key)], user).optional()
}

/// An API key, without the key.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) id: i64,
    pub(crate) owner: String,
    pub(crate) name: String,
    pub(crate) created: i64,
}

const KEYS: &str = "SELECT k.id, u.name, k.name, k.created FROM api_keys k JOIN users u ON u.id = k.user
                    WHERE k.revoked IS NULL";

fn key_of_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Key> {
    Ok(Key { id: row.get(0)?, owner: row.get(1)?, name: row.get(2)?, created: row.get(3)? })
}

/// Every key that is not revoked, by owner.
pub(crate) fn keys(connection: &Connection) -> rusqlite::Result<Vec<Key>> {
    connection.prepare_cached(&format!("{KEYS} ORDER BY u.name, k.id"))?.query_map([], key_of_row)?.collect()
}

/// The keys of a user that are not revoked.
pub(crate) fn keys_of(connection: &Connection, user: i64) -> rusqlite::Result<Vec<Key>> {
    connection.prepare_cached(&format!("{KEYS} AND u.id = ? ORDER BY k.id"))?.query_map([user], key_of_row)?.collect()
}

/// A key that is not revoked.
pub(crate) fn key(connection: &Connection, id: i64) -> rusqlite::Result<Option<Key>> {
    connection.prepare_cached(&format!("{KEYS} AND k.id = ?"))?.query_row([id], key_of_row).optional()
}

/// Keeps a key of a user.
pub(crate) fn add_key(change: &Transaction<'_>, user: i64, name: &str, key: &str) -> rusqlite::Result<()> {
    let sql = "INSERT INTO api_keys (user, name, key, created) VALUES (?, ?, ?, ?)";
    change.execute(sql, params![user, name, kept(key), now()]).map(|_| ())
}

/// Makes a key worthless.
pub(crate) fn revoke_key(change: &Transaction<'_>, id: i64) -> rusqlite::Result<()> {
    change.execute("UPDATE api_keys SET revoked = ? WHERE id = ?", [now(), id]).map(|_| ())
}
