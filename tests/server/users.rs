//! Accounts, sessions, keys, the audit log, backups.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::harness::{Answer, Browser, Server, data, run};

/// Of every user here.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// Adds a user on the console.
pub(crate) fn add(server: &Server, name: &str, role: &str) {
    let (code, _, err) = server.command(&["user", "add", name, "--role", role], &format!("{PASSWORD}\n"));
    assert_eq!((code, err.as_str()), (0, ""), "{name}");
}

/// Signs in: what came back.
pub(crate) fn sign_in(browser: &mut Browser, name: &str, password: &str) -> Answer {
    browser.post("/login", &[("name", name), ("password", password), ("to", "/codes")])
}

/// Somebody who has signed in, with the token of their forms.
pub(crate) fn signed_in(server: &Server, name: &str) -> Browser {
    let mut browser = server.browser();
    let answer = sign_in(&mut browser, name, PASSWORD);
    assert_eq!((answer.status, answer.place()), (303, "/codes"), "{}", answer.text());
    assert_eq!(browser.get("/").status, 200);
    browser
}

/// A server with one user of each role.
pub(crate) fn staffed() -> Server {
    let server = Server::start();
    for (name, role) in [("管理", "管理员"), ("复核", "复核员"), ("审计", "审计员")] {
        add(&server, name, role);
    }
    server
}

/// A new key of somebody who has signed in.
pub(crate) fn key(browser: &mut Browser, name: &str) -> String {
    let page = browser.post("/keys", &[("name", name)]);
    assert_eq!(page.status, 200, "{}", page.text());
    let text = page.text();
    let key = format!("wb_{}", text.split_once("wb_").unwrap().1.split('<').next().unwrap());
    assert_eq!(key.len(), 67);
    key
}

/// The number of a user, as the page of users leads to it.
pub(crate) fn number(admin: &mut Browser, name: &str) -> String {
    let text = admin.get("/users").text();
    let row = text.split("<tr>").find(|row| row.contains(&format!("<td>{name}</td>"))).expect(name);
    row.split_once("/users/").unwrap().1.split('"').next().unwrap().to_owned()
}

/// How many entries the audit log of a data file has; panics where it does not hold.
fn entries(dir: &tempfile::TempDir, file: &str) -> u64 {
    let (code, out, err) = run(dir, &["audit", "verify", "--data", file], "");
    assert_eq!(code, 0, "{out}{err}");
    out.split('：').nth(1).unwrap().split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn the_first_user_is_an_administrator_and_from_then_on_everybody_signs_in() {
    let server = Server::start();
    let mut browser = server.browser();
    assert!(browser.get("/users").text().contains("每个人都要登录"));
    let (code, _, err) = server.command(&["user", "add", "张三", "--role", "复核员"], &format!("{PASSWORD}\n"));
    assert_eq!(code, 2);
    assert!(err.contains("第一个用户须是管理员"), "{err}");
    let new = [("name", "张三"), ("role", "管理员"), ("new", PASSWORD), ("again", PASSWORD)];
    assert_eq!(browser.post("/users", &new).status, 303);
    let answer = browser.get("/users?page=1");
    assert_eq!((answer.status, answer.place()), (303, "/login?to=/users%3Fpage%3D1"));
    let mut browser = signed_in(&server, "张三");
    assert!(browser.get("/users").text().contains("张三"));
    assert_eq!(browser.post("/logout", &[]).place(), "/login");
    assert_eq!(browser.get("/users").status, 303);
}

#[test]
fn a_server_that_others_can_ask_is_set_up_with_the_token_on_its_console() {
    let server = Server::start_with(&["--listen", "0.0.0.0:0"]);
    let token = server.said.lines().last().unwrap().trim().to_owned();
    assert_eq!(token.len(), 64, "{}", server.said);
    let mut browser = server.browser();
    for path in ["/", "/users", "/login", "/jobs"] {
        assert_eq!(browser.get(path).place(), "/setup", "{path}");
    }
    let mut set_up = |token: &str, password: &str| {
        let fields = [("token", token), ("name", "老王"), ("new", password), ("again", password)];
        browser.post("/setup/administrator", &fields)
    };
    assert_eq!(set_up(&"0".repeat(64), PASSWORD).status, 403);
    assert_eq!(set_up("", PASSWORD).status, 403);
    assert_eq!(set_up(&token, "short").status, 422);
    assert_eq!(set_up(&token, PASSWORD).status, 303);
    // The token is good for once.
    assert_eq!(set_up(&token, PASSWORD).status, 403);
    assert!(browser.get("/users").text().contains("老王"));
    assert_eq!(server.browser().get("/setup").place(), "/");
}

#[test]
fn five_failures_lock_out_until_an_administrator_unlocks() {
    let server = staffed();
    let mut browser = server.browser();
    for _ in 0..5 {
        assert_eq!(sign_in(&mut browser, "复核", "wrong password").status, 401);
    }
    let answer = sign_in(&mut browser, "复核", PASSWORD);
    assert_eq!(answer.status, 401);
    assert!(answer.text().contains("锁定 15 分钟"));
    let mut admin = signed_in(&server, "管理");
    let id = number(&mut admin, "复核");
    assert!(admin.get(&format!("/users/{id}")).text().contains("锁定至"));
    assert_eq!(admin.post(&format!("/users/{id}/unlock"), &[]).status, 303);
    signed_in(&server, "复核");
    // Four failures and a success begin anew.
    for _ in 0..4 {
        sign_in(&mut browser, "复核", "wrong password");
    }
    signed_in(&server, "复核");
    let (code, out, _) = server.command(&["user", "list"], "");
    assert_eq!(code, 0);
    assert!(out.contains("复核\t复核员\t正常"), "{out}");
}

#[test]
fn a_new_password_ends_the_other_sessions() {
    let server = staffed();
    let (mut here, mut elsewhere) = (signed_in(&server, "复核"), signed_in(&server, "复核"));
    here.get("/password");
    let mut change = |old: &str, new: &str, again: &str| {
        let answer = here.post("/password", &[("old", old), ("new", new), ("again", again)]);
        (answer.status, answer.text())
    };
    let new = "another horse battery";
    assert!(change("wrong", new, new).1.contains("原密码不对"));
    assert!(change(PASSWORD, new, "another").1.contains("不一样"));
    assert!(change(PASSWORD, "1234567890", "1234567890").1.contains("太常见"));
    assert_eq!(change(PASSWORD, new, new).0, 303);
    assert_eq!(here.get("/codes").status, 200);
    assert_eq!(elsewhere.get("/codes").status, 303);
    let mut browser = server.browser();
    assert_eq!(sign_in(&mut browser, "复核", PASSWORD).status, 401);
    assert_eq!(sign_in(&mut browser, "复核", new).status, 303);
    // Forgotten: the console helps.
    let (code, ..) = server.command(&["user", "password", "复核"], &format!("{PASSWORD}\n"));
    assert_eq!(code, 0);
    assert_eq!(browser.get("/codes").status, 303);
    signed_in(&server, "复核");
}

#[test]
fn roles_change_and_somebody_can_always_let_others_in() {
    let server = staffed();
    let mut admin = signed_in(&server, "管理");
    let (own, other) = (number(&mut admin, "管理"), number(&mut admin, "复核"));
    for (what, fields) in [("disable", vec![]), ("role", vec![("role", "复核员")])] {
        let answer = admin.post(&format!("/users/{own}/{what}"), &fields);
        assert_eq!(answer.status, 409, "{what}");
        assert!(answer.text().contains("最后一个管理员"));
    }
    let mut reviewer = signed_in(&server, "复核");
    assert_eq!(reviewer.get("/users").status, 403);
    assert_eq!(admin.post(&format!("/users/{other}/role"), &[("role", "管理员")]).status, 303);
    // What was begun with another role has ended.
    assert_eq!(reviewer.get("/codes").status, 303);
    let mut second = signed_in(&server, "复核");
    assert_eq!(second.post(&format!("/users/{own}/disable"), &[]).status, 303);
    assert_eq!(admin.get("/codes").status, 303);
    assert_eq!(sign_in(&mut server.browser(), "管理", PASSWORD).status, 401);
    assert_eq!(second.post(&format!("/users/{other}/disable"), &[]).status, 409);
    assert_eq!(second.post(&format!("/users/{own}/enable"), &[]).status, 303);
    signed_in(&server, "管理");
    let taken = [("name", "管理"), ("role", "复核员"), ("new", PASSWORD), ("again", PASSWORD)];
    assert_eq!(second.post("/users", &taken).status, 409);
}

#[test]
fn an_administrator_sees_and_revokes_the_keys_of_all() {
    let server = staffed();
    let (mut admin, mut reviewer) = (signed_in(&server, "管理"), signed_in(&server, "复核"));
    let made = key(&mut reviewer, "合同系统");
    assert!(!reviewer.get("/keys").text().contains(&made));
    let asked = |key: &str| server.browser().api("GET", "/v1/codes", key, None).status;
    assert_eq!(asked(&made), 200);
    let page = admin.get("/keys").text();
    assert!(page.contains("其他用户的密钥") && page.contains("合同系统"));
    let id = page.split_once("/keys/").unwrap().1.split('/').next().unwrap().to_owned();
    let mut auditor = signed_in(&server, "审计");
    auditor.get("/keys");
    assert_eq!(auditor.post(&format!("/keys/{id}/revoke"), &[]).status, 404);
    assert_eq!(asked(&made), 200);
    assert_eq!(admin.post(&format!("/keys/{id}/revoke"), &[]).status, 303);
    assert_eq!(asked(&made), 401);
}

#[test]
fn whatever_is_done_to_accounts_is_in_the_audit_log() {
    let server = staffed();
    let mut admin = signed_in(&server, "管理");
    let id = number(&mut admin, "复核");
    for what in ["disable", "enable", "unlock"] {
        admin.post(&format!("/users/{id}/{what}"), &[]);
    }
    admin.post(&format!("/users/{id}/role"), &[("role", "审计员")]);
    admin.post(&format!("/users/{id}/password"), &[("new", "another horse"), ("again", "another horse")]);
    key(&mut admin, "合同系统");
    let page = admin.get("/keys").text();
    admin.post(&format!("/keys/{}/revoke", page.split_once("/keys/").unwrap().1.split('/').next().unwrap()), &[]);
    sign_in(&mut server.browser(), "没有此人", "wrong password");
    let mut other = signed_in(&server, "审计");
    other.post("/logout", &[]);
    let log = admin.get("/audit").text();
    for action in
        ["登录", "登录失败", "退出", "添加用户", "改角色", "改密码", "停用", "启用", "解锁", "新建密钥", "撤销密钥"]
    {
        assert!(log.contains(&format!("<td>{action}</td>")), "{action}");
    }
    assert!(log.contains("没有此人") && log.contains("127.0.0.1"));
}

#[test]
fn the_audit_log_is_filtered_paged_verified_and_exported() {
    let server = staffed();
    let mut admin = signed_in(&server, "管理");
    for _ in 0..55 {
        let made = admin.post("/keys", &[("name", "周转")]).text();
        let id = made.split_once("/keys/").unwrap().1.split('/').next().unwrap().to_owned();
        admin.post(&format!("/keys/{id}/revoke"), &[]);
    }
    let count = |text: &str| text.matches("<td class=\"number\">").count();
    let first = admin.get("/audit?action=&actor=%E7%AE%A1%E7%90%86").text();
    assert_eq!(count(&first), 100);
    let next = first.split_once("rel=\"next\"").unwrap().0.rsplit_once("href=\"").unwrap().1;
    let next = next.split('"').next().unwrap().replace("&amp;", "&");
    // 55 keys made, 55 revoked, one sign-in.
    assert_eq!(count(&admin.get(&next).text()), 11);
    assert_eq!(count(&admin.get("/audit?action=%E7%99%BB%E5%BD%95").text()), 1);
    assert_eq!(count(&admin.get("/audit?to=2000-01-01").text()), 0);
    assert_eq!(admin.get("/audit?from=yesterday").status, 422);
    let (_, said, _) = server.command(&["audit", "verify"], "");
    let shown = admin.post("/audit/verify", &[]).text();
    let head = said.trim().rsplit(' ').next().unwrap();
    assert!(shown.contains(head) && shown.contains("日志完好"), "{shown}");
    admin.get("/audit");
    let csv = admin.post("/audit/export", &[("format", "csv"), ("action", "新建密钥")]);
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(csv.text().lines().count(), 56);
    let book = admin.post("/audit/export", &[("format", "xlsx")]);
    assert!(book.bytes.starts_with(b"PK"));
    assert!(admin.get("/audit?action=%E5%AF%BC%E5%87%BA").text().contains("审计日志"));
}

#[test]
fn a_changed_entry_is_noticed_and_an_old_head_is_found_again() {
    let server = Server::start();
    add(&server, "管理", "管理员");
    let (_, said, _) = server.command(&["audit", "verify"], "");
    let head = said.trim().rsplit(' ').next().unwrap().to_owned();
    sign_in(&mut server.browser(), "marker-of-this-test", "wrong password");
    let (code, dir) = server.stop();
    assert_eq!(code, 0);
    let (code, out, _) = run(&dir, &["audit", "verify", "--head", &head], "");
    assert_eq!(code, 0);
    assert!(out.contains("2 条") && out.contains("第 1 条"), "{out}");
    let (code, out, _) = run(&dir, &["audit", "verify", "--head", &"0".repeat(64)], "");
    assert_eq!(code, 1);
    assert!(out.contains("不在了"), "{out}");
    assert_eq!(run(&dir, &["audit", "verify", "--head", "x"], "").0, 2);
    let mut bytes = std::fs::read(data(&dir)).unwrap();
    let at = bytes.windows(19).position(|part| part == b"marker-of-this-test").unwrap();
    bytes[at] = b'M';
    std::fs::write(data(&dir), bytes).unwrap();
    let (code, out, _) = run(&dir, &["audit", "verify"], "");
    assert_eq!(code, 1);
    assert!(out.contains("第 2 条"), "{out}");
}

#[test]
fn a_backup_that_is_made_while_others_write_is_whole_and_has_what_was_acknowledged() {
    let server = staffed();
    let mut admin = signed_in(&server, "管理");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let made = admin.post("/keys", &[("name", "周转")]).text();
                let id = made.split_once("/keys/").unwrap().1.split('/').next().unwrap().to_owned();
                assert_eq!(admin.post(&format!("/keys/{id}/revoke"), &[]).status, 303);
            }
        });
        for round in 0..5 {
            let name = format!("{round}.backup");
            let before = entries(&server.dir, "waibao.db");
            let (code, out, err) = server.command(&["backup", &name], "");
            assert_eq!(code, 0, "{out}{err}");
            assert!(!server.dir.path().join(format!("{name}-wal")).exists());
            assert!(entries(&server.dir, &name) > before, "the backup lacks what was there before it");
        }
        stop.store(true, Ordering::Relaxed);
    });
    let (code, _, err) = server.command(&["backup", "0.backup"], "");
    assert_eq!(code, 2);
    assert!(err.contains("已经存在"), "{err}");
    assert_eq!(server.command(&["backup", "0.backup", "--overwrite"], "").0, 0);
    assert_eq!(server.command(&["backup", "waibao.db", "--overwrite"], "").0, 2);
}

#[test]
fn a_backup_takes_the_place_of_the_data_file_once_the_server_has_stopped() {
    let server = staffed();
    let mut admin = signed_in(&server, "管理");
    assert_eq!(server.command(&["backup", "a.backup"], "").0, 0);
    add(&server, "后来", "复核员");
    let (code, _, err) = server.command(&["restore", "a.backup"], "");
    assert_eq!(code, 2);
    assert!(err.contains("先停下"), "{err}");
    // Killed, so that its log is still beside it.
    let dir = server.kill();
    let (code, out, err) = run(&dir, &["restore", "a.backup"], "");
    assert_eq!(code, 0, "{out}{err}");
    let kept: Vec<String> = names(dir.path()).into_iter().filter(|name| name.contains("before-restore")).collect();
    let kept = kept.iter().find(|name| !name.ends_with("-wal")).unwrap();
    let (_, users, _) = run(&dir, &["user", "list"], "");
    assert!(users.contains("管理") && !users.contains("后来"), "{users}");
    let (_, users, _) = run(&dir, &["user", "list", "--data", kept], "");
    assert!(users.contains("后来"), "{users}");
    let server = Server::start_in(dir, &[]);
    admin.base = format!("http://{}", server.address);
    assert_eq!(admin.get("/codes").status, 303, "a session came back");
    let mut admin = signed_in(&server, "管理");
    let log = admin.get("/audit").text();
    assert!(log.contains("<td>备份</td>") && log.contains("<td>恢复</td>"));
    let (code, _, err) = server.command(&["restore", "nothing.backup", "--data", "other.db"], "");
    assert_eq!(code, 2);
    assert!(err.contains("没有这个备份文件"), "{err}");
}

#[test]
fn what_cannot_be_served_is_said_at_once() {
    let server = Server::start();
    let dir = &server.dir;
    std::fs::create_dir(dir.path().join("dir.db")).unwrap();
    std::fs::write(dir.path().join("text.db"), "not a database, but long enough to be looked at: ".repeat(40)).unwrap();
    for (arguments, word) in [
        (vec!["--listen", &server.address, "--data", "other.db"], "已被占用"),
        (vec!["--listen", "192.0.2.1:80", "--data", "other.db"], "没有这个地址"),
        (vec!["--listen", "127.0.0.1:0"], "另一个 waibao"),
        (vec!["--listen", "127.0.0.1:0", "--data", "dir.db"], "目录"),
        (vec!["--listen", "127.0.0.1:0", "--data", "text.db"], "不是 waibao"),
        (vec!["--listen", "127.0.0.1:0", "--data", "no/such/dir.db"], "no/such"),
    ] {
        let (code, _, err) = run(dir, &[&["serve"], &arguments[..]].concat(), "");
        assert_eq!(code, 2, "{arguments:?}: {err}");
        assert!(err.starts_with("错误：") && err.contains(word), "{arguments:?}: {err}");
    }
    for arguments in [["audit", "verify"], ["user", "list"], ["backup", "x"]] {
        let (code, _, err) = run(dir, &[&arguments[..], &["--data", "missing.db"]].concat(), "");
        assert_eq!(code, 2);
        assert!(err.contains("没有数据文件"), "{err}");
        assert!(!dir.path().join("missing.db").exists());
    }
}

#[test]
fn a_server_that_is_told_to_stop_leaves_one_file() {
    let server = staffed();
    signed_in(&server, "管理");
    let (code, dir) = server.stop();
    assert_eq!(code, 0);
    assert_eq!(names(dir.path()).iter().filter(|name| name.starts_with("waibao.db-")).count(), 0);
    assert_eq!(entries(&dir, "waibao.db"), 4);
}

#[test]
fn a_password_is_read_from_the_first_line_only() {
    let dir = tempfile::tempdir().unwrap();
    let add = |typed: &str| run(&dir, &["user", "add", "管理", "--role", "admin"], typed);
    assert!(add("").2.contains("太短"));
    assert!(add("管理管理\n").2.contains("太短"));
    assert_eq!(add(&format!("{PASSWORD}\r\nmore\n")).0, 0);
    assert!(add(&format!("{PASSWORD}\n")).2.contains("已有"));
    let (code, _, err) = run(&dir, &["user", "add", "甲", "--role", "老板"], PASSWORD);
    assert_eq!(code, 2);
    assert!(err.contains("老板"), "{err}");
    let server = Server::start_in(dir, &[]);
    signed_in(&server, "管理");
}

fn names(dir: &Path) -> Vec<String> {
    std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
