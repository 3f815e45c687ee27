//! What is done to accounts, on the pages and on the console: each change with its entry in the audit log.

use std::net::IpAddr;

use rusqlite::Transaction;
use serde_json::json;

use super::app::App;
use super::auth::{self, Role};
use super::password::{Memory, Password, in_turn};
use super::problem::Problem;
use super::store::users::{self, User};
use super::store::{audit, now};

/// Characters of a user's name.
const LONGEST_NAME: usize = 32;
/// Characters that are noted of a name that somebody tried.
const NOTED: usize = 64;
/// Keys that a user may have at a time.
const KEYS: usize = 20;
/// Who is noted where nobody has proved anything.
const STRANGER: &str = "未登录";

/// A name as it is kept, where it can be one. Letters only: what looks like another name, or like the text around it, is
/// no name.
pub(crate) fn name(typed: &str) -> Result<String, Problem> {
    let name = typed.trim();
    let usual = |character: char| character.is_alphanumeric() || matches!(character, '.' | '-' | '_' | '@' | '·');
    if name.is_empty() || name.chars().count() > LONGEST_NAME || !name.chars().all(usual) {
        let problem = format!("名称须是 1 至 {LONGEST_NAME} 个汉字、字母、数字或 . - _ @ ·，不能有空格");
        return Err(Problem::Invalid(problem));
    }
    if [auth::LOCAL, STRANGER].contains(&name) {
        return Err(Problem::Invalid(format!("“{name}”另有所指，请换一个名称")));
    }
    Ok(name.to_owned())
}

/// Adds a user; the first of all must be able to add others.
pub(crate) fn add(change: &Transaction<'_>, actor: &str, name: &str, role: Role, hash: &str) -> Result<(), Problem> {
    if role != Role::Admin && !users::any_administrator(change)? {
        return Err(Problem::Invalid("第一个用户须是管理员，由他添加其他人".to_owned()));
    }
    let taken = || Problem::Conflict(format!("已有名为“{name}”的用户（不分大小写），请换一个名称"));
    users::add(change, name, role, hash)?.ok_or_else(taken)?;
    Ok(audit::append(change, actor, "添加用户", name, json!({ "role": role.name() }))?)
}

/// Gives a user another role.
pub(crate) fn set_role(change: &Transaction<'_>, actor: &str, id: i64, role: Role) -> Result<(), Problem> {
    let user = users::by_id(change, id)?;
    if user.role == role {
        return Ok(());
    }
    spare(change, &user)?;
    users::set_role(change, id, role)?;
    users::sign_out_everywhere(change, id)?;
    let detail = json!({ "from": user.role.name(), "to": role.name() });
    Ok(audit::append(change, actor, "改角色", &user.name, detail)?)
}

/// Gives a user another password, with which the user can sign in at once.
pub(crate) fn set_password(change: &Transaction<'_>, actor: &str, id: i64, hash: &str) -> Result<(), Problem> {
    let user = users::by_id(change, id)?;
    users::set_password(change, id, hash)?;
    users::sign_out_everywhere(change, id)?;
    Ok(audit::append(change, actor, "改密码", &user.name, json!({}))?)
}

/// Shuts a user out, and the user's keys.
pub(crate) fn disable(change: &Transaction<'_>, actor: &str, id: i64) -> Result<(), Problem> {
    let user = users::by_id(change, id)?;
    spare(change, &user)?;
    users::set_disabled(change, id, true)?;
    users::sign_out_everywhere(change, id)?;
    Ok(audit::append(change, actor, "停用", &user.name, json!({}))?)
}

/// Lets a user in again.
pub(crate) fn enable(change: &Transaction<'_>, actor: &str, id: i64) -> Result<(), Problem> {
    let user = users::by_id(change, id)?;
    users::set_disabled(change, id, false)?;
    Ok(audit::append(change, actor, "启用", &user.name, json!({}))?)
}

/// Lets a user try again who failed too often.
pub(crate) fn unlock(change: &Transaction<'_>, actor: &str, id: i64) -> Result<(), Problem> {
    let user = users::by_id(change, id)?;
    users::unlock(change, id)?;
    Ok(audit::append(change, actor, "解锁", &user.name, json!({}))?)
}

/// Somebody must be left who can let others in.
fn spare(change: &Transaction<'_>, user: &User) -> Result<(), Problem> {
    if user.role == Role::Admin && !user.disabled && !users::another_administrator(change, user.id)? {
        let problem = "这是最后一个管理员，不能停用或改为其他角色。请先添加另一个管理员";
        return Err(Problem::Conflict(problem.to_owned()));
    }
    Ok(())
}

/// Gives a user a further key, which is known to nobody but its reader.
pub(crate) fn add_key(change: &Transaction<'_>, owner: &str, label: &str, key: &str) -> Result<(), Problem> {
    let label = label.trim();
    if label.is_empty() || label.chars().count() > NOTED || label.chars().any(char::is_control) {
        return Err(Problem::Invalid(format!("请给密钥起个名字，最多 {NOTED} 个字，好认出它用在哪里")));
    }
    let (user, _) = users::by_name(change, owner)?.ok_or(Problem::SignIn)?;
    if users::keys_of(change, user.id)?.len() >= KEYS {
        return Err(Problem::Conflict(format!("密钥已有 {KEYS} 个，请先撤销不用的")));
    }
    users::add_key(change, user.id, label, key)?;
    Ok(audit::append(change, owner, "新建密钥", label, json!({}))?)
}

/// Makes a key worthless: the owner's own, or, for an administrator, anybody's.
pub(crate) fn revoke_key(change: &Transaction<'_>, caller: &auth::Caller, id: i64) -> Result<(), Problem> {
    let missing = || Problem::Missing("没有这个密钥，可能已被撤销".to_owned());
    let key = users::key(change, id)?.ok_or_else(missing)?;
    if key.owner != caller.name && !caller.role.may(auth::Right::Manage) {
        return Err(missing());
    }
    users::revoke_key(change, id)?;
    Ok(audit::append(change, &caller.name, "撤销密钥", &key.name, json!({ "owner": key.owner }))?)
}

/// Somebody who says who they are.
pub(crate) struct Claim {
    pub(crate) name: String,
    pub(crate) password: Password,
    pub(crate) address: IpAddr,
}

/// Begins a session for whoever knows the password and returns its cookie; to everybody else nothing is said of the reason.
/// A session that the browser had before ends.
pub(crate) async fn sign_in(app: &App, claim: Claim, before: Option<String>) -> Result<Option<String>, Problem> {
    let Claim { name, password, address } = claim;
    let kept = hash_of(app, &name).await?;
    let compared = kept.clone();
    let right = in_turn(move |memory| Ok(password.is(compared.as_deref(), memory))).await?;
    let (token, csrf) = (auth::secret()?, auth::secret()?);
    app.write(move |change| {
        let Some(user) = admit(change, &name, kept.filter(|_| right).as_deref(), address)? else { return Ok(None) };
        if let Some(before) = before {
            users::sign_out(change, &before)?;
        }
        users::sign_in(change, user.id, &token, &csrf)?;
        audit::append(change, &user.name, "登录", "", json!({ "address": address.to_canonical() }))?;
        Ok(Some(token))
    })
    .await
}

/// Gives whoever knows the old password a new one, ends every session of the user and begins a new one.
pub(crate) async fn change_password(app: &App, claim: Claim, new: Password) -> Result<String, Problem> {
    let Claim { name, password, address } = claim;
    new.suits(&name)?;
    let kept = hash_of(app, &name).await?;
    let compared = kept.clone();
    let change = move |memory: &mut Memory| {
        if password.is(compared.as_deref(), memory) { new.hash(memory).map(Some) } else { Ok(None) }
    };
    let hash = in_turn(change).await?;
    let (token, csrf) = (auth::secret()?, auth::secret()?);
    let changed = app.write(move |change| {
        let Some(user) = admit(change, &name, kept.filter(|_| hash.is_some()).as_deref(), address)? else {
            return Ok(None);
        };
        set_password(change, &user.name, user.id, hash.as_deref().unwrap_or_default())?;
        users::sign_in(change, user.id, &token, &csrf)?;
        Ok(Some(token))
    });
    changed.await?.ok_or_else(|| Problem::Invalid("原密码不对，或因连续输错而暂时锁定".to_owned()))
}

async fn hash_of(app: &App, name: &str) -> Result<Option<String>, Problem> {
    let name = name.trim().to_owned();
    Ok(app.read(move |store| users::by_name(store, &name)).await?.map(|(_, hash)| hash))
}

/// The user whose password was proved to be the one that is kept. Decided together with what it changes, so that guesses made
/// at the same time count one after the other.
fn admit(change: &Transaction<'_>, name: &str, proved: Option<&str>, address: IpAddr) -> Result<Option<User>, Problem> {
    let found = users::by_name(change, name.trim())?;
    let refused = match &found {
        None => "没有这个用户",
        Some((user, _)) if user.disabled => "已停用",
        Some((user, _)) if user.locked_until > now() => "已锁定",
        Some((user, kept)) if proved != Some(kept) => {
            users::failed(change, user.id)?;
            "密码不对"
        }
        Some(_) => return Ok(found.map(|(user, _)| user)),
    };
    let tried: String = name.chars().take(NOTED).collect();
    let detail = json!({ "reason": refused, "address": address.to_canonical() });
    audit::append(change, STRANGER, "登录失败", &tried, detail)?;
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_made_of_letters() {
        for good in ["张三", "zhang.san", "li_si@厂", "阿卜杜拉·买买提"] {
            assert_eq!(name(&format!(" {good} ")).unwrap(), good);
        }
        for bad in ["", "  ", "张 三", "<b>", "a\nb", "a\u{202e}b", "=1+1", "本机", "未登录", &"长".repeat(33)]
        {
            assert!(name(bad).is_err(), "{bad:?}");
        }
    }
}
