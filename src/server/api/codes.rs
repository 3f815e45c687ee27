//! `/v1/codes`: the code book.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use super::ask::At;
use super::operation::Operation;
use crate::code::{Code, Label};
use crate::pack::{Clause, Convention, Item, Pack};
use crate::server::app::App;
use crate::server::auth::Right;
use crate::server::problem::Problem;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/v1/codes", "整本代码手册：定义、典型业务、不包括、规则、编码惯例", all)
            .needs(Right::Look)
            .gives::<Book>(),
        Operation::get("/v1/codes/{code}", "手册里的一个代码（大类、中类或小类）", one)
            .needs(Right::Look)
            .gives::<Entry>(),
    ]
}

/// The whole book, in the order of the codes.
#[derive(Debug, Serialize, JsonSchema)]
struct Book {
    /// Id of the pack.
    pack: String,
    title: String,
    authority: String,
    edition: String,
    codes: Vec<Entry>,
}

/// Everything that the pack says of a code.
#[derive(Debug, Serialize, JsonSchema)]
struct Entry {
    code: String,
    name: String,
    /// The code one level up; none for a division.
    parent: Option<String>,
    /// The official definition, verbatim.
    definition: String,
    /// 典型业务.
    inclusions: Vec<Inclusion>,
    /// 不包括, with the rules that enforce them.
    exclusions: Vec<Exclusion>,
    /// How cases are coded for which the official text leaves room.
    conventions: Vec<Custom>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Inclusion {
    id: String,
    name: String,
    text: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Exclusion {
    id: String,
    /// The official sentence, verbatim.
    text: String,
    rules: Vec<RuleEntry>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct RuleEntry {
    id: String,
    /// Codes, `OUT`, 备注 or 复核.
    target: String,
    note: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Custom {
    id: String,
    case: String,
    codes: Vec<String>,
    /// What a careful reviewer could defend besides.
    second: Vec<String>,
    condition: Option<String>,
    basis: String,
}

async fn all(State(app): State<App>) -> Json<Book> {
    let classifier = app.engine().classifier();
    let pack = classifier.pack();
    Json(Book {
        pack: pack.id.clone(),
        title: pack.title.clone(),
        authority: pack.authority.clone(),
        edition: pack.edition.clone(),
        codes: pack.items().map(|item| entry(pack, item)).collect(),
    })
}

async fn one(State(app): State<App>, At(code): At<String>) -> Result<Json<Entry>, Problem> {
    let classifier = app.engine().classifier();
    let pack = classifier.pack();
    let item = code.parse::<Code>().ok().and_then(|code| pack.item(code));
    let missing = || Problem::Missing(format!("分类包 {} 里没有这个代码。/v1/codes 列出全部", pack.id));
    item.map(|item| Json(entry(pack, item))).ok_or_else(missing)
}

fn entry(pack: &Pack, item: &Item) -> Entry {
    let inclusions = item.inclusions.iter().map(|inclusion| Inclusion {
        id: inclusion.id.clone(),
        name: inclusion.name.clone(),
        text: inclusion.text.clone(),
    });
    Entry {
        code: item.code.to_string(),
        name: item.name.clone(),
        parent: item.code.parent().map(|code| code.to_string()),
        definition: item.definition.clone(),
        inclusions: inclusions.collect(),
        exclusions: item.exclusions.iter().map(|clause| exclusion(pack, clause)).collect(),
        conventions: pack.conventions_of(item.code).map(custom).collect(),
    }
}

fn exclusion(pack: &Pack, clause: &Clause) -> Exclusion {
    let rules = pack.rules.iter().filter(|rule| rule.clause == clause.id);
    let rules =
        rules.map(|rule| RuleEntry { id: rule.id.clone(), target: rule.effect.target(), note: rule.note.clone() });
    Exclusion { id: clause.id.clone(), text: clause.text.clone(), rules: rules.collect() }
}

fn custom(convention: &Convention) -> Custom {
    let codes = |labels: &[Label]| labels.iter().map(Label::to_string).collect();
    Custom {
        id: convention.id.clone(),
        case: convention.case.clone(),
        codes: codes(&convention.codes),
        second: codes(&convention.second),
        condition: convention.condition.clone(),
        basis: convention.basis.clone(),
    }
}
