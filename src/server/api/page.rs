//! The description of the API for people: a page made of the same document that programs read.

use maud::{Markup, html as markup};
use serde_json::Value;

use super::document::DOCUMENT;
use super::operation::{Content, Operation};
use crate::server::auth::{Caller, Right, Via};
use crate::server::pages::{Page, page};
use crate::server::problem::Problem;

pub(super) async fn shown(caller: Caller) -> Result<Page, Problem> {
    caller.needs(Right::Look)?;
    let operations = super::operations();
    let (document, keyed) = (&*DOCUMENT, caller.via != Via::Local);
    let schemas = document["components"]["schemas"].as_object().into_iter().flatten();
    let tags: Vec<&str> =
        document["tags"].as_array().into_iter().flatten().filter_map(|tag| tag["name"].as_str()).collect();
    let content = markup! {
        p { (document["info"]["description"].as_str().unwrap_or_default()) }
        p { "机器可读的说明：" a href="/openapi.json" { "/openapi.json" } "（OpenAPI 3.1）" }
        @for tag in tags {
            section {
                h2 { (tag) }
                @for operation in operations.iter().filter(|operation| operation.tag == tag) {
                    (described(operation, document, keyed))
                }
            }
        }
        section {
            h2 { "数据结构" }
            @for (name, schema) in schemas {
                details id=(name) { summary { code { (name) } } pre.text { (pretty(schema)) } }
            }
        }
    };
    Ok(page(&caller, "/openapi", "接口", content))
}

fn described(operation: &Operation, document: &Value, keyed: bool) -> Markup {
    let method = operation.method.as_str();
    let described = &document["paths"][operation.path][method.to_lowercase()];
    let parameters: Vec<&Value> = described["parameters"].as_array().into_iter().flatten().collect();
    let statuses: Vec<&String> =
        described["responses"].as_object().into_iter().flatten().map(|(status, _)| status).collect();
    markup! {
        details.operation {
            summary { strong { (method) } " " code { (operation.path) } " " (operation.summary) }
            p { "权限：" (operation.right.map_or("任何人", Right::name)) }
            @if !parameters.is_empty() {
                table {
                    tr { th { "参数" } th { "位置" } th { "说明" } }
                    @for parameter in parameters {
                        tr {
                            td { code { (plain(&parameter["name"])) } }
                            td { @if parameter["in"] == "path" { "路径" } @else { "?" } }
                            td { (plain(&parameter["description"])) }
                        }
                    }
                }
            }
            (schema("请求", &described["requestBody"]["content"]))
            (schema("返回", &described["responses"]["200"]["content"]))
            p.quiet { "状态：" @for status in statuses { (status) " " } }
            pre.text { (curl(operation, keyed)) }
        }
    }
}

/// The shape of what is sent or comes back, by name where it has one.
fn schema(title: &str, content: &Value) -> Markup {
    let names = |content: &Value| Some(content["schema"]["$ref"].as_str()?.rsplit('/').next()?.to_owned());
    markup! {
        @for (media, content) in content.as_object().into_iter().flatten() {
            p {
                (title) "：" code { (media) } " "
                @if let Some(name) = names(content) { a href=(format!("#{name}")) { (name) } }
            }
        }
    }
}

/// A call as it is typed.
fn curl(operation: &Operation, keyed: bool) -> String {
    let method = operation.method.as_str();
    let named = if matches!(operation.request, Content::Other(_)) { "?name=table.xlsx" } else { "" };
    let mut lines = vec![format!("curl -X {method} 'http://127.0.0.1:8686{}{named}'", operation.path)];
    if keyed && operation.right.is_some() {
        lines.push("-H 'authorization: Bearer <密钥>'".to_owned());
    }
    match operation.request {
        Content::Json(_) => {
            lines.push("-H 'content-type: application/json'".to_owned());
            lines.push(format!("-d '{}'", operation.example.unwrap_or("{}")));
        }
        Content::Other(media) => {
            lines.push(format!("-H 'content-type: {}' --data-binary @table.xlsx", media.first().unwrap_or(&"")));
        }
        Content::Nothing if method != "GET" => lines.push("-H 'content-type: application/json'".to_owned()),
        Content::Nothing => {}
    }
    lines.join(" \\\n  ")
}

fn plain(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
