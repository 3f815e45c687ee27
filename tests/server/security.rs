//! A test for each line of the threat model (docs/security.md), which names them.

use std::collections::BTreeSet;
use std::io::{Cursor, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::json;
use zip::write::SimpleFileOptions;

use crate::harness::{Answer, Browser, Server, data, run};
use crate::users::{PASSWORD, add, key, number, sign_in, signed_in, staffed};

/// What must not run where it is shown.
const SCRIPT: &str = "<script>alert(1)</script>";
/// What a spreadsheet would run.
const FORMULAS: [&str; 6] = ["=1+1", "+1+cmd", "-1+cmd", "@SUM(A1)", "\t=1+1", "\r=1+1"];

// ---- who asks ----

#[test]
fn another_sites_requests_are_refused() {
    let server = staffed();
    let mut admin = signed_in(&server, "管理");
    let key = ("name", "不该有的密钥");
    let csrf = std::mem::replace(&mut admin.csrf, "0".repeat(64));
    assert_eq!(admin.post("/keys", &[key]).status, 403, "a wrong token");
    admin.csrf.clear();
    assert_eq!(admin.post("/keys", &[key]).status, 403, "no token");
    let here = format!("http://{}", server.address);
    let agent = admin.agent.clone();
    let from = |name: &str, value: &str| {
        let request = agent.post(format!("{here}/keys")).header(name, value);
        request.send_form([key, ("csrf", &csrf)]).unwrap().status().as_u16()
    };
    for (name, value) in [
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("origin", "http://127.0.0.1:1"),
        ("origin", "evil"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        assert_eq!(from(name, value), 403, "{name}: {value}");
    }
    assert!(!admin.get("/keys").text().contains(key.1));
    assert_eq!(from("origin", &here), 200);
    assert!(admin.get("/keys").text().contains(key.1));
    // Nobody is signed in by another site either.
    let login = agent.post(format!("{here}/login")).header("origin", "http://evil.example");
    assert_eq!(login.send_form([("name", "审计"), ("password", PASSWORD)]).unwrap().status(), 403);
}

#[test]
fn another_site_cannot_use_a_server_without_accounts() {
    let server = Server::start();
    let body = json!({ "texts": ["呼叫中心外包"] }).to_string();
    let sent = |kind: &str, origin: &str| {
        raw(
            &server,
            &format!(
                "POST /v1/classify HTTP/1.1\r\nhost: {}\r\n{origin}content-type: {kind}\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n{body}",
                server.address,
                body.len()
            ),
        )
    };
    // What a form, or a script without leave, can send.
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        assert_eq!(status(&sent(kind, "")), 403, "{kind}");
    }
    assert_eq!(status(&sent("application/json", "origin: http://evil.example\r\n")), 403);
    // A browser asks first whether it may send JSON, and hears nothing that would allow it.
    let asked = raw(
        &server,
        &format!(
            "OPTIONS /v1/classify HTTP/1.1\r\nhost: {}\r\norigin: http://evil.example\r\n\
         access-control-request-method: POST\r\nconnection: close\r\n\r\n",
            server.address
        ),
    );
    assert!(!asked.to_lowercase().contains("access-control-allow"), "{asked}");
}

#[test]
fn a_name_that_was_made_to_point_here_gets_nothing() {
    let server = Server::start();
    let port = server.address.rsplit(':').next().unwrap();
    let asked = |host: &str| {
        status(&raw(&server, &format!("GET /codes HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")))
    };
    for host in ["evil.example", &format!("evil.example:{port}"), "127.0.0.1.evil.example", ""] {
        assert_eq!(asked(host), 403, "{host:?}");
    }
    assert_eq!(asked(&format!("localhost:{port}")), 200);
    assert_eq!(asked(&format!("127.0.0.1:{port}")), 200);
    // With accounts the name gets a page for signing in, and no more.
    add(&server, "管理", "管理员");
    assert_eq!(asked("evil.example"), 401);
}

#[test]
fn every_route_asks_for_its_right() {
    let server = staffed();
    let fields = [
        ("text", ""),
        ("label", "B21"),
        ("version", "0"),
        ("bunch", "999"),
        ("name", "x y"),
        ("role", "复核员"),
        ("new", "short"),
        ("again", "short"),
        ("old", "x"),
        ("token", "x"),
        ("password", "x"),
        ("format", "csv"),
        ("actor", "nobody"),
    ];
    let mut nobody = server.browser();
    let mut people = [("管理", 'M'), ("复核", 'R'), ("审计", 'A')].map(|(name, role)| (signed_in(&server, name), role));
    for (method, path, right) in ROUTES {
        let path = path.replace("{id}", "999");
        for (browser, role) in &mut people {
            let answer = asked(browser, method, &path, &fields);
            let refused = answer.status == 403 || answer.place().starts_with("/login?") || answer.status >= 500;
            let may = right.contains(*role) || *right == "everybody";
            assert_eq!(!refused, may, "{method} {path} by {role}: {} {}", answer.status, answer.text());
        }
        let answer = asked(&mut nobody, method, &path, &fields);
        let led = answer.place().starts_with("/login?") || answer.status == 401 && path.ends_with("/hold");
        assert_eq!(led, *right != "everybody", "{method} {path} by nobody: {}", answer.status);
    }
    // A route that is not in the table is a route whose right nobody thought of.
    let known: BTreeSet<(String, String)> =
        ROUTES.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(routes(), known);
}

/// Every route of the pages and the roles (M管理员 R复核员 A审计员) that may use it.
const ROUTES: &[(&str, &str, &str)] = &[
    ("GET", "/login", "everybody"),
    ("POST", "/login", "everybody"),
    ("GET", "/setup", "everybody"),
    ("GET", "/", "MRA"),
    ("POST", "/", "MRA"),
    ("GET", "/codes", "MRA"),
    ("GET", "/cases", "MRA"),
    ("POST", "/cases", "MR"),
    ("POST", "/cases/{id}/withdraw", "MR"),
    ("GET", "/cases/export", "MR"),
    ("GET", "/figures", "MRA"),
    ("GET", "/figures/export", "MRA"),
    ("GET", "/jobs", "MR"),
    ("POST", "/jobs", "MR"),
    ("GET", "/jobs/{id}", "MR"),
    ("POST", "/jobs/{id}/start", "MR"),
    ("POST", "/jobs/{id}/cancel", "MR"),
    ("POST", "/jobs/{id}/continue", "MR"),
    ("POST", "/jobs/{id}/delete", "MR"),
    ("GET", "/jobs/{id}/events", "MR"),
    ("GET", "/jobs/{id}/result", "MR"),
    ("GET", "/review", "MR"),
    ("POST", "/review/undo", "MR"),
    ("GET", "/review/flagged", "MR"),
    ("GET", "/review/rows/{id}", "MRA"),
    ("POST", "/review/rows/{id}", "MR"),
    ("POST", "/review/rows/{id}/skip", "MR"),
    ("POST", "/review/rows/{id}/hold", "MR"),
    ("GET", "/audit", "MA"),
    ("POST", "/audit/verify", "MA"),
    ("POST", "/audit/export", "MA"),
    ("GET", "/users", "M"),
    ("POST", "/users", "M"),
    ("GET", "/users/{id}", "M"),
    ("POST", "/users/{id}/role", "M"),
    ("POST", "/users/{id}/password", "M"),
    ("POST", "/users/{id}/disable", "M"),
    ("POST", "/users/{id}/enable", "M"),
    ("POST", "/users/{id}/unlock", "M"),
    ("GET", "/keys", "MRA"),
    ("POST", "/keys", "MRA"),
    ("POST", "/keys/{id}/revoke", "MRA"),
    ("GET", "/password", "MRA"),
    ("POST", "/password", "MRA"),
    // The last, because it ends the session.
    ("POST", "/logout", "MRA"),
];

#[test]
fn every_operation_of_the_api_asks_for_its_right() {
    let server = staffed();
    let auditors = key(&mut signed_in(&server, "审计"), "审计");
    let document = server.browser().api("GET", "/openapi.json", &auditors, None).json();
    let mut asked = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let place = path.replace("{id}", "999").replace("{code}", "B21");
            let body =
                (method == "post").then(|| operation["requestBody"]["content"]["application/json"]["example"].clone());
            // A connection of its own: one on which a body was refused unread is closed.
            let by = |key: &str| server.browser().api(&method.to_uppercase(), &place, key, body.as_ref()).status;
            let open = operation["security"].as_array().unwrap().is_empty();
            assert_eq!(by("") == 401, !open, "{method} {path} by nobody");
            assert_eq!(by("wb_0000") == 401, !open, "{method} {path} with a wrong key");
            let work = ["/v1/jobs", "/v1/reviews", "/v1/cases/export"].iter().any(|begin| path.starts_with(begin))
                || path.starts_with("/v1/cases") && method != "get";
            assert_eq!(by(&auditors) == 403, work, "{method} {path} by an auditor");
            asked += 1;
        }
    }
    assert!(asked >= 20, "{asked} operations");
}

#[test]
fn a_key_is_worth_nothing_once_it_is_revoked_or_its_owner_disabled() {
    let server = staffed();
    let (mut admin, mut reviewer) = (signed_in(&server, "管理"), signed_in(&server, "复核"));
    let (first, second) = (key(&mut reviewer, "一"), key(&mut reviewer, "二"));
    let asked = |key: &str| server.browser().api("GET", "/v1/codes", key, None).status;
    assert_eq!((asked(&first), asked(&second)), (200, 200));
    let page = reviewer.get("/keys").text();
    let id = page.split_once("/keys/").unwrap().1.split('/').next().unwrap().to_owned();
    assert_eq!(reviewer.post(&format!("/keys/{id}/revoke"), &[]).status, 303);
    assert_eq!((asked(&first), asked(&second)), (401, 200));
    let user = number(&mut admin, "复核");
    assert_eq!(admin.post(&format!("/users/{user}/disable"), &[]).status, 303);
    assert_eq!(asked(&second), 401);
    assert_eq!(admin.post(&format!("/users/{user}/role"), &[("role", "审计员")]).status, 303);
    assert_eq!(admin.post(&format!("/users/{user}/enable"), &[]).status, 303);
    // A key may what its owner may at present.
    assert_eq!(asked(&second), 200);
    assert_eq!(server.browser().api("GET", "/v1/jobs", &second, None).status, 403);
}

#[test]
fn a_stolen_key_cannot_make_itself_at_home() {
    let server = staffed();
    let mut admin = signed_in(&server, "管理");
    let key = key(&mut admin, "被盗");
    let thief = server.browser();
    let header = format!("Bearer {key}");
    for path in ["/users", "/keys", "/password"] {
        assert_eq!(thief.api("GET", path, &key, None).status, 403, "{path}");
        let request = thief.agent.post(format!("{}{path}", thief.base)).header("authorization", &header);
        let fields = [("name", "贼"), ("role", "管理员"), ("new", PASSWORD), ("again", PASSWORD), ("old", PASSWORD)];
        assert_eq!(request.send_form(fields).unwrap().status(), 403, "{path}");
    }
    assert!(!admin.get("/users").text().contains("贼"));
}

// ---- signing in ----

#[test]
fn a_session_is_a_new_one_after_signing_in_and_ends_with_signing_out() {
    let server = staffed();
    let fixed = format!("waibao={}", "f".repeat(64));
    let request = server.browser().agent.post(format!("http://{}/login", server.address)).header("cookie", &fixed);
    let answer = Answer::of(request.send_form([("name", "复核"), ("password", PASSWORD)]).unwrap());
    let first = cookie(&answer);
    assert_eq!(first.len(), 64);
    assert_ne!(first, "f".repeat(64), "a session under a cookie that somebody else chose");
    assert_eq!(with_cookie(&server, &"f".repeat(64)), 303);
    assert_eq!(with_cookie(&server, &first), 200);
    // Signing in again ends the session before.
    let request = server.browser().agent.post(format!("http://{}/login", server.address));
    let request = request.header("cookie", format!("waibao={first}"));
    let second = cookie(&Answer::of(request.send_form([("name", "复核"), ("password", PASSWORD)]).unwrap()));
    assert_eq!((with_cookie(&server, &first), with_cookie(&server, &second)), (303, 200));
    let mut browser = signed_in(&server, "复核");
    let answer = browser.post("/logout", &[]);
    assert!(answer.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(browser.get("/codes").status, 303);
}

#[test]
fn a_session_changes_its_cookie_and_ends_when_it_is_idle_or_old() {
    let server = staffed();
    let begin = || cookie(&sign_in(&mut server.browser(), "复核", PASSWORD));
    let change = |sql: &str| Connection::open(data(&server.dir)).unwrap().execute_batch(sql).unwrap();
    let first = begin();
    change("UPDATE sessions SET rotated = rotated - 1801");
    let request = server.browser().agent.get(format!("http://{}/codes", server.address));
    let second = cookie(&Answer::of(request.header("cookie", format!("waibao={first}")).call().unwrap()));
    assert_ne!(first, second);
    // The old one holds for what is under way, a minute.
    assert_eq!((with_cookie(&server, &first), with_cookie(&server, &second)), (200, 200));
    change("UPDATE sessions SET expires = expires - 61 WHERE expires < unixepoch() + 61");
    assert_eq!((with_cookie(&server, &first), with_cookie(&server, &second)), (303, 200));
    change("UPDATE sessions SET expires = expires - 7201, seen = seen - 7201");
    assert_eq!(with_cookie(&server, &second), 303, "idle for two hours");
    let third = begin();
    change("UPDATE sessions SET began = began - 43201");
    assert_eq!(with_cookie(&server, &third), 303, "twelve hours old");
}

#[test]
fn the_cookie_is_for_us_alone() {
    let server = staffed();
    let answer = sign_in(&mut server.browser(), "复核", PASSWORD);
    let parts: Vec<&str> = answer.header("set-cookie").split("; ").skip(1).collect();
    assert_eq!(parts, ["Path=/", "HttpOnly", "SameSite=Strict"]);
}

#[test]
fn guessing_locks_the_account_and_slows_the_guesser() {
    let server = staffed();
    let mut browser = server.browser();
    let mut guess = |name: &str, password: &str| sign_in(&mut browser, name, password);
    for _ in 0..5 {
        assert_eq!(guess("复核", "wrong password").status, 401);
    }
    let right = guess("复核", PASSWORD);
    assert_eq!(right.status, 401, "an account that is locked was opened");
    assert_eq!(right.text(), guess("复核", "wrong password").text(), "a guesser learns that a guess was right");
    // Another name at a time is no way around it.
    let answers: Vec<Answer> = (0..20).map(|at| guess(&format!("用户{at}"), "wrong password")).collect();
    let refused = answers.iter().find(|answer| answer.status == 429).expect("nobody slows the guesser");
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert_eq!(server.browser().get("/login").status, 200);
}

#[test]
fn nobody_learns_which_names_there_are() {
    let server = staffed();
    let mut admin = signed_in(&server, "管理");
    let auditor = number(&mut admin, "审计");
    admin.post(&format!("/users/{auditor}/disable"), &[]);
    let mut browser = server.browser();
    let mut tried = |name: &str, password: &str| {
        let began = Instant::now();
        let answer = sign_in(&mut browser, name, password);
        (answer.status, answer.text(), began.elapsed())
    };
    let unknown: Vec<_> = (0..4).map(|_| tried("没有此人", "wrong password")).collect();
    let known: Vec<_> = (0..5).map(|_| tried("复核", "wrong password")).collect();
    let locked: Vec<_> = (0..4).map(|_| tried("复核", "wrong password")).collect();
    let disabled = tried("审计", PASSWORD);
    for (status, text, _) in unknown.iter().chain(&known).chain(&locked).chain([&disabled]) {
        assert_eq!((status, text), (&401, &unknown[0].1));
    }
    let shortest = |tries: &[(u16, String, Duration)]| tries.iter().map(|(.., took)| *took).min().unwrap();
    let times = [shortest(&unknown), shortest(&known), shortest(&locked)];
    let (least, most) = (times.iter().min().unwrap(), times.iter().max().unwrap());
    assert!(*most < *least * 2, "the time tells: {times:?}");
}

#[test]
fn signing_in_leads_to_our_own_pages_only() {
    let server = staffed();
    for (to, place) in [
        ("/jobs?page=2", "/jobs?page=2"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("/a\r\nset-cookie: waibao=x", "/"),
        ("javascript:alert(1)", "/"),
    ] {
        let answer = server.browser().post("/login", &[("name", "复核"), ("password", PASSWORD), ("to", to)]);
        assert_eq!((answer.status, answer.place()), (303, place), "{to:?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn many_who_sign_in_at_once_cost_no_more_memory_than_few() {
    let server = staffed();
    let most = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() >> 10
    };
    signed_in(&server, "管理");
    let before = most();
    std::thread::scope(|scope| {
        let tries: Vec<_> = (0..18)
            .map(|_| scope.spawn(|| sign_in(&mut server.browser(), "没有此人", "wrong password").status))
            .collect();
        assert_eq!(server.browser().get("/login").status, 200);
        tries.into_iter().for_each(|one| assert_eq!(one.join().unwrap(), 401));
    });
    let more = most() - before;
    // 19 MiB each: all at once they would take 342.
    assert!(more < 120, "{more} MiB more");
}

// ---- what is kept, and what is shown ----

#[test]
fn secrets_are_kept_as_hashes_and_written_nowhere() {
    let server = Server::start_with(&["--listen", "0.0.0.0:0"]);
    let setup = server.said.lines().last().unwrap().trim().to_owned();
    let mut admin = server.browser();
    let fields = [("token", setup.as_str()), ("name", "管理"), ("new", PASSWORD), ("again", PASSWORD)];
    assert_eq!(admin.post("/setup/administrator", &fields).status, 303);
    let answer = sign_in(&mut admin, "管理", PASSWORD);
    let (token, wrong) = (cookie(&answer), "a wrong password that is remembered");
    sign_in(&mut server.browser(), "管理", wrong);
    admin.get("/keys");
    let key = key(&mut admin, "合同系统");
    let log = admin.post("/audit/export", &[("format", "csv")]).text();
    assert!(log.contains("合同系统"));
    let csrf = admin.csrf.clone();
    let heard = server.heard.lock().unwrap().clone();
    let (code, dir) = server.stop();
    assert_eq!(code, 0);
    let kept = std::fs::read(data(&dir)).unwrap();
    for secret in [PASSWORD, wrong, &token, &key, &setup] {
        assert!(!kept.windows(secret.len()).any(|part| part == secret.as_bytes()), "{secret} is in the data file");
    }
    for secret in [PASSWORD, wrong, &token, &key, &setup, &csrf] {
        assert!(!log.contains(secret), "{secret} is in the audit log");
        assert!(!heard.contains(secret), "{secret} is on the console");
    }
}

#[test]
fn secrets_are_compared_in_constant_time() {
    let read = |path: PathBuf| (path.display().to_string(), std::fs::read_to_string(path).unwrap());
    let sources: Vec<(String, String)> = files(&source("src/server")).into_iter().map(read).collect();
    let auth = &sources.iter().find(|(path, _)| path.ends_with("auth.rs")).unwrap().1;
    let same = auth.split_once("fn same(").unwrap().1.split_once("\n}").unwrap().0;
    assert!(same.contains("ct_eq"), "{same}");
    for (path, text) in &sources {
        for line in text.split("#[cfg(test)]").next().unwrap().lines() {
            for operator in [" == ", " != "] {
                for (at, _) in line.match_indices(operator) {
                    let (left, right) = (&line[..at], &line[at + operator.len()..]);
                    let beside = [left.rsplit([' ', '(']).next(), right.split([' ', ')', ',', ';']).next()];
                    // The name of a field is no secret, only what stands in it.
                    let secret = |word: &str| {
                        !word.contains('"') && ["csrf", "token", "secret", "setup"].iter().any(|one| word.contains(one))
                    };
                    assert!(!beside.into_iter().flatten().any(secret), "{path}: {line}");
                }
            }
        }
    }
}

#[test]
fn every_answer_tells_the_browser_what_it_may_do_with_it() {
    let server = staffed();
    let mut admin = signed_in(&server, "管理");
    let answers = [
        ("a page", 200, admin.get("/users")),
        ("a style", 200, admin.get("/assets/style.css")),
        ("a way on", 303, server.browser().get("/users")),
        ("no such page", 404, admin.get("/nowhere")),
        ("no such method", 405, admin.post("/codes", &[])),
        ("what is refused", 403, signed_in(&server, "复核").get("/users")),
        ("a wrong form", 422, admin.post("/users", &[("name", "x y")])),
        ("a wrong password", 401, sign_in(&mut server.browser(), "没有此人", "wrong password")),
        ("a download", 200, admin.post("/audit/export", &[("format", "csv")])),
        ("a description", 200, admin.get("/openapi.json")),
        ("a sign of life", 200, admin.get("/healthz")),
    ];
    for (what, status, answer) in &answers {
        assert_eq!(answer.status, *status, "{what}: {}", answer.text());
        let policy = answer.header("content-security-policy");
        for part in ["default-src 'none'", "script-src 'self'", "form-action 'self'", "frame-ancestors 'none'"] {
            assert!(policy.contains(part), "{what}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{what}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{what}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{what}");
        // No other policy will do: see limits.rs.
        assert_eq!(answer.header("referrer-policy"), "same-origin", "{what}");
        assert!(!answer.header("cache-control").is_empty(), "{what}");
    }
    assert_eq!(answers[0].2.header("cache-control"), "no-store");
}

#[test]
fn pages_hold_no_script_no_style_and_nothing_from_elsewhere() {
    let server = staffed();
    let mut admin = signed_in(&server, "管理");
    for (_, path, _) in ROUTES.iter().filter(|(method, path, _)| *method == "GET" && !path.contains(['{', '.'])) {
        let answer = admin.get(path);
        if !answer.header("content-type").starts_with("text/html") {
            continue;
        }
        let text = answer.text();
        for tag in text.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or_default()) {
            assert!(!tag.contains(" style="), "{path}: <{tag}>");
            assert!(!tag.starts_with("style"), "{path}: <{tag}>");
            assert!(!tag.split(' ').any(|word| word.starts_with("on")), "{path}: <{tag}>");
            assert!(!tag.starts_with("script") || tag.contains("src=\"/assets/"), "{path}: <{tag}>");
            let elsewhere = ["src=\"http", "href=\"http", "src=\"//", "href=\"//", "action=\"http", "javascript:"];
            assert!(!elsewhere.iter().any(|start| tag.contains(start)), "{path}: <{tag}>");
        }
    }
}

#[test]
fn what_people_write_is_shown_as_text() {
    let server = staffed();
    let mut admin = signed_in(&server, "管理");
    // A name that was tried, the name of a key, a file name, a heading, a cell, a case and its comment, a search.
    sign_in(&mut server.browser(), SCRIPT, "wrong password");
    let page = admin.post("/keys", &[("name", SCRIPT)]).text();
    assert!(page.contains("&lt;script&gt;"), "{page}");
    let table = format!("合同名称,服务内容,{SCRIPT}\n甲,呼叫中心外包 {SCRIPT},\"\"\"><img src=x>\"\n");
    admin.get("/jobs");
    let job = admin.upload("/jobs", "<img src=x onerror=alert(1)>.csv", table.as_bytes(), &[]);
    assert_eq!(job.status, 303, "{}", job.text());
    let text = format!("呼叫中心外包 {SCRIPT}");
    let case = admin.post("/cases", &[("text", &text), ("label", "B23"), ("comment", SCRIPT)]);
    assert_eq!(case.status, 303, "{}", case.text());
    let taken = [("name", SCRIPT), ("role", "复核员"), ("new", PASSWORD), ("again", PASSWORD)];
    assert_eq!(admin.post("/users", &taken).status, 422);
    let search = "%3Cscript%3Ealert(1)%3C/script%3E";
    let pages = [
        "/audit".to_owned(),
        "/keys".to_owned(),
        "/jobs".to_owned(),
        job.place().to_owned(),
        "/cases".to_owned(),
        "/review".to_owned(),
        format!("/codes?q={search}"),
        format!("/cases?search={search}"),
        format!("/audit?actor={search}&action={search}"),
        format!("/login?to=/{search}"),
    ];
    for path in &pages {
        let text = admin.get(path).text();
        assert!(!text.contains("<script>alert") && !text.contains("<img"), "{path}: {text}");
    }
    for path in &pages[..5] {
        assert!(admin.get(path).text().contains("&lt;"), "{path} does not show it at all");
    }
}

#[test]
fn sql_is_not_made_of_what_is_typed() {
    let server = staffed();
    let mut admin = signed_in(&server, "管理");
    let typed = "' OR '1'='1' --";
    assert_eq!(sign_in(&mut server.browser(), typed, typed).status, 401);
    assert_eq!(sign_in(&mut server.browser(), "管理' --", PASSWORD).status, 401);
    let encoded = "%27%20OR%20%271%27=%271%27%20--";
    let log = admin.get(&format!("/audit?actor={encoded}")).text();
    assert!(log.contains("没有符合条件的记录"), "{log}");
    for path in [
        "/audit?action=",
        "/audit?from=",
        "/audit?before=",
        "/cases?search=",
        "/codes?q=",
        "/jobs?page=",
        "/review?job=",
        "/review?queue=",
        "/figures?job=",
        "/users/",
        "/jobs/",
    ] {
        let answer = admin.get(&format!("{path}{encoded}"));
        assert!(answer.status < 500, "{path}: {}", answer.text());
    }
    admin.get("/users");
    let name = "x'); DROP TABLE users; --";
    admin.post("/keys", &[("name", name)]);
    assert!(admin.get("/keys").text().contains("DROP TABLE users"));
    assert!(admin.get("/users").text().contains("管理"));
}

#[test]
fn nothing_that_is_handed_out_is_run_by_a_spreadsheet() {
    let server = staffed();
    let mut admin = signed_in(&server, "管理");
    for formula in FORMULAS {
        sign_in(&mut server.browser(), formula, "wrong password");
    }
    let table: String = FORMULAS.iter().map(|formula| format!("呼叫中心外包,\"{formula}\"\n")).collect();
    let path = server.dir.path().join("台账.csv");
    std::fs::write(&path, format!("服务内容,备注\n{table}")).unwrap();
    let batch = |to: &str| {
        let (code, _, err) = server.command(&["batch", "台账.csv", "-o", to, "-t", "服务内容", "-q"], "");
        assert_eq!(code, 0, "{err}");
        std::fs::read(server.dir.path().join(to)).unwrap()
    };
    let csvs = [admin.post("/audit/export", &[("format", "csv")]).bytes, batch("out.csv")];
    for csv in &csvs {
        let text = String::from_utf8(csv.clone()).unwrap();
        let records: Vec<Vec<String>> = fields(&text);
        let cells: Vec<&String> = records.iter().flatten().collect();
        assert!(cells.iter().any(|cell| *cell == "'=1+1"), "{text}");
        for cell in cells {
            let number = cell.parse::<f64>().is_ok();
            assert!(number || !cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell:?} in {text}");
        }
    }
    for book in [admin.post("/audit/export", &[("format", "xlsx")]).bytes, batch("out.xlsx")] {
        let mut archive = zip::ZipArchive::new(Cursor::new(book)).unwrap();
        let names: Vec<String> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
        let mut all = String::new();
        for name in names.iter().filter(|name| name.ends_with(".xml") || name.ends_with(".rels")) {
            let mut text = String::new();
            archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
            assert!(!text.contains("<f>") && !text.contains("<f "), "{name} holds a formula");
            assert!(!text.contains("TargetMode=\"External\""), "{name} leads elsewhere");
            all += &text;
        }
        assert!(all.contains(">=1+1<"), "the cell is not there as it was");
    }
}

#[test]
fn file_names_lead_nowhere() {
    let server = Server::start();
    let mut browser = server.browser();
    let before = names(server.dir.path());
    for name in ["../../escaped.csv", "..\\\\..\\\\escaped.csv", "/tmp/escaped.csv", "a/../escaped.csv"] {
        browser.get("/jobs");
        let job = browser.upload("/jobs", name, "服务内容\n呼叫中心外包\n".as_bytes(), &[]);
        assert_eq!(job.status, 303, "{name}: {}", job.text());
        let text = browser.get(job.place()).text();
        assert!(text.contains("escaped.csv") && !text.contains("../") && !text.contains("/tmp/"), "{name}: {text}");
    }
    assert_eq!(names(server.dir.path()), before);
    assert!(!server.dir.path().join("../escaped.csv").exists() && !Path::new("/tmp/escaped.csv").exists());
    for path in ["/assets/../waibao.db", "/assets/..%2fwaibao.db", "/assets/%2e%2e/waibao.db", "/../waibao.db"] {
        let host = &server.address;
        let answer = raw(&server, &format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"));
        assert_eq!(status(&answer), 404, "{path}");
    }
}

// ---- too much ----

#[test]
fn uploads_are_bounded() {
    let server = Server::start_with(&["--max-upload", "1"]);
    let mut browser = server.browser();
    browser.get("/jobs");
    let line = "呼叫中心外包服务\n";
    let large = format!("服务内容\n{}", line.repeat((3 << 19) / line.len()));
    assert_eq!(browser.upload("/jobs", "a.csv", large.as_bytes(), &[]).status, 413);
    // A workbook of less than a megabyte that swells to hundreds.
    let answer = browser.upload("/jobs", "a.xlsx", &bomb(), &[]);
    assert!((400..500).contains(&answer.status), "{}: {}", answer.status, answer.text());
    let long = "长".repeat(1 << 17);
    assert_eq!(browser.post("/", &[("text", &long)]).status, 413);
    // More than a form may hold is heard out and then refused, on a page; a connection that breaks off would say nothing.
    let refused = browser.post("/", &[("text", &"长".repeat(1 << 20))]);
    assert!(refused.status == 413 && refused.text().contains("请求过大"), "{}", refused.text());
    assert_eq!(browser.get("/jobs").status, 200);
    assert!(!browser.get("/jobs").text().contains("a.xlsx"));
}

/// A workbook whose one sheet is 300 megabytes of the same cell.
fn bomb() -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    let relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let package = "http://schemas.openxmlformats.org/package/2006/relationships";
    for (name, text) in [
        ("[Content_Types].xml", "<?xml version=\"1.0\"?><Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/><Default Extension=\"xml\" ContentType=\"application/xml\"/><Override PartName=\"/xl/workbook.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml\"/><Override PartName=\"/xl/worksheets/sheet1.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml\"/></Types>".to_owned()),
        ("_rels/.rels", format!("<?xml version=\"1.0\"?><Relationships xmlns=\"{package}\"><Relationship Id=\"a\" Type=\"{relations}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>")),
        ("xl/_rels/workbook.xml.rels", format!("<?xml version=\"1.0\"?><Relationships xmlns=\"{package}\"><Relationship Id=\"a\" Type=\"{relations}/worksheet\" Target=\"worksheets/sheet1.xml\"/></Relationships>")),
        ("xl/workbook.xml", format!("<?xml version=\"1.0\"?><workbook xmlns=\"{main}\" xmlns:r=\"{relations}\"><sheets><sheet name=\"a\" sheetId=\"1\" r:id=\"a\"/></sheets></workbook>")),
    ] {
        archive.start_file(name, options).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive.start_file("xl/worksheets/sheet1.xml", options).unwrap();
    archive.write_all(format!("<?xml version=\"1.0\"?><worksheet xmlns=\"{main}\"><sheetData>").as_bytes()).unwrap();
    let row =
        "<row><c t=\"inlineStr\"><is><t>服务内容服务内容服务内容服务内容服务内容</t></is></c></row>".repeat(10_000);
    for _ in 0..(300 << 20) / row.len() {
        archive.write_all(row.as_bytes()).unwrap();
    }
    archive.write_all(b"</sheetData></worksheet>").unwrap();
    archive.finish().unwrap().into_inner()
}

#[test]
fn whoever_is_slow_is_let_go() {
    let server = Server::start();
    let mut slow = TcpStream::connect(&server.address).unwrap();
    let mut silent = TcpStream::connect(&server.address).unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow: ").unwrap();
    let began = Instant::now();
    for stream in [&mut slow, &mut silent] {
        stream.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
        let mut rest = Vec::new();
        // Whether it says why or breaks off: it does not wait.
        match stream.read_to_end(&mut rest) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}"),
        }
    }
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    assert_eq!(server.browser().get("/codes").status, 200);
}

#[test]
fn too_many_requests_are_told_when_to_come_back() {
    let server = Server::start();
    let one = format!("GET /assets/icon.svg HTTP/1.1\r\nhost: {}\r\n\r\n", server.address);
    let last = format!("GET /healthz HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", server.address);
    let mut stream = TcpStream::connect(&server.address).unwrap();
    let mut sender = stream.try_clone().unwrap();
    let answers = std::thread::scope(|scope| {
        scope.spawn(move || sender.write_all((one.repeat(1_500) + &last).as_bytes()).unwrap());
        let mut answers = String::new();
        stream.read_to_string(&mut answers).unwrap();
        answers
    });
    let count = |text: &str| answers.matches(text).count();
    assert!(count("HTTP/1.1 200") >= 200, "{} were answered", count("HTTP/1.1 200"));
    assert!(count("HTTP/1.1 429") >= 100, "{} were refused", count("HTTP/1.1 429"));
    assert_eq!(count("HTTP/1.1 429"), count("retry-after: "));
    // Whether it lives is answered all the same.
    assert!(answers.rsplit("HTTP/1.1 ").next().unwrap().starts_with("200"));
}

// ---- the data file ----

#[test]
fn a_log_that_was_changed_cut_or_written_anew_is_noticed() {
    let changes = [
        ("UPDATE audit SET actor = '别人' WHERE id = 2", 1),
        ("DELETE FROM audit WHERE id = 1", 1),
        ("DELETE FROM audit WHERE id > 2", 0),
    ];
    for (change, code) in changes {
        let server = staffed();
        let (_, said, _) = server.command(&["audit", "verify"], "");
        let head = said.trim().rsplit(' ').next().unwrap().to_owned();
        signed_in(&server, "管理");
        let forger = Connection::open(data(&server.dir)).unwrap();
        forger.execute_batch("DROP TRIGGER audit_is_not_changed; DROP TRIGGER audit_is_not_cut").unwrap();
        forger.execute_batch(change).unwrap();
        assert_eq!(server.command(&["audit", "verify"], "").0, code, "{change}");
        assert_eq!(server.command(&["audit", "verify", "--head", &head], "").0, 1, "{change}");
    }
}

#[test]
fn what_was_acknowledged_survives_a_crash() {
    let server = staffed();
    let mut admin = signed_in(&server, "管理");
    let id = number(&mut admin, "复核");
    let id_of_process = server.id();
    let acknowledged = std::thread::scope(|scope| {
        let work = scope.spawn(|| {
            let mut acknowledged = 0;
            let csrf = admin.csrf.clone();
            loop {
                let request = admin.agent.post(format!("{}/users/{id}/unlock", admin.base));
                match request.send_form([("csrf", csrf.as_str())]) {
                    Ok(answer) if answer.status() == 303 => acknowledged += 1,
                    _ => return acknowledged,
                }
                if acknowledged == 25 {
                    // In the middle of it.
                    let pid = id_of_process.to_string();
                    std::process::Command::new("kill").args(["-9", &pid]).status().unwrap();
                }
            }
        });
        work.join().unwrap()
    });
    assert!(acknowledged >= 25);
    let dir = server.kill();
    let (code, out, _) = run(&dir, &["audit", "verify"], "");
    assert_eq!(code, 0, "{out}");
    let kept: i64 = Connection::open(data(&dir))
        .unwrap()
        .query_row("SELECT count(*) FROM audit WHERE action = '解锁'", [], |row| row.get(0))
        .unwrap();
    assert!(kept >= acknowledged, "{kept} of {acknowledged}");
}

#[test]
#[cfg(unix)]
fn the_data_file_and_its_copies_are_their_owners_only() {
    use std::os::unix::fs::PermissionsExt;
    let server = staffed();
    assert_eq!(server.command(&["backup", "a.backup"], "").0, 0);
    let found = names(server.dir.path());
    assert!(found.iter().any(|name| name.ends_with("-wal")), "{found:?}");
    for name in found.iter().filter(|name| name.starts_with("waibao.db") || name.ends_with(".backup")) {
        let mode = std::fs::metadata(server.dir.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn one_server_at_a_time_uses_a_data_file() {
    let server = Server::start();
    let (code, _, err) = server.command(&["serve", "--listen", "127.0.0.1:0"], "");
    assert_eq!(code, 2);
    assert!(err.contains("另一个 waibao"), "{err}");
    let dir = server.kill();
    drop(Server::start_in(dir, &[]));
}

// ---- the document ----

#[test]
fn the_threat_model_names_a_test_for_every_line_and_every_test_a_line() {
    let text = std::fs::read_to_string(source("docs/security.md")).unwrap();
    let lines = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| Threat"));
    let mut named = BTreeSet::new();
    for line in lines {
        let last = line.trim_end_matches('|').rsplit('|').next().unwrap();
        let tests: Vec<&str> = last.split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "no test: {line}");
        named.extend(tests.into_iter().map(str::to_owned));
    }
    let written = std::fs::read_to_string(source("tests/server/security.rs")).unwrap();
    let mut tests: BTreeSet<String> = written
        .split("\n#[test]\n")
        .skip(1)
        .filter_map(|rest| rest.split_once("fn ")?.1.split('(').next().map(str::to_owned))
        .collect();
    assert!(tests.remove("the_threat_model_names_a_test_for_every_line_and_every_test_a_line"));
    assert_eq!(named, tests);
}

// ---- helpers ----

fn raw(server: &Server, request: &str) -> String {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).unwrap_or_else(|| panic!("{answer:?}")).parse().unwrap()
}

fn cookie(answer: &Answer) -> String {
    let cookie = answer.header("set-cookie").strip_prefix("waibao=").expect("no cookie");
    cookie.split(';').next().unwrap().to_owned()
}

/// What a page says to a cookie.
fn with_cookie(server: &Server, token: &str) -> u16 {
    let request = server.browser().agent.get(format!("http://{}/codes", server.address));
    let request = request.header("accept", "text/html").header("cookie", format!("waibao={token}"));
    request.call().unwrap().status().as_u16()
}

fn asked(browser: &mut Browser, method: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
    match (method, path) {
        ("GET", _) => browser.get(path),
        (_, "/jobs") => browser.upload(path, "a.csv", b"", &[]),
        // Sent by a script, which has the token in a header.
        (_, path) if path.ends_with("/hold") => browser.api(method, path, "", Some(&json!({}))),
        _ => browser.post(path, fields),
    }
}

/// Every route that the pages have, but the files that go with them and what is done before anybody has an account.
fn routes() -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for path in files(&source("src/server/pages")) {
        let text = std::fs::read_to_string(path).unwrap();
        for route in text.split(".route(\"").skip(1) {
            let (address, handlers) = route.split_once('"').unwrap();
            let handlers = handlers.split("\n").next().unwrap().split(".route(").next().unwrap();
            if address.starts_with("/assets/") || address == "/setup/administrator" {
                continue;
            }
            for (method, call) in [("GET", "get("), ("POST", "post(")] {
                if handlers.contains(call) {
                    found.insert((method.to_owned(), address.to_owned()));
                }
            }
        }
    }
    found
}

fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension() {
                _ if path.is_dir() => folders.push(path),
                Some(extension) if extension == "rs" => found.push(path),
                _ => {}
            }
        }
    }
    found
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The fields of a delimited text.
fn fields(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(text.as_bytes());
    reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
}
