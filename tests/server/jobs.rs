//! Tables: uploaded, watched, interrupted, downloaded.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use encoding_rs::GB18030;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value as Json;
use tempfile::TempDir;
use waibao::table::{Book, Cell, Input, Options, Value};

use crate::harness::{Answer, Browser, Server, data, run};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(300);
const WORK: [&str; 6] =
    ["客服热线座席外包", "模拟芯片版图设计", "记账报税", "门户网站运维", "语音数据标注", "保安服务"];

/// Looks again and again until something is so.
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "{what}");
        std::thread::yield_now();
    }
}

/// Uploads a table and gives the job's number.
fn upload(browser: &mut Browser, name: &str, content: &[u8]) -> i64 {
    browser.get("/jobs");
    let answer = browser.upload("/jobs", name, content, &[]);
    assert_eq!(answer.status, 303, "{}", answer.text());
    answer.place().strip_prefix("/jobs/").unwrap().parse().unwrap()
}

/// Starts a job as its page proposes it.
fn start(browser: &mut Browser, id: i64, further: &[(&str, &str)]) {
    let page = browser.get(&format!("/jobs/{id}")).text();
    let ticked = page.split("name=\"column\" value=\"").skip(1);
    let ticked: Vec<String> = ticked
        .filter_map(|rest| rest.split_once('"'))
        .filter(|(_, rest)| rest.starts_with(" checked"))
        .map(|(value, _)| value.to_owned())
        .collect();
    let fields: Vec<(&str, &str)> =
        ticked.iter().map(|at| ("column", at.as_str())).chain(further.iter().copied()).collect();
    let answer = browser.post(&format!("/jobs/{id}/start"), &fields);
    assert_eq!(answer.status, 303, "{}", answer.text());
}

/// What is told of a job until it ends: names with what they say.
fn told(browser: &mut Browser, id: i64) -> Vec<(String, Json)> {
    let text = browser.get(&format!("/jobs/{id}/events")).text();
    let event = |block: &str| {
        let field =
            |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(|rest| rest.trim().to_owned());
        Some((field("event:")?, serde_json::from_str(&field("data:")?).unwrap()))
    };
    text.split("\n\n").filter_map(event).collect()
}

fn done(browser: &mut Browser, id: i64) {
    let told = told(browser, id);
    let (name, last) = told.last().unwrap();
    assert_eq!((name.as_str(), last["state"].as_str()), ("end", Some("done")), "{last}");
}

fn result(browser: &mut Browser, id: i64, format: &str) -> Answer {
    let answer = browser.get(&format!("/jobs/{id}/result?format={format}"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-length"), answer.bytes.len().to_string());
    answer
}

/// The cells of a table under their headings, row by row.
fn cells(dir: &Path, name: &str, content: &[u8]) -> Vec<BTreeMap<String, Value>> {
    let path = dir.join(name);
    std::fs::write(&path, content).unwrap();
    let input = Input::open(&path, &Options::default()).unwrap();
    let mut rows = Vec::new();
    input
        .rows(&mut |row| {
            rows.push(input.headings.iter().cloned().zip(row.cells).collect());
            Ok(())
        })
        .unwrap();
    rows
}

/// Checks a table from the server against the one that `waibao batch` makes of the same file.
fn is_as_in_bulk(dir: &TempDir, name: &str, content: &[u8], format: &str, from_server: &[u8]) {
    std::fs::write(dir.path().join(name), content).unwrap();
    let out = format!("批.{format}");
    let (code, _, said) = run(dir, &["batch", name, "-o", &out, "-q", "--overwrite"], "");
    // One where rows have no text.
    assert!(matches!(code, 0 | 1), "{said}");
    let bulk = cells(dir.path(), &out, &std::fs::read(dir.path().join(&out)).unwrap());
    let served = cells(dir.path(), &format!("服.{format}"), from_server);
    assert_eq!(bulk.len(), served.len());
    for (one, other) in bulk.iter().zip(&served) {
        for (heading, cell) in one {
            // The last digits of a confidence depend on the texts beside it; JSON lines hold the record whole.
            if heading.ends_with("置信度") {
                continue;
            }
            if heading == "waibao" {
                let json = |cell: &Value| serde_json::from_str::<Json>(&cell.to_text()).unwrap();
                let (one, other) = (json(cell), json(&other[heading]));
                for key in ["outcome", "code", "name", "path", "error"] {
                    assert_eq!(one[key], other[key]);
                }
                continue;
            }
            assert_eq!(Some(cell), other.get(heading), "{heading}: {one:?}");
        }
    }
}

fn lines(count: usize) -> impl Iterator<Item = (String, String)> {
    (0..count).map(|at| (format!("HT-{at:05}"), format!("{}第{}期", WORK[at % WORK.len()], at / 7 % 5)))
}

#[test]
fn a_workbook_comes_back_whole_with_its_codes() {
    let mut book = Book::default();
    let sheet = book.sheet("台账", &["合同编号", "合同名称", "合同金额", "签订日期"], |_| false).unwrap();
    for (at, (id, title)) in lines(40).enumerate() {
        let row = [Cell::Text(&id), Cell::Text(&title), Cell::Number(at as f64 * 1e4), Cell::Date(45_674.0)];
        book.push(sheet, row.into_iter()).unwrap();
    }
    book.push(sheet, [Cell::Text("HT-x"), Cell::Empty, Cell::Text("12.5万")].into_iter()).unwrap();
    let mut content = std::io::Cursor::new(Vec::new());
    book.save(&mut content).unwrap();
    let content = content.into_inner();
    let server = Server::start();
    let mut browser = server.browser();
    let id = upload(&mut browser, "2025年 台账.xlsx", &content);
    let page = browser.get(&format!("/jobs/{id}")).text();
    assert!(page.contains("HT-00003") && page.contains("name=\"column\" value=\"1\" checked"), "{page}");
    start(&mut browser, id, &[("id", "0"), ("amount", "2")]);
    done(&mut browser, id);
    let answer = result(&mut browser, id, "xlsx");
    let name = answer.header("content-disposition");
    assert!(name.starts_with("attachment; filename*=UTF-8''2025%E5%B9%B4%20") && name.ends_with(".xlsx"), "{name}");
    is_as_in_bulk(&server.dir, "2025年 台账.xlsx", &content, "xlsx", &answer.bytes);
    let list = browser.get("/jobs").text();
    assert!(list.contains("2025年 台账.xlsx") && list.contains("已完成"), "{list}");
    // Rows are ranked by uncertainty and amount, and groups hold together.
    let store = Connection::open_with_flags(data(&server.dir), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let count = |sql: &str| store.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM rows WHERE amount = 125000"), 1);
    let apart = "SELECT count(*) FROM (SELECT 1 FROM rows GROUP BY cluster HAVING count(DISTINCT rank) > 1)";
    assert_eq!(count(apart), 0);
    let unlike = "SELECT count(*) FROM rows r WHERE cluster IS NOT NULL AND abs(rank - (SELECT max((1 - o.confidence) *
                  o.amount) FROM rows o WHERE o.cluster = r.cluster)) > 1e-6";
    assert_eq!(count(unlike), 0);
}

#[test]
fn text_in_an_old_encoding_and_json_lines_come_back_whole() {
    let server = Server::start();
    let mut browser = server.browser();
    let table: String = lines(30).map(|(id, title)| format!("{id},{title}\n")).collect();
    let table = GB18030.encode(&format!("编号,合同名称\n{table},\nHT-y,\n")).0.into_owned();
    let json: String =
        lines(20).map(|(id, title)| format!("{{\"编号\": \"{id}\", \"合同名称\": \"{title}\"}}\n")).collect();
    for (name, content, format) in [
        ("台账.csv", table.as_slice(), "csv"),
        ("台账.csv", &table, "parquet"),
        ("台账.jsonl", json.as_bytes(), "jsonl"),
    ] {
        let id = upload(&mut browser, name, content);
        start(&mut browser, id, &[]);
        done(&mut browser, id);
        let answer = result(&mut browser, id, format);
        is_as_in_bulk(&server.dir, name, content, format, &answer.bytes);
    }
}

#[test]
fn no_cell_becomes_a_formula() {
    let server = Server::start();
    let mut browser = server.browser();
    let id =
        upload(&mut browser, "甲.csv", "合同名称,备注\n客服热线座席外包,=1+1\n模拟芯片版图设计,@SUM(A1)\n".as_bytes());
    start(&mut browser, id, &[]);
    done(&mut browser, id);
    let book = result(&mut browser, id, "xlsx");
    let rows = cells(server.dir.path(), "甲.xlsx", &book.bytes);
    assert_eq!(rows[0]["备注"], Value::Text("=1+1".to_owned()));
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(book.bytes)).unwrap();
    let mut sheet = String::new();
    std::io::Read::read_to_string(&mut archive.by_name("xl/worksheets/sheet1.xml").unwrap(), &mut sheet).unwrap();
    assert!(!sheet.contains("<f>"), "{sheet}");
    let text = result(&mut browser, id, "csv").text();
    assert!(text.contains(",'=1+1,") && text.contains(",'@SUM(A1),"), "{text}");
}

#[test]
fn progress_is_told_in_order_and_ends() {
    let server = Server::start();
    let mut browser = server.browser();
    let table: String = (0..600).map(|at| format!("{}{at}号\n", WORK[at % WORK.len()])).collect();
    let id = upload(&mut browser, "甲.csv", format!("合同名称\n{table}").as_bytes());
    start(&mut browser, id, &[]);
    let told = told(&mut browser, id);
    let (last, before) = told.split_last().unwrap();
    assert_eq!((last.0.as_str(), &last.1["share"]), ("end", &Json::from(1.0)));
    assert!(before.iter().all(|(name, _)| name == "progress") && !before.is_empty());
    let shares: Vec<f64> = told.iter().map(|(_, told)| told["share"].as_f64().unwrap()).collect();
    assert!(shares.is_sorted(), "{shares:?}");
    let counts = &last.1["counts"];
    let sum: i64 =
        ["assigned", "out", "open", "failed", "settled"].iter().map(|key| counts[key].as_i64().unwrap()).sum();
    assert_eq!((sum, counts["read"].as_i64()), (600, Some(600)));
}

#[test]
fn a_server_that_was_killed_goes_on_where_it_was() {
    const ROWS: usize = 30_000;
    let table: String = (0..ROWS).map(|at| format!("{at},{}{}\n", WORK[at % WORK.len()], at % 900)).collect();
    let content = format!("编号,合同名称\n{table}");
    let mut server = Server::start();
    let mut browser = server.browser();
    let id = upload(&mut browser, "甲.csv", content.as_bytes());
    start(&mut browser, id, &[]);
    let mut cut = (0, 0);
    // In the middle of reading, and twice in the middle of deciding.
    for stage in ["reading", "deciding", "deciding"] {
        let store = Connection::open_with_flags(data(&server.dir), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let number = |sql: &str| store.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap_or(0);
        let answers = number("SELECT count(*) FROM texts WHERE record IS NOT NULL");
        until(stage, || {
            let rows = number("SELECT count(*) FROM rows");
            let more = number("SELECT count(*) FROM texts WHERE record IS NOT NULL") > answers;
            let is_there = if stage == "reading" { rows > 0 } else { more };
            is_there.then_some(())
        });
        drop(store);
        let dir = server.kill();
        let store = Connection::open(data(&dir)).unwrap();
        let number = |sql: &str| store.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        let (rows, texts) =
            (number("SELECT count(*) FROM rows"), number("SELECT count(*) FROM texts WHERE record IS NULL"));
        cut.0 += usize::from(stage == "reading" && rows < ROWS as i64);
        cut.1 += usize::from(stage == "deciding" && texts > 0);
        drop(store);
        server = Server::start_in(dir, &[]);
    }
    assert_eq!(cut, (1, 2), "it was done before it was killed");
    let mut browser = server.browser();
    done(&mut browser, id);
    let store = Connection::open_with_flags(data(&server.dir), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let rows: Vec<(i64, i64)> = ["number", "id"]
        .map(|column| format!("SELECT count(DISTINCT {column}), max({column}) FROM rows"))
        .iter()
        .map(|sql| store.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap())
        .collect();
    assert_eq!(rows, [(ROWS as i64, ROWS as i64 + 1), (ROWS as i64, ROWS as i64)]);
    let tallied: i64 = store.query_row("SELECT sum(rows) FROM tallies", [], |row| row.get(0)).unwrap();
    assert_eq!(tallied, ROWS as i64);
    let answer = result(&mut browser, id, "csv");
    is_as_in_bulk(&server.dir, "甲.csv", content.as_bytes(), "csv", &answer.bytes);
}

#[test]
fn what_cannot_be_taken_is_refused_and_leaves_nothing() {
    let server = Server::start_with(&["--max-upload", "1"]);
    let mut browser = server.browser();
    browser.get("/jobs");
    let large = format!("合同名称\n{}", "客服\n".repeat(180_000));
    for (name, content, status, said) in [
        ("甲.csv", large.as_bytes(), 413, "上限 1 MB"),
        ("甲.xlsx", b"PK\x03\x04 no workbook".as_slice(), 422, "甲.xlsx：不是完好的 Excel 文件"),
        ("甲.xlsx", b"no workbook", 422, "内容不是 Excel 工作簿"),
        ("甲.csv", b"", 422, "甲.csv：找不到表头"),
        ("甲.parquet", b"PAR1 no table", 422, "甲.parquet：不是完好的 Parquet"),
        ("甲.jsonl", b"{}\n[1]\n", 422, "第 2 行"),
        ("../../etc/passwd", b"root", 422, "passwd：认不出文件格式"),
        ("", b"", 422, "请选择"),
    ] {
        let answer = browser.upload("/jobs", name, content, &[]);
        let text = answer.text();
        assert_eq!(answer.status, status, "{name}: {text}");
        assert!(text.contains(said) && !text.contains("--") && !text.contains("/tmp"), "{name}: {text}");
    }
    let store = Connection::open_with_flags(data(&server.dir), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let left = "SELECT (SELECT count(*) FROM jobs) + (SELECT count(*) FROM chunks)";
    assert_eq!(store.query_row(left, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
}

#[test]
fn what_of_a_table_is_not_read_is_said_on_its_page() {
    let server = Server::start();
    let mut browser = server.browser();
    let id = upload(&mut browser, "甲.csv", "外包合同台账,\n编号,合同名称\n1,客服热线座席外包\n".as_bytes());
    let page = browser.get(&format!("/jobs/{id}")).text();
    assert!(page.contains("上面的 1 行没有读") && page.contains("填写“表头所在行”"), "{page}");
    assert!(!page.contains("--header-row"), "{page}");
}

#[test]
fn a_plan_must_make_sense_and_is_made_once() {
    let server = Server::start();
    let mut browser = server.browser();
    let id = upload(&mut browser, "甲.csv", "编号,合同名称\n1,客服热线座席外包\n".as_bytes());
    let place = format!("/jobs/{id}/start");
    for fields in
        [&[][..], &[("column", "7")], &[("column", "1"), ("column", "1")], &[("column", "1"), ("double", "101")]]
    {
        assert_eq!(browser.post(&place, fields).status, 422, "{fields:?}");
    }
    assert_eq!(browser.get(&format!("/jobs/{id}/result?format=csv")).status, 409);
    start(&mut browser, id, &[]);
    assert_eq!(browser.post(&place, &[("column", "1")]).status, 409);
    done(&mut browser, id);
}

#[test]
fn a_job_can_be_stopped_taken_up_again_and_deleted() {
    let server = Server::start();
    let mut browser = server.browser();
    let table: String = (0..3_000).map(|at| format!("{}{at}号\n", WORK[at % WORK.len()])).collect();
    let id = upload(&mut browser, "甲.csv", format!("合同名称\n{table}").as_bytes());
    start(&mut browser, id, &[]);
    assert_eq!(browser.post(&format!("/jobs/{id}/cancel"), &[]).status, 303);
    let told_after = told(&mut browser, id);
    assert_eq!(told_after.last().unwrap().1["state"], "cancelled");
    // What is there can be had at any time.
    let answer = result(&mut browser, id, "csv");
    assert_eq!(cells(server.dir.path(), "半.csv", &answer.bytes).len(), 3_000);
    assert_eq!(browser.post(&format!("/jobs/{id}/continue"), &[]).status, 303);
    done(&mut browser, id);
    assert_eq!(browser.post(&format!("/jobs/{id}/continue"), &[]).status, 409);
    assert_eq!(browser.post(&format!("/jobs/{id}/delete"), &[]).status, 303);
    assert_eq!(browser.get(&format!("/jobs/{id}")).status, 404);
    let store = Connection::open_with_flags(data(&server.dir), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    for table in ["jobs", "rows", "texts", "chunks", "tallies"] {
        let left = store.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(left, 0, "{table}");
    }
    let actions =
        "SELECT group_concat(action, ' ') FROM (SELECT action FROM audit WHERE subject = '任务 1' ORDER BY id)";
    let actions: String = store.query_row(actions, [], |row| row.get(0)).unwrap();
    assert_eq!(actions, "上传 开始任务 取消任务 导出 继续任务 删除任务");
}

/// What people decided stands in place of the program's answer.
#[test]
fn decisions_of_people_are_written_over_the_programs() {
    let server = Server::start();
    let mut browser = server.browser();
    let table = "合同名称\n客服热线座席外包\n模拟芯片版图设计\n记账报税服务\n保安服务\n";
    let id = upload(&mut browser, "甲.csv", table.as_bytes());
    start(&mut browser, id, &[]);
    done(&mut browser, id);
    let store = Connection::open(data(&server.dir)).unwrap();
    for (number, label) in [(2, "B21"), (3, "OUT"), (4, "UNCLEAR")] {
        let sql = "INSERT INTO decisions (row, reader, kind, label, comment, bunch, at)
                   SELECT id, '王芳', 'first', ?2, '看过', 1, 1700000000 FROM rows WHERE number = ?1";
        store.execute(sql, (number, label)).unwrap();
        let sql = "UPDATE rows SET state = 'settled', final = ?2 WHERE number = ?1";
        store.execute(sql, (number, label)).unwrap();
    }
    // What waits for a second reading is no answer yet, however sure the program is.
    store.execute("UPDATE rows SET state = 'second' WHERE number = 5", []).unwrap();
    let answer = result(&mut browser, id, "xlsx");
    let rows = cells(server.dir.path(), "甲.xlsx", &answer.bytes);
    let cell = |at: usize, heading: &str| rows[at][heading].to_text();
    assert_eq!([cell(3, "结论"), cell(3, "需复核原因")], ["需人工判断", "待二读"]);
    let shown: Vec<[String; 4]> =
        (0..4).map(|at| ["代码", "结论", "复核人", "复核备注"].map(|heading| cell(at, heading))).collect();
    assert_eq!(shown[0], ["B21", "人工选定", "王芳", "看过"]);
    assert_eq!(shown[1], ["OUT", "人工选定", "王芳", "看过"]);
    assert_eq!(shown[2], ["", "不清楚", "王芳", "看过"]);
    assert_eq!(shown[3][2..], ["", ""]);
    assert!(!cell(0, "程序代码").is_empty() && cell(0, "大类").starts_with('B') && cell(3, "程序代码").is_empty());
    let answer = result(&mut browser, id, "jsonl").text();
    let lines: Vec<Json> = answer.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["复核"]["代码"], &lines[3]["复核"]), (&Json::from("B21"), &Json::Null));
    assert!(lines[0]["waibao"]["candidates"].is_array());
}
