//! The API, asked as programs ask it.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rusqlite::{Connection, params};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use crate::harness::{Answer, Browser, Server, data};

const TEXTS: [&str; 4] = [
    "为某股份制银行信用卡中心提供24小时客服热线座席及人员培训，按通话量结算",
    "模拟芯片版图设计与验证，两名工程师驻场",
    "采购办公家具一批，含安装",
    "为保险公司承接车险理赔单证录入与影像扫描，按件计费",
];

/// A user of a role with an API key.
fn key(server: &Server, role: &str) -> String {
    let (store, key) = (Connection::open(data(&server.dir)).unwrap(), format!("key-of-{role}"));
    store.busy_timeout(Duration::from_secs(10)).unwrap();
    store.execute("INSERT INTO users (name, role, password, created) VALUES (?1, ?1, '', 0)", [role]).unwrap();
    let hash = Sha256::digest(&key).to_vec();
    let sql = "INSERT INTO api_keys (user, name, key, created) VALUES (?, 'test', ?, 0)";
    store.execute(sql, params![store.last_insert_rowid(), hash]).unwrap();
    key
}

fn classified(browser: &Browser, body: &Json) -> Vec<Json> {
    let answer = browser.api("POST", "/v1/classify", "", Some(body));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["results"].as_array().unwrap().clone()
}

/// A refusal in the one form that there is.
fn refused(answer: &Answer, status: u16) -> String {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let problem = answer.json();
    assert_eq!(problem["status"], status);
    let detail = problem["detail"].as_str().unwrap().to_owned();
    assert!(detail.chars().any(|letter| letter >= '\u{4e00}'), "{detail} tells a person nothing");
    detail
}

#[test]
fn every_operation_of_the_document_answers_as_it_says() {
    let server = Server::start();
    let browser = server.browser();
    let document = browser.api("GET", "/openapi.json", "", None).json();
    assert_eq!(document["openapi"], "3.1.0");
    for (path, operations) in document["paths"].as_object().unwrap() {
        let place = path.replace("{id}", "4711").replace("{code}", "B21");
        for (method, operation) in operations.as_object().unwrap() {
            let name = format!("{method} {path}");
            let body = &operation["requestBody"]["content"]["application/json"]["example"];
            assert!(operation["requestBody"]["content"]["application/json"].is_null() || !body.is_null(), "{name}");
            let none = json!({});
            let body = if body.is_null() { &none } else { body };
            let body = (method != "get").then_some(body);
            let answer = browser.api(&method.to_uppercase(), &place, "", body);
            let told = &operation["responses"][answer.status.to_string()];
            assert!(!told.is_null(), "{name} answers {}, which it does not tell: {}", answer.status, answer.text());
            let missing = answer.status == 404 && path.contains("{id}");
            assert!(answer.status < 300 || missing || answer.status == 422, "{name}: {}", answer.text());
            assert!(!answer.text().contains("没有这个地址"), "{name} has no route");
            if answer.status == 200 {
                let media = told["content"].as_object().unwrap().keys().next().unwrap();
                assert!(answer.header("content-type").starts_with(media), "{name}: {}", answer.header("content-type"));
            }
        }
    }
}

#[test]
fn references_of_the_document_lead_somewhere_and_names_are_its_own() {
    let server = Server::start();
    let document = server.browser().api("GET", "/openapi.json", "", None).json();
    let mut values = vec![&document];
    while let Some(value) = values.pop() {
        if let Some(reference) = value.get("$ref").and_then(Json::as_str) {
            let place = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(place).is_some(), "{reference} leads nowhere");
        }
        values.extend(value.as_object().into_iter().flat_map(|fields| fields.values()));
        values.extend(value.as_array().into_iter().flatten());
    }
    let operations =
        document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values());
    let mut names: Vec<&str> = operations.map(|operation| operation["operationId"].as_str().unwrap()).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn the_document_and_its_page_tell_of_every_resource() {
    let server = Server::start();
    let mut browser = server.browser();
    let document = browser.api("GET", "/openapi.json", "", None).json();
    let page = browser.get("/openapi").text();
    for path in [
        "/v1/classify",
        "/v1/jobs",
        "/v1/codes",
        "/v1/cases",
        "/v1/reviews",
        "/v1/embeddings",
        "/v1/models",
        "/health",
        "/setup",
        "/predict",
        "/webhook",
        "/healthz",
        "/readyz",
        "/metrics",
        "/openapi.json",
    ] {
        assert!(document["paths"][path].is_object(), "{path}");
    }
    for (path, operations) in document["paths"].as_object().unwrap() {
        assert!(page.contains(path.as_str()), "{path}");
        for operation in operations.as_object().unwrap().values() {
            assert!(page.contains(operation["summary"].as_str().unwrap()), "{path}");
        }
    }
    assert!(page.contains("curl -X POST 'http://127.0.0.1:8686/v1/classify'") && !page.contains(" style="));
}

#[test]
fn a_text_is_answered_as_the_command_line_answers_it() {
    let server = Server::start();
    let browser = server.browser();
    let arguments: Vec<&str> = ["classify", "--json", "--top", "5"].into_iter().chain(TEXTS).collect();
    let (code, out, error) = server.command(&arguments, "");
    assert_eq!(code, 0, "{error}");
    for (text, line) in TEXTS.iter().zip(out.lines()) {
        let mut here = classified(&browser, &json!({ "text": text })).remove(0);
        let mut there: Json = serde_json::from_str(line).unwrap();
        assert_eq!(here["versions"]["pack"], there["versions"]["pack"]);
        here["versions"] = Json::Null;
        there["versions"] = Json::Null;
        assert_eq!(here, there, "{text}");
    }
    assert_eq!(out.lines().count(), TEXTS.len());
}

#[test]
fn many_texts_are_answered_as_each_alone_and_in_their_order() {
    let server = Server::start();
    let browser = server.browser();
    let long = TEXTS[0].repeat(40);
    let texts: Vec<&str> = TEXTS.into_iter().chain([long.as_str(), "", TEXTS[1]]).collect();
    let ids: Vec<String> = (0..texts.len()).map(|number| format!("合同{number}")).collect();
    let together = classified(&browser, &json!({ "texts": texts, "ids": ids, "top": 2 }));
    assert_eq!(together.len(), texts.len());
    for ((text, id), record) in texts.iter().zip(&ids).zip(&together) {
        let alone = classified(&browser, &json!({ "text": text })).remove(0);
        assert_eq!(record["id"], id.as_str());
        for field in ["outcome", "code", "rulings", "review"] {
            assert_eq!(record[field], alone[field], "{field} of {id}");
        }
        let (one, other) = (record["confidence"].as_f64().unwrap(), alone["confidence"].as_f64().unwrap());
        assert!((one - other).abs() < 1e-3, "{id}: {one} and {other}");
        assert!(record["candidates"].as_array().unwrap().len() <= 2);
    }
}

#[test]
fn strange_texts_break_nothing() {
    let server = Server::start();
    let browser = server.browser();
    let pages = "本合同为客服热线外包，乙方应按月提交报告。\n".repeat(2_000);
    let strange =
        ["", " \n\t", "\0", "客服\0热线", "😀🎉👩‍👩‍👧‍👦", "\u{feff}\u{202e}外包", "a", &"\u{301}".repeat(5_000), &pages];
    let records = classified(&browser, &json!({ "texts": strange }));
    assert_eq!(records.len(), strange.len());
    for (text, record) in strange.iter().zip(&records).take(3) {
        assert_eq!(record["outcome"], "needs_review", "{text:?}");
        assert!(!record["review"]["reason"].as_str().unwrap().is_empty());
    }
    assert_eq!(classified(&browser, &json!({ "text": TEXTS[0] })).len(), 1);
}

#[test]
fn what_cannot_be_answered_is_refused_with_a_reason() {
    let server = Server::start();
    let browser = server.browser();
    let post = |body: &Json| browser.api("POST", "/v1/classify", "", Some(body));
    assert!(refused(&post(&json!({})), 422).contains("text"));
    assert!(refused(&post(&json!({ "text": "a", "texts": ["b"] })), 422).contains("其中之一"));
    assert!(refused(&post(&json!({ "text": "a", "tpo": 3 })), 422).contains("tpo"));
    assert!(refused(&post(&json!({ "texts": [] })), 422).contains("1 到 256"));
    assert!(refused(&post(&json!({ "texts": vec!["a"; 257] })), 422).contains("257"));
    assert!(refused(&post(&json!({ "texts": ["a", "b"], "ids": ["1"] })), 422).contains("ids"));
    assert!(refused(&post(&json!({ "text": "a", "top": 0 })), 422).contains("top"));
    assert!(refused(&post(&json!({ "texts": ["a", "文".repeat(100_000)] })), 413).contains("第 2 条"));
    assert!(refused(&post(&json!({ "text": "文".repeat(1_000_000) })), 413).contains("2 MB"));
    let raw = browser.agent.post(format!("{}/v1/classify", browser.base)).header("content-type", "application/json");
    assert!(refused(&Answer::of(raw.send(r#"{"text": "\ud800"}"#).unwrap()), 422).contains("JSON"));
    refused(&browser.api("GET", "/v1/nothing", "", None), 404);
    let wrong_method = browser.api("DELETE", "/v1/classify", "", Some(&json!({})));
    refused(&wrong_method, 405);
    assert_eq!(wrong_method.header("allow"), "POST");
    refused(&browser.api("GET", "/v1/codes/Z99", "", None), 404);
    refused(&browser.api("DELETE", "/v1/cases/no-number", "", Some(&json!({}))), 404);
    refused(&browser.api("GET", "/v1/cases?before=soon", "", None), 422);
}

#[test]
fn on_this_computer_a_program_needs_no_token_and_another_site_gets_nothing() {
    let server = Server::start();
    let agent = server.browser().agent;
    let body = json!({ "text": TEXTS[0] }).to_string();
    let post = |headers: &[(&str, &str)]| {
        let mut request = agent.post(format!("http://{}/v1/classify", server.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request.send(body.as_str()).unwrap())
    };
    let json = ("content-type", "application/json; charset=utf-8");
    assert_eq!(post(&[json]).status, 200);
    // Some clients cannot do without a key.
    assert_eq!(post(&[json, ("authorization", "Bearer none")]).status, 200);
    // What a browser sends to another site without asking first.
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""] {
        refused(&post(&[("content-type", kind)]), 403);
    }
    refused(&post(&[json, ("origin", "http://elsewhere.example")]), 403);
    refused(&post(&[json, ("origin", "null")]), 403);
    refused(&post(&[json, ("sec-fetch-site", "cross-site")]), 403);
    refused(&post(&[json, ("host", "rebound.example")]), 403);
    let asked = ureq::http::Request::options(format!("http://{}/v1/classify", server.address))
        .header("origin", "http://elsewhere.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type");
    let asked = Answer::of(agent.run(asked.body(()).unwrap()).unwrap());
    assert!(asked.headers.get("access-control-allow-origin").is_none());
}

#[test]
fn where_there_are_accounts_only_a_key_with_the_right_is_served() {
    let server = Server::start();
    let (auditor, reviewer) = (key(&server, "auditor"), key(&server, "reviewer"));
    let browser = server.browser();
    let text = json!({ "text": TEXTS[0] });
    let case = json!({ "text": TEXTS[3], "label": "B21" });
    refused(&browser.api("POST", "/v1/classify", "", Some(&text)), 401);
    refused(&browser.api("POST", "/v1/classify", "key-of-nobody", Some(&text)), 401);
    refused(&browser.api("GET", "/metrics", "", None), 401);
    assert_eq!(browser.api("POST", "/v1/classify", &auditor, Some(&text)).status, 200);
    assert_eq!(browser.api("GET", "/metrics", &auditor, None).status, 200);
    refused(&browser.api("POST", "/v1/cases", &auditor, Some(&case)), 403);
    assert_eq!(browser.api("POST", "/v1/cases", &reviewer, Some(&case)).status, 200);
    for open in ["/healthz", "/readyz", "/health", "/openapi.json"] {
        assert_eq!(browser.api("GET", open, "", None).status, 200, "{open}");
    }
    let basic = format!("Basic {}", BASE64_STANDARD.encode(format!("anybody:{auditor}")));
    let setup = browser.agent.post(format!("{}/setup", browser.base)).header("authorization", basic);
    assert_eq!(Answer::of(setup.send("{}").unwrap()).status, 200);
}

#[test]
fn a_refusal_leaves_the_connection_as_it_was() {
    let server = Server::start();
    key(&server, "reviewer");
    let browser = server.browser();
    // The agent asks again on the connection of before, which must not be one that the server is about to end.
    for _ in 0..50 {
        refused(&browser.api("POST", "/v1/classify", "", Some(&json!({ "text": TEXTS[0] }))), 401);
    }
}

#[test]
fn the_code_book_is_told_whole() {
    let server = Server::start();
    let browser = server.browser();
    let book = browser.api("GET", "/v1/codes", "", None).json();
    let codes = book["codes"].as_array().unwrap();
    let classes = codes.iter().filter(|entry| entry["code"].as_str().unwrap().len() == 3).count();
    assert_eq!(classes, waibao::pack::Pack::embedded().unwrap().classes().count());
    let entry = browser.api("GET", "/v1/codes/I13", "", None).json();
    assert_eq!(Some(&entry), codes.iter().find(|entry| entry["code"] == "I13"));
    assert_eq!(entry["parent"], "I1");
    let exclusions = entry["exclusions"].as_array().unwrap();
    assert!(exclusions.iter().any(|exclusion| !exclusion["rules"].as_array().unwrap().is_empty()));
}

#[test]
fn embeddings_come_in_openai_s_form() {
    let server = Server::start();
    let browser = server.browser();
    let embed = |body: Json| browser.api("POST", "/v1/embeddings", "", Some(&body));
    let answer = embed(json!({ "model": "any", "input": [TEXTS[0], TEXTS[1], ""], "user": "x" })).json();
    assert_eq!(answer["object"], "list");
    let numbers =
        |one: &Json| one["embedding"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect::<Vec<_>>();
    for (at, one) in answer["data"].as_array().unwrap().iter().enumerate() {
        assert_eq!((one["index"].as_u64().unwrap(), &one["object"]), (at as u64, &json!("embedding")));
        assert!((numbers(one).iter().map(|x| x * x).sum::<f64>() - 1.0).abs() < 1e-3);
    }
    assert!(answer["usage"]["prompt_tokens"].as_u64().unwrap() > 20);
    let packed = embed(json!({ "input": TEXTS[0], "encoding_format": "base64" })).json();
    let bytes = BASE64_STANDARD.decode(packed["data"][0]["embedding"].as_str().unwrap()).unwrap();
    let (values, rest) = bytes.as_chunks::<4>();
    assert!(rest.is_empty() && values.len() == numbers(&answer["data"][0]).len());
    for (value, number) in values.iter().zip(numbers(&answer["data"][0])) {
        assert!((f64::from(f32::from_le_bytes(*value)) - number).abs() < 1e-4);
    }
    assert!(refused(&embed(json!({ "input": [1, 2, 3] })), 422).contains("词元"));
    assert!(refused(&embed(json!({ "input": [[1, 2], [3]] })), 422).contains("词元"));
    assert!(refused(&embed(json!({ "input": [] })), 422).contains("256"));
    assert!(refused(&embed(json!({ "input": "a", "dimensions": 3 })), 422).contains("dimensions"));
    let models = browser.api("GET", "/v1/models", "", None).json();
    assert_eq!(models["data"][0]["id"], answer["model"]);
}

const FORM: &str = "<View><Text name='contract' value='$content'/><Choices name='class' toName='contract'>
    <Choice value='B21 数据处理服务'/><Choice value='不属于服务外包'/></Choices></View>";

#[test]
fn label_studio_is_given_the_choice_for_each_task() {
    let server = Server::start();
    let browser = server.browser();
    let post = |path: &str, body: Json| browser.api("POST", path, "", Some(&body));
    let version = post("/setup", json!({ "project": "1.2", "schema": FORM })).json()["model_version"].clone();
    let tasks = json!([
        { "id": 7, "data": { "content": TEXTS[3] } }, { "id": 8, "data": { "content": 5 } }, { "id": 9, "data": { "content": TEXTS[1] } },
    ]);
    let answer =
        post("/predict", json!({ "tasks": tasks, "label_config": FORM, "project": "1.2", "params": {} })).json();
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), 3);
    let chosen = json!([{
        "from_name": "class", "to_name": "contract", "type": "choices", "value": { "choices": ["B21 数据处理服务"] },
    }]);
    assert_eq!(results[0]["result"], chosen);
    let confidence = classified(&browser, &json!({ "text": TEXTS[3] }))[0]["confidence"].as_f64().unwrap();
    assert!((results[0]["score"].as_f64().unwrap() - confidence).abs() < 1e-3);
    assert_eq!(results[0]["model_version"], version);
    // No text, and no choice for the class.
    assert_eq!((&results[1]["result"], &results[2]["result"]), (&json!([]), &json!([])));
    assert!(
        refused(&post("/predict", json!({ "tasks": tasks, "label_config": "<View/>" })), 422).contains("label_config")
    );
}

#[test]
fn what_is_decided_in_label_studio_becomes_a_case_for_who_may_work() {
    let server = Server::start();
    let (auditor, reviewer) = (key(&server, "auditor"), key(&server, "reviewer"));
    let browser = server.browser();
    let result = json!([{ "from_name": "class", "to_name": "contract", "type": "choices", "value": { "choices": ["不属于服务外包"] } }]);
    let event = json!({
        "action": "ANNOTATION_CREATED", "annotation": { "id": 1, "result": result }, "project": { "label_config": FORM },
        "task": { "id": 7, "data": { "content": TEXTS[2] } },
    });
    refused(&browser.api("POST", "/webhook", &auditor, Some(&event)), 403);
    let made = browser.api("POST", "/webhook", &reviewer, Some(&event)).json();
    assert_eq!(made["status"], "ok");
    let cases = browser.api("GET", "/v1/cases", &auditor, None).json();
    assert_eq!(cases["cases"][0]["id"], made["case"]);
    assert_eq!((&cases["cases"][0]["text"], &cases["cases"][0]["label"]), (&json!(TEXTS[2]), &json!("OUT")));
    let other = json!({ "action": "PROJECT_UPDATED", "project": { "label_config": FORM } });
    assert_eq!(browser.api("POST", "/webhook", &auditor, Some(&other)).json()["status"], "ignored");
}

#[test]
fn a_case_counts_at_once_and_no_longer_when_it_is_withdrawn() {
    let server = Server::start();
    let browser = server.browser();
    let text = json!({ "text": TEXTS[1] });
    let before = classified(&browser, &text).remove(0);
    let case = json!({ "text": TEXTS[1], "label": "OUT", "comment": "会审" });
    let added = browser.api("POST", "/v1/cases", "", Some(&case)).json();
    let id = added["id"].as_i64().unwrap();
    let with = classified(&browser, &text).remove(0);
    assert!(with["versions"]["cases"].is_string());
    assert_ne!(with["candidates"], before["candidates"]);
    assert_eq!(browser.api("POST", "/v1/cases", "", Some(&case)).json()["id"], Json::Null);
    let near = json!({ "text": format!("{}。", TEXTS[1]), "label": before["code"] });
    let warned = browser.api("POST", "/v1/cases", "", Some(&near)).json();
    assert_eq!(warned["contradicts"][0], json!({ "id": id, "label": "OUT" }));
    for id in [id, warned["id"].as_i64().unwrap()] {
        assert_eq!(browser.api("DELETE", &format!("/v1/cases/{id}"), "", Some(&json!({}))).status, 204);
        refused(&browser.api("DELETE", &format!("/v1/cases/{id}"), "", Some(&json!({}))), 404);
    }
    assert_eq!(classified(&browser, &text).remove(0), before);
    assert!(
        refused(&browser.api("POST", "/v1/cases", "", Some(&json!({ "text": "x", "label": "B2" }))), 422)
            .contains("B2")
    );
}

#[test]
fn a_table_is_uploaded_decided_reviewed_and_fetched() {
    let server = Server::start();
    let browser = server.browser();
    let rows: String = TEXTS.iter().enumerate().map(|(at, text)| format!("{at},{text},{}\n", at * 10)).collect();
    let table = format!("合同编号,服务内容,金额\n{rows}");
    let upload = |name: &str, kind: &str| {
        let request = browser.agent.post(format!("{}/v1/jobs?name={name}", browser.base)).header("content-type", kind);
        Answer::of(request.send(table.as_bytes()).unwrap())
    };
    refused(&upload("t.csv", "text/plain"), 403);
    assert!(refused(&upload("t.exe", "application/octet-stream"), 422).contains("格式"));
    let job = upload("t.csv", "application/octet-stream").json();
    assert_eq!((&job["state"], &job["rows"], &job["plan"]["columns"]), (&json!("uploaded"), &json!(4), &json!([1])));
    let place = format!("/v1/jobs/{}", job["id"]);
    let post = |path: String, body: Json| browser.api("POST", &path, "", Some(&body));
    refused(&post(format!("{place}/start"), json!({ "columns": [7] })), 422);
    assert_eq!(post(format!("{place}/start"), json!({ "sampled": 1.0 })).status, 200);
    refused(&post(format!("{place}/start"), json!({})), 409);
    let deadline = Instant::now() + Duration::from_secs(60);
    while browser.api("GET", &place, "", None).json()["state"] != "done" {
        assert!(Instant::now() < deadline, "the job is not done");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(browser.api("GET", "/v1/jobs", "", None).json()["count"], 1);
    let queue = browser.api("GET", "/v1/reviews", "", None).json();
    assert_eq!((queue["rows"].as_array().unwrap().len(), &queue["open"]), (4, &json!(4)));
    let row = queue["rows"].as_array().unwrap().iter().find(|row| row["number"] == 2).unwrap();
    let decide =
        |label: &str| post(format!("/v1/reviews/{}", row["id"]), json!({ "version": row["version"], "label": label }));
    assert!(refused(&decide("B2"), 422).contains("B2"));
    let done = decide("OUT").json();
    assert_eq!(done["rows"], 1);
    refused(&decide("B11"), 409);
    let decisions = browser.api("GET", "/v1/reviews/decisions", "", None).json();
    assert_eq!(
        (&decisions["decisions"][0]["label"], &decisions["decisions"][0]["reader"]),
        (&json!("OUT"), &json!("本机"))
    );
    let result = browser.api("GET", &format!("{place}/result?format=jsonl"), "", None).text();
    assert_eq!(result.lines().count(), 4);
    assert!(result.lines().next().unwrap().contains("OUT"), "{result}");
    let undone =
        browser.api("DELETE", &format!("/v1/reviews/decisions/{}", done["bunch"]), "", Some(&json!({}))).json();
    assert_eq!(undone["rows"], json!([row["id"]]));
    refused(&post(format!("{place}/cancel"), json!({})), 409);
    assert_eq!(browser.api("DELETE", &place, "", Some(&json!({}))).status, 204);
    refused(&browser.api("GET", &place, "", None), 404);
}

#[test]
fn overload_is_refused_and_what_is_taken_is_answered() {
    let server = Server::start();
    let ask = |number: usize| {
        let browser = server.browser();
        let text = |at: usize| format!("第{number}-{at}批客服热线外包，按通话量结算");
        let texts = json!({ "texts": (0..64).map(text).collect::<Vec<_>>() });
        // More texts than may wait, then more requests than one address may make.
        let classify = || browser.api("POST", "/v1/classify", "", Some(&texts));
        let look = || browser.api("GET", "/v1/models", "", None);
        let answers = std::iter::once(classify()).chain(std::iter::repeat_with(look).take(60));
        answers.map(|answer| checked(&answer)).collect::<Vec<_>>()
    };
    let all: Vec<Vec<u16>> = std::thread::scope(|scope| {
        let ask = &ask;
        let clients: Vec<_> = (0..40).map(|number| scope.spawn(move || ask(number))).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    for (what, places) in [("texts", 0..1), ("requests", 1..61)] {
        let mut counts: BTreeMap<u16, usize> = BTreeMap::new();
        all.iter()
            .flat_map(|statuses| &statuses[places.clone()])
            .for_each(|status| *counts.entry(*status).or_default() += 1);
        assert!(counts.contains_key(&200) && counts.contains_key(&429), "{what}: {counts:?}");
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    let browser = server.browser();
    while browser.api("POST", "/v1/classify", "", Some(&json!({ "text": TEXTS[0] }))).status != 200 {
        assert!(Instant::now() < deadline, "it does not recover");
    }
    assert_eq!(browser.api("GET", "/readyz", "", None).status, 200);
}

/// The status of an answer: as wished, or refused for now with a time to come again.
fn checked(answer: &Answer) -> u16 {
    if answer.status != 200 {
        refused(answer, 429);
        assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
    }
    answer.status
}

#[test]
fn requests_and_texts_are_counted() {
    let server = Server::start();
    let browser = server.browser();
    classified(&browser, &json!({ "texts": TEXTS }));
    let mut odd = TcpStream::connect(&server.address).unwrap();
    let request = format!("BREW /v1/codes HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", server.address);
    odd.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    odd.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    let metrics = browser.api("GET", "/metrics", "", None);
    let text = metrics.text();
    for line in [
        "waibao_texts_total 4",
        "waibao_texts_waiting 0",
        "waibao_requests_total{method=\"POST\",route=\"/v1/classify\",status=\"200\"} 1",
        "waibao_request_seconds_count{route=\"/v1/classify\"} 1",
    ] {
        assert!(text.lines().any(|known| known == line), "{line} is missing in {text}");
    }
    assert!(text.contains("method=\"other\",route=\"/v1/codes\"") && !text.contains("BREW"));
    assert!(text.ends_with("# EOF\n") && metrics.header("content-type").starts_with("application/openmetrics-text"));
}
