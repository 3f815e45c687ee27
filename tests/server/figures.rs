//! 代码手册 and 统计: what they show, and what is taken along.

use rusqlite::{Connection, params};

use crate::harness::{Browser, Server, data};

/// A finished job with three rows: one automatic, one of which the proposal was kept, one of which it was changed.
fn decided(server: &Server) {
    let store = Connection::open(data(&server.dir)).unwrap();
    store.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
    let job = "INSERT INTO jobs (id, name, owner, state, format, headings, sample, plan, rows, created)
               VALUES (1, '<b>台账</b>.xlsx', '本机', 'done', 'xlsx', '[]', '[]', '{}', 3, 1768446000)";
    store.execute(job, []).unwrap();
    for (id, state, first, confidence, last) in [
        (1, "automatic", "B21", 0.99, None),
        (2, "settled", "I11", 0.8, Some("I11")),
        (3, "settled", "I13", 0.6, Some("I11")),
    ] {
        let outcome = if state == "automatic" { "assigned" } else { "needs_review" };
        let row = "INSERT INTO rows (id, job, number, cells, state, first, outcome, confidence, final)
                   VALUES (?1, 1, ?1, '[]', ?2, ?3, ?4, ?5, ?6)";
        store.execute(row, params![id, state, first, outcome, confidence, last]).unwrap();
        if let Some(last) = last {
            let decision = "INSERT INTO decisions (row, reader, kind, label, proposed, confidence, bunch, at)
                            VALUES (?1, '本机', 'first', ?2, ?3, ?4, ?1, 1768446000 + ?1)";
            store.execute(decision, params![id, last, first, confidence]).unwrap();
        }
    }
}

/// A table of the page by its caption, as text between its cells.
fn table(page: &str, caption: &str) -> String {
    let (_, rest) = page.split_once(&format!("<caption>{caption}</caption>")).expect(caption);
    let table = rest.split("</table>").next().unwrap();
    table.split('<').filter_map(|piece| piece.split_once('>')).map(|(_, text)| text).collect::<Vec<_>>().join(" ")
}

fn figures(browser: &mut Browser, query: &str) -> String {
    let page = browser.get(&format!("/figures{query}"));
    assert_eq!(page.status, 200, "{}", page.text());
    page.text()
}

fn holds(text: &str, words: &[&str]) {
    let squeezed = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for word in words {
        assert!(squeezed.contains(word), "{word} is missing in {squeezed}");
    }
}

#[test]
fn the_figures_are_those_of_the_rows_and_decisions() {
    let server = Server::start();
    decided(&server);
    let mut browser = server.browser();
    let page = figures(&mut browser, "");
    holds(&table(&page, "行的状态"), &["自动 1 33.3%", "已定 2 66.7%"]);
    holds(&table(&page, "程序结论"), &["可采纳 1 33.3%", "需人工判断 2 66.7%"]);
    holds(&table(&page, "正确率"), &["全部已定的行 50.0% 9.5% 90.5% 2 1 1 0"]);
    holds(&table(&page, "改判"), &["I13 I11 1 100.0% 测试服务 软件研发服务"]);
    assert!(page.contains("href=\"/codes#I13\""));
    holds(&table(&page, "门槛"), &["0.500 3 100.0% 2 1 50.0%", "0.900 1 33.3% 0 0 –"]);
    assert!(page.contains("&lt;b&gt;台账") && !page.contains("<b>台账"));
    holds(&figures(&mut browser, "?from=2026-02-01"), &["这个范围内没有任务"]);
    holds(&figures(&mut browser, "?job=1&from=2026-01-01&to=2026-12-31&by=job"), &["全部已定的行"]);
    for wrong in ["?job=x", "?from=1.2.2026", "?to=2026-02-30"] {
        assert_eq!(browser.get(&format!("/figures{wrong}")).status, 422, "{wrong}");
        assert_eq!(browser.get(&format!("/figures/export{wrong}")).status, 422, "{wrong}");
    }
}

#[test]
fn figures_are_taken_along_as_a_workbook_and_that_is_noted() {
    let server = Server::start();
    decided(&server);
    let export = server.browser().get("/figures/export?job=1");
    assert_eq!(export.status, 200);
    assert!(export.header("content-disposition").contains("waibao-figures.xlsx"));
    let path = server.dir.path().join("统计.xlsx");
    std::fs::write(&path, &export.bytes).unwrap();
    let mut states = Vec::new();
    let visit = &mut |row: waibao::table::Row| {
        states.push([row.get("状态"), row.get("行数")].map(|cell| cell.unwrap_or_default().to_owned()));
        Ok(())
    };
    waibao::table::read(&path, visit).unwrap();
    assert_eq!(states[0], ["自动", "1"].map(str::to_owned));
    for (sheet, cells) in [("改判", vec!["I13", "I11", "1"]), ("正确率", vec!["全部已定的行", "0.5"])] {
        let options = waibao::table::Options { sheet: Some(sheet.to_owned()), ..Default::default() };
        let input = waibao::table::Input::open(&path, &options).unwrap();
        let mut first = None;
        let look = &mut |row: waibao::table::RawRow| {
            first.get_or_insert(row.cells);
            Ok(())
        };
        input.rows(look).unwrap();
        let texts: Vec<String> = first.unwrap().iter().map(waibao::table::Value::to_text).collect();
        assert_eq!(texts[..cells.len()], cells, "{sheet}");
    }
    let store = Connection::open(data(&server.dir)).unwrap();
    let noted = "SELECT action || ' ' || subject || ' ' || detail FROM audit ORDER BY id DESC LIMIT 1";
    let noted: String = store.query_row(noted, [], |row| row.get(0)).unwrap();
    holds(&noted, &["导出 统计", "\"任务\":\"1\""]);
}

#[test]
fn the_code_book_is_whole_and_is_searched_without_a_script() {
    let server = Server::start();
    let mut browser = server.browser();
    let book = browser.get("/codes").text();
    for place in ["id=\"B21\"", "id=\"I13-x2\"", "id=\"OUT\"", "id=\"P2\"", "id=\"G-x1\"", "id=\"C07\""] {
        assert!(book.contains(place), "{place}");
    }
    assert!(book.contains("data-initials=\"sjclfw "));
    assert!(!book.contains("查找结果"));
    for (query, hit) in [("sjcl", "href=\"#B21\""), ("%E6%95%B0%E6%8D%AE%E6%A0%87%E6%B3%A8", "href=\"#B21-6\"")] {
        let page = browser.get(&format!("/codes?q={query}")).text();
        let hits = page.split("id=\"hits\"").nth(1).expect("there are no hits").split("</section>").next().unwrap();
        assert!(hits.contains(hit), "{query}: {hits}");
    }
    let page = browser.get("/codes?q=%3Cscript%3E").text();
    assert!(page.contains("没有找到“&lt;script&gt;”"));
}
