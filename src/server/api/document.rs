//! The description of the API for programs: OpenAPI 3.1, made of the same table as the routes.

use std::sync::LazyLock;

use axum::Json;
use axum::http::Method;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

use super::operation::{Content, Operation};

/// What a request can fail with: status and meaning.
const FAILURES: [(&str, &str); 8] = [
    ("401", "没有密钥，或密钥已撤销"),
    ("403", "没有这项权限"),
    ("404", "没有这一项"),
    ("409", "状态已变，或已被他人处理"),
    ("413", "请求过大"),
    ("422", "请求内容有误，detail 说明错在哪里、怎么改"),
    ("429", "请求太多，过 Retry-After 秒再试"),
    ("504", "处理时间过长"),
];
const DESCRIPTION: &str = "服务外包合同归类。有账号时请用 API 密钥（Authorization: Bearer …，在“密钥”页新建）；\
    没有账号、只在本机使用时不用密钥，但会改变内容的请求要以 application/json 发送。出错时返回 RFC 9457 的 problem+json。";

pub(super) static DOCUMENT: LazyLock<Value> = LazyLock::new(|| of(&super::operations()));

pub(super) fn operations() -> Vec<Operation> {
    let handler = || async { Json(&*DOCUMENT) };
    vec![Operation::get("/openapi.json", "本说明（OpenAPI 3.1）", handler).gives::<Map<String, Value>>()]
}

/// The document of these operations.
fn of(operations: &[Operation]) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let mut paths = Map::new();
    for operation in operations {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method.as_str().to_lowercase()] = described(operation, &mut generator);
    }
    let mut schemas = generator.take_definitions(true);
    schemas.insert("Problem".to_owned(), problem());
    let mut tags: Vec<&str> = operations.iter().map(|operation| operation.tag).collect();
    tags.dedup();
    json!({
        "openapi": "3.1.0",
        "info": { "title": "waibao", "version": env!("CARGO_PKG_VERSION"), "description": DESCRIPTION },
        "servers": [{ "url": "/" }],
        "tags": tags.iter().map(|tag| json!({ "name": tag })).collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": FAILURES.iter().map(failure).collect::<Map<_, _>>(),
            "securitySchemes": {
                "key": { "type": "http", "scheme": "bearer", "description": "API 密钥" },
                "password": { "type": "http", "scheme": "basic", "description": "用户名任意，密码为 API 密钥" },
            },
        },
    })
}

fn described(operation: &Operation, generator: &mut SchemaGenerator) -> Value {
    let mut parameters: Vec<Value> = operation.places().map(place).collect();
    if let Some(query) = operation.query {
        parameters.extend(in_query(query));
    }
    let mut described = json!({
        "operationId": id(operation),
        "tags": [operation.tag],
        "summary": operation.summary,
        "parameters": parameters,
        "responses": responses(operation, generator),
        "security": if operation.right.is_some() { json!([{ "key": [] }, { "password": [] }, {}]) } else { json!([]) },
    });
    if let Some(mut content) = content(operation.request, generator) {
        let example = operation.example.and_then(|example| serde_json::from_str::<Value>(example).ok());
        if let (Some(example), Some(json)) = (example, content.get_mut("application/json")) {
            json["example"] = example;
        }
        described["requestBody"] = json!({ "required": true, "content": content });
    }
    described
}

/// `postV1JobsIdStart`.
fn id(operation: &Operation) -> String {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    let words = operation.path.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.fold(operation.method.as_str().to_lowercase(), |id, word| id + &capital(word))
}

fn place(name: &str) -> Value {
    let (schema, example) = match name {
        "id" => (json!({ "type": "integer", "format": "int64", "minimum": 1 }), json!(1)),
        _ => (json!({ "type": "string", "minLength": 1 }), json!("B21")),
    };
    json!({ "name": name, "in": "path", "required": true, "schema": schema, "example": example })
}

/// The fields of a shape, one parameter each.
fn in_query(shape: super::operation::SchemaOf) -> Vec<Value> {
    let mut generator =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true).into_generator();
    let shape = shape(&mut generator).to_value();
    let required = |name: &str| shape["required"].as_array().is_some_and(|names| names.iter().any(|one| one == name));
    let fields = shape["properties"].as_object().into_iter().flatten();
    let parameter = |(name, schema): (&String, &Value)| {
        let description = schema["description"].clone();
        json!({ "name": name, "in": "query", "required": required(name), "description": description, "schema": schema })
    };
    fields.map(parameter).collect()
}

fn content(content: Content, generator: &mut SchemaGenerator) -> Option<Map<String, Value>> {
    match content {
        Content::Json(schema) => {
            let shape = json!({ "schema": schema(generator).to_value() });
            Some(Map::from_iter([("application/json".to_owned(), shape)]))
        }
        Content::Other(media) => Some(media.iter().map(|media| ((*media).to_owned(), json!({}))).collect()),
        Content::Nothing => None,
    }
}

/// What comes back: what was asked for, and what the operation can fail with.
fn responses(operation: &Operation, generator: &mut SchemaGenerator) -> Value {
    let named = operation.places().next().is_some();
    let (asks, sends) = (operation.query.is_some(), !matches!(operation.request, Content::Nothing));
    let can_fail = |status: &str| match status {
        "401" | "403" => operation.right.is_some(),
        "404" => named,
        "409" => operation.method != Method::GET && named,
        "413" => sends,
        "422" => asks || sends || (named && operation.method != Method::GET),
        _ => true,
    };
    let failures = FAILURES.iter().map(|(status, _)| *status).filter(|status| can_fail(status));
    let mut responses: Map<String, Value> = failures
        .map(|status| (status.to_owned(), json!({ "$ref": format!("#/components/responses/{status}") })))
        .collect();
    let (status, success) = match content(operation.response, generator) {
        Some(content) => ("200", json!({ "description": "完成", "content": content })),
        None => ("204", json!({ "description": "完成" })),
    };
    responses.insert(status.to_owned(), success);
    Value::Object(responses)
}

fn failure((status, meaning): &(&str, &str)) -> (String, Value) {
    let mut failure = json!({
        "description": meaning,
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
    });
    if *status == "429" {
        failure["headers"] = json!({ "Retry-After": { "description": "秒", "schema": { "type": "integer" } } });
    }
    ((*status).to_owned(), failure)
}

/// RFC 9457.
fn problem() -> Value {
    json!({
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": { "type": "string" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "detail": { "type": "string", "description": "错在哪里，怎么办" },
        },
    })
}
