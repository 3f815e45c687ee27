//! Pages that everybody sees.

use crate::harness::Server;

#[test]
fn a_text_is_answered_with_its_reasons() {
    let server = Server::start();
    let mut browser = server.browser();
    assert!(browser.get("/").text().contains("试一试"));
    let page = browser.post("/", &[("text", "为保险公司承接车险理赔单证录入与影像扫描，按件计费")]);
    assert_eq!(page.status, 200);
    let text = page.text();
    for expected in ["B21", "定义 B21", "<mark class=\"evidence\"", "为什么不是"] {
        assert!(text.contains(expected), "{expected} is missing in {text}");
    }
}

#[test]
fn what_is_typed_is_shown_as_text() {
    let server = Server::start();
    let mut browser = server.browser();
    browser.get("/");
    let text = browser.post("/", &[("text", "<script>alert(1)</script> 呼叫中心外包服务")]).text();
    assert!(text.contains("&lt;script&gt;") && !text.contains("<script>alert"));
}
