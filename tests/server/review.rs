//! 复核 and 案例库: what people decide, and what the program learns of it.

use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use crate::harness::{Answer, Browser, Server, data, run};

const CONTRACTS: &str = "合同名称,金额\n\
    车险理赔单证录入与影像扫描服务,3000\n\
    信用卡中心24小时客服热线座席外包,900000\n\
    数据中心机房服务器巡检维护,40000\n";

const PASSWORD: &str = "一个足够长的密码 2026";

/// Uploads a table of titles and amounts, of which people see every row, and waits until it is decided.
fn upload(browser: &mut Browser, table: &str, double: &str) {
    browser.get("/jobs");
    let place = browser.upload("/jobs", "合同.csv", table.as_bytes(), &[]).place().to_owned();
    browser.get(&place);
    let plan = [("column", "0"), ("amount", "1"), ("sampled", "100"), ("double", double)];
    assert_eq!(browser.post(&format!("{place}/start"), &plan).status, 303);
    let deadline = Instant::now() + Duration::from_secs(120);
    while !browser.get(&place).text().contains("已完成") {
        assert!(Instant::now() < deadline, "the table is not decided: {}", browser.get(&place).text());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// What lies between two marks of a page, the first time.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("{before} is missing in {text}"));
    rest.split(after).next().unwrap()
}

/// The row that a page shows, and its version.
fn shown(page: &str) -> (i64, String) {
    let row = between(page, "data-hold=\"/review/rows/", "/").parse().unwrap();
    (row, between(page, "name=\"version\" value=\"", "\"").to_owned())
}

/// Decides what a page shows.
fn decide(browser: &mut Browser, page: &str, label: &str, more: &[(&str, &str)]) -> Answer {
    let (row, version) = shown(page);
    let fields: Vec<_> =
        [("version", version.as_str()), ("label", label)].into_iter().chain(more.iter().copied()).collect();
    browser.post(&format!("/review/rows/{row}"), &fields)
}

/// Decides the next row of a queue, which row it was.
fn decide_next(browser: &mut Browser, queue: &str, label: &str) -> i64 {
    let page = browser.get(&format!("/review?queue={queue}")).text();
    let answer = decide(browser, &page, label, &[("queue", queue)]);
    assert_eq!(answer.status, 303, "{}", answer.text());
    shown(&page).0
}

fn store(server: &Server) -> Connection {
    Connection::open_with_flags(data(&server.dir), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

fn state(server: &Server, row: i64) -> (String, Option<String>) {
    let sql = "SELECT state, final FROM rows WHERE id = ?";
    store(server).query_row(sql, [row], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
}

fn settled(label: &str) -> (String, Option<String>) {
    ("settled".to_owned(), Some(label.to_owned()))
}

/// A server on which these can sign in, each in a browser of their own.
fn with_accounts<const N: usize>(people: [(&str, &str); N]) -> (Server, [Browser; N]) {
    let dir = tempfile::tempdir().unwrap();
    for (name, role) in people {
        let (status, _, said) = run(&dir, &["user", "add", name, "--role", role], &format!("{PASSWORD}\n"));
        assert_eq!(status, 0, "{said}");
    }
    let server = Server::start_in(dir, &[]);
    let browsers = people.map(|(name, _)| {
        let mut browser = server.browser();
        browser.get("/login");
        let answer = browser.post("/login", &[("name", name), ("password", PASSWORD)]);
        assert_eq!(answer.status, 303, "{}", answer.text());
        browser
    });
    (server, browsers)
}

/// The answer that 试一试 gives to a text.
fn tried(browser: &mut Browser, text: &str) -> String {
    browser.get("/");
    browser.post("/", &[("text", text)]).text()
}

#[test]
fn the_queue_goes_by_uncertainty_times_amount() {
    let server = Server::start();
    let mut browser = server.browser();
    upload(&mut browser, CONTRACTS, "0");
    let expected: Vec<i64> = store(&server)
        .prepare("SELECT id FROM rows ORDER BY (1 - confidence) * amount DESC, id")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    // What is skipped comes back behind the others.
    let first = shown(&browser.get("/review").text()).0;
    assert_eq!(first, expected[0]);
    assert_eq!(browser.post(&format!("/review/rows/{first}/skip"), &[]).status, 303);
    let order: Vec<i64> = (0..3).map(|_| decide_next(&mut browser, "open", "UNCLEAR")).collect();
    assert_eq!(order, [expected[1], expected[2], expected[0]]);
    assert!(browser.get("/review").text().contains("这里没有要您看的行了"));
}

#[test]
fn two_read_blindly_and_a_third_settles_what_they_disagree_on() {
    let people = [("王五", "管理员"), ("张三", "复核员"), ("李四", "复核员")];
    let (server, [mut third, mut first, mut second]) = with_accounts(people);
    upload(&mut first, CONTRACTS, "100");

    let row = decide_next(&mut first, "open", "B23");
    assert_eq!(state(&server, row), ("second".to_owned(), None));
    // The first reader is not offered the row again, by whatever way.
    assert!(first.get("/review?queue=second").text().contains("这里没有要您看的行了"));
    assert_eq!(first.get(&format!("/review?row={row}")).place(), format!("/review/rows/{row}"));
    // The second sees neither who nor what.
    let page = second.get("/review?queue=second").text();
    assert_eq!(shown(&page).0, row);
    let history = second.get(&format!("/review/rows/{row}")).text();
    assert!(!page.contains("张三") && !history.contains("张三"));
    decide(&mut second, &page, "I21", &[("queue", "second")]);
    assert_eq!(state(&server, row), ("disputed".to_owned(), None));
    // Neither of the two settles it; whoever does sees both.
    assert!(second.get("/review?queue=disputed").text().contains("这里没有要您看的行了"));
    let page = third.get("/review?queue=disputed").text();
    assert!(["张三", "李四", "B23", "I21"].iter().all(|word| page.contains(word)), "{page}");
    decide(&mut third, &page, "B23", &[("queue", "disputed")]);
    assert_eq!(state(&server, row), settled("B23"));
    // Nobody can take back what others built on.
    let bunch: i64 =
        store(&server).query_row("SELECT bunch FROM decisions WHERE reader = '张三'", [], |row| row.get(0)).unwrap();
    first.get("/review");
    assert_eq!(first.post("/review/undo", &[("bunch", &bunch.to_string())]).status, 409);

    let agreed = decide_next(&mut second, "open", "UNCLEAR");
    assert_eq!(decide_next(&mut first, "second", "UNCLEAR"), agreed);
    assert_eq!(state(&server, agreed), settled("UNCLEAR"));
}

#[test]
fn the_second_of_two_who_decide_the_same_row_is_told() {
    let (server, [mut first, mut second]) = with_accounts([("张三", "管理员"), ("李四", "复核员")]);
    upload(&mut first, CONTRACTS, "0");
    let page = first.get("/review").text();
    let row = shown(&page).0;
    // Whoever asks next is given another row; this one they can still open.
    assert_ne!(shown(&second.get("/review").text()).0, row);
    let other = second.get(&format!("/review?row={row}")).text();
    assert!(other.contains("张三 正在看这一行"), "{other}");
    assert_eq!(decide(&mut first, &page, "B21", &[]).status, 303);
    let told = decide(&mut second, &other, "B22", &[]);
    assert_eq!(told.status, 409);
    let told = told.text();
    assert!(told.contains("已由 张三 于") && told.contains("判为 B21") && told.contains("没有记下"), "{told}");
    assert_eq!(state(&server, row), settled("B21"));
}

#[test]
fn the_last_decisions_can_be_taken_back_and_changed() {
    let server = Server::start();
    let mut browser = server.browser();
    upload(&mut browser, CONTRACTS, "0");
    let row = decide_next(&mut browser, "open", "B22");
    let page = browser.get("/review").text();
    let bunch = between(&page, "name=\"bunch\" value=\"", "\"").to_owned();
    let answer = browser.post("/review/undo", &[("bunch", &bunch)]);
    assert_eq!(state(&server, row), ("open".to_owned(), None));
    // What was taken back is shown again.
    let page = browser.get(answer.place()).text();
    assert_eq!(shown(&page).0, row);
    decide(&mut browser, &page, "B23", &[("comment", "要问经办人"), ("flagged", "1")]);

    let page = browser.get("/review").text();
    let change = between(&page, "撤回</button></form> <a href=\"", "\"").replace("&amp;", "&");
    let page = browser.get(&change).text();
    // What was said of it is there to be kept.
    assert!(page.contains(">要问经办人</textarea>") && page.contains("name=\"flagged\" value=\"1\" checked"), "{page}");
    let instead = between(&page, "name=\"instead\" value=\"", "\"").to_owned();
    assert_eq!(decide(&mut browser, &page, "OUT", &[("instead", &instead)]).status, 303);
    assert_eq!(state(&server, row), settled("OUT"));
    let history = browser.get(&format!("/review/rows/{row}")).text();
    assert!(["B22", "B23", "不属于服务外包", "撤回）"].iter().all(|word| history.contains(word)), "{history}");
}

#[test]
fn a_group_is_decided_by_one_key() {
    let server = Server::start();
    let mut browser = server.browser();
    let text = "为保险公司承接车险理赔单证录入与影像扫描，包括单证接收、分拣、扫描、索引、录入、复核、归档和移交，\
                由服务商在自有场地完成，按件计费、按月结算，差错率不超过千分之一";
    let table = format!("合同名称,金额\n{text},1\n{text}，第二期,2\n{text},3\n");
    upload(&mut browser, &table, "0");
    let page = browser.get("/review?row=1").text();
    assert!(page.contains("<b>3</b> 行一起判"), "{page}");
    // What is not the text itself is shown too: nobody decides for rows unseen.
    let others = between(&page, "<summary>相近的写法", "</details>");
    assert!(
        others.contains("第 3 行") && others.contains("，第二期") && others.matches("<li>").count() == 1,
        "{others}"
    );
    assert_eq!(decide(&mut browser, &page, "B21", &[("group", "1")]).status, 303);
    assert!((1..=3).all(|row| state(&server, row) == settled("B21")));
    let cases: i64 = store(&server).query_row("SELECT count(*) FROM cases", [], |row| row.get(0)).unwrap();
    assert_eq!(cases, 1);
}

#[test]
fn a_decision_teaches_at_once_until_its_case_is_withdrawn() {
    let server = Server::start();
    let mut browser = server.browser();
    upload(&mut browser, CONTRACTS, "0");
    let alike = "信用卡中心二十四小时客服热线座席外包";
    assert!(!tried(&mut browser, alike).contains("案例 1"));
    let page = browser.get("/review?row=2").text();
    assert!(page.contains("客服热线"), "{page}");
    decide(&mut browser, &page, "B23", &[]);
    assert!(tried(&mut browser, alike).contains("案例 1"));
    assert!(browser.get("/cases").text().contains("客服热线"));
    assert_eq!(browser.post("/cases/1/withdraw", &[]).status, 303);
    assert!(!tried(&mut browser, alike).contains("案例 1"));
}

#[test]
fn a_text_that_tells_of_no_service_makes_no_case() {
    let server = Server::start();
    let mut browser = server.browser();
    browser.get("/cases");
    assert_eq!(browser.post("/cases", &[("text", "技术服务合同"), ("label", "OUT")]).status, 422);
    upload(&mut browser, "合同名称,金额\n技术服务合同,1\n", "0");
    let row = decide_next(&mut browser, "open", "OUT");
    assert_eq!(state(&server, row), settled("OUT"));
    let cases: i64 = store(&server).query_row("SELECT count(*) FROM cases", [], |row| row.get(0)).unwrap();
    assert_eq!(cases, 0);
}

#[test]
fn whoever_is_no_longer_signed_in_is_told_that_the_decision_is_lost() {
    let (server, [mut reader]) = with_accounts([("张三", "管理员")]);
    upload(&mut reader, CONTRACTS, "0");
    let page = reader.get("/review").text();
    Connection::open(data(&server.dir)).unwrap().execute("DELETE FROM sessions", []).unwrap();
    let answer = decide(&mut reader, &page, "B21", &[]);
    assert_eq!(answer.status, 303);
    assert!(answer.place().ends_with("&lost=1"), "{}", answer.place());
    assert!(reader.get(answer.place()).text().contains("没有记下"));
    assert_eq!(state(&server, shown(&page).0), ("open".to_owned(), None));
}

#[test]
fn cases_of_another_model_are_embedded_anew() {
    let server = Server::start();
    let mut browser = server.browser();
    browser.get("/cases");
    browser.post("/cases", &[("text", "信用卡中心24小时客服热线座席外包项目"), ("label", "B23")]);
    let alike = "信用卡中心二十四小时客服热线座席外包";
    assert!(tried(&mut browser, alike).contains("案例 1"));
    let model = |dir: &tempfile::TempDir| -> String {
        Connection::open(data(dir)).unwrap().query_row("SELECT model FROM cases", [], |row| row.get(0)).unwrap()
    };
    let (_, dir) = server.stop();
    let shipped = model(&dir);
    // What an older program left: another model's vectors, of another length.
    let older = "UPDATE cases SET model = 'older', passages = json_array(json_array('客服热线', json_array(1.0, 0.0)))";
    Connection::open(data(&dir)).unwrap().execute(older, []).unwrap();
    let server = Server::start_in(dir, &[]);
    assert!(tried(&mut server.browser(), alike).contains("案例 1"));
    assert_eq!(model(&server.dir), shipped);
}

#[test]
fn what_the_cases_teach_is_seen_by_whoever_reads_the_next_row() {
    let server = Server::start();
    let mut browser = server.browser();
    upload(&mut browser, CONTRACTS, "0");
    browser.get("/cases");
    let case = [("text", "信用卡中心24小时客服热线座席外包项目"), ("label", "B23")];
    assert_eq!(browser.post("/cases", &case).place(), "/cases?done=added");
    assert_eq!(browser.post("/cases", &case).place(), "/cases?done=known");
    let page = browser.get("/review?row=2").text();
    assert!(page.contains("<h3>案例 1</h3>"), "{page}");
}

#[test]
fn cases_that_contradict_each_other_are_warned_of() {
    let server = Server::start();
    let mut browser = server.browser();
    upload(&mut browser, CONTRACTS, "0");
    browser.get("/cases");
    browser.post("/cases", &[("text", "信用卡中心24小时客服热线座席外包。"), ("label", "B22")]);
    let page = browser.get("/review?row=2").text();
    assert!(page.contains("相近的案例"), "{page}");
    let place = decide(&mut browser, &page, "B23", &[]).place().to_owned();
    assert_eq!(state(&server, 2), settled("B23"));
    let next = browser.get(&place).text();
    assert!(next.contains("与已有案例不一致") && next.contains("/cases?before=2#case-1"), "{next}");
    assert!(browser.get("/cases").text().contains("互相矛盾的案例"));
    browser.post("/cases/1/withdraw", &[]);
    assert!(!browser.get("/cases").text().contains("互相矛盾的案例"));
}

#[test]
fn an_acknowledged_decision_survives_kill_9() {
    let mut server = Server::start();
    upload(&mut server.browser(), CONTRACTS, "0");
    for label in ["B21", "OUT", "UNCLEAR"] {
        let row = decide_next(&mut server.browser(), "open", label);
        server = Server::start_in(server.kill(), &[]);
        assert_eq!(state(&server, row), settled(label));
        assert!(server.browser().get(&format!("/review/rows/{row}")).text().contains("已定"));
    }
    // The cases of before count after the start.
    assert!(server.browser().get("/cases").text().contains("现有 <b>2</b> 个"));
}

#[test]
fn under_load_no_acknowledged_decision_is_lost_by_kill_9() {
    const READERS: i64 = 4;
    const ROWS: i64 = 80;
    let server = Server::start();
    let lines = (1..=ROWS).map(|at| format!("第{at}号机房的{}巡检维护,{at}\n", "设备".repeat(at as usize % 7 + 1)));
    upload(&mut server.browser(), &format!("合同名称,金额\n{}", lines.collect::<String>()), "0");
    let (acknowledged, process) = (Mutex::new(Vec::new()), server.id().to_string());
    std::thread::scope(|scope| {
        for reader in 0..READERS {
            let (browser, acknowledged, process) = (server.browser(), &acknowledged, &process);
            scope.spawn(move || {
                for row in (1..=ROWS).filter(|row| row % READERS == reader) {
                    let label = ["I23", "OUT", "UNCLEAR"][row as usize % 3];
                    let wish = serde_json::json!({ "version": 0, "label": label });
                    let request = browser.agent.post(format!("{}/v1/reviews/{row}", browser.base));
                    // Whoever is not answered knows that the decision may be lost.
                    let Ok(answer) = request.send_json(wish) else { return };
                    assert_eq!(answer.status(), 200, "row {row}");
                    let mut acknowledged = acknowledged.lock().unwrap();
                    acknowledged.push((row, label));
                    if acknowledged.len() == 30 {
                        Command::new("kill").args(["-9", process]).status().unwrap();
                    }
                }
            });
            let browser = server.browser();
            scope.spawn(move || {
                let text = serde_json::json!({ "text": "数据中心机房服务器巡检维护" });
                while browser.agent.post(format!("{}/v1/classify", browser.base)).send_json(&text).is_ok() {}
            });
        }
    });
    let server = Server::start_in(server.kill(), &[]);
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.len() >= 30);
    for (row, label) in acknowledged {
        assert_eq!(state(&server, row), settled(label), "row {row}");
    }
}

#[test]
fn a_comment_is_shown_as_text_wherever_it_is_shown() {
    let server = Server::start();
    let mut browser = server.browser();
    upload(&mut browser, CONTRACTS, "0");
    let comment = "<img src=x onerror=alert(1)> 请核对";
    let page = browser.get("/review").text();
    let row = shown(&page).0;
    decide(&mut browser, &page, "B21", &[("comment", comment), ("flagged", "1")]);
    for place in ["/review", "/review/flagged", &format!("/review/rows/{row}"), "/cases"] {
        let page = browser.get(place).text();
        assert!(page.contains("&lt;img src=x") && !page.contains("<img"), "{place}: {page}");
    }
}

#[test]
fn cases_are_exported_as_training_reads_them_and_the_export_is_noted() {
    let server = Server::start();
    let mut browser = server.browser();
    browser.get("/cases");
    let text = "为某银行提供“客服热线”座席\n及人员培训";
    browser.post("/cases", &[("text", text), ("label", "B23"), ("comment", "同事确认")]);
    let export = browser.get("/cases/export");
    let line: serde_json::Value = serde_json::from_str(export.text().trim_end()).unwrap();
    assert_eq!((&line["text"], &line["code"], &line["alt"]), (&text.into(), &"B23".into(), &serde_json::Value::Null));
    let noted = "SELECT count(*) FROM audit WHERE action = '导出' AND detail NOT LIKE '%客服%'";
    assert_eq!(store(&server).query_row(noted, [], |row| row.get::<_, i64>(0)).unwrap(), 1);
}

#[test]
fn what_makes_no_sense_is_refused_and_says_why() {
    let server = Server::start();
    let mut browser = server.browser();
    upload(&mut browser, CONTRACTS, "0");
    let page = browser.get("/review").text();
    for (label, said) in [("", "还没有选结论"), ("B2", "不是小类"), ("X99", "不是小类"), ("随便", "不是代码")]
    {
        let answer = decide(&mut browser, &page, label, &[]);
        assert_eq!(answer.status, 422);
        assert!(answer.text().contains(said), "{label}: {}", answer.text());
    }
    assert_eq!(browser.get("/review?row=999").status, 404);
    assert_eq!(decide(&mut browser, &page, "B21", &[]).status, 303);
}
