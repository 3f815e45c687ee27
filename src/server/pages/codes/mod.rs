//! 代码手册: the whole code book on one page, searchable, each class and each clause a place to link to.

mod book;
mod find;
mod initials;

use axum::Router;
use axum::extract::{Query, State};
use axum::routing::get;
use maud::{Markup, html as markup};
use serde::Deserialize;

pub(crate) use initials::initials;

use super::{Shown, asset, page};
use crate::pack::Pack;
use crate::server::app::App;
use crate::server::auth::{Caller, Right};

pub(crate) fn router() -> Router<App> {
    let script = || asset("text/javascript; charset=utf-8", include_str!("../../assets/codes.js"));
    Router::new().route("/codes", get(show)).route("/assets/codes.js", get(script))
}

#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    q: String,
}

async fn show(State(app): State<App>, caller: Caller, Query(wanted): Query<Wanted>) -> Shown {
    caller.needs(Right::Look)?;
    let classifier = app.engine().classifier();
    let pack = classifier.pack();
    let content = markup! {
        p.quiet { (pack.title) " · " (pack.authority) }
        form.find role="search" action="/codes" {
            label for="q" { "查找：代码、文字或拼音首字母，如 B21、云计算、sjcl" }
            div.asked {
                input #q name="q" type="search" value=(wanted.q) autocomplete="off" maxlength="100";
                button { "查找" }
            }
            p.quiet #count role="status" {}
        }
        @if !wanted.q.trim().is_empty() { (hits(pack, &wanted.q)) }
        div.book {
            (book::contents(pack))
            div.entries { (book::whole(pack)) }
        }
        script src=(concat!("/assets/codes.js?", env!("CARGO_PKG_VERSION"))) defer {}
    };
    Ok(page(&caller, "/codes", "代码手册", content))
}

fn hits(pack: &Pack, query: &str) -> Markup {
    let (items, conventions) = find::find(pack, query);
    markup! {
        section #hits.hits aria-label="查找结果" {
            @if items.is_empty() && conventions.is_empty() {
                p { "没有找到“" (query.trim()) "”。可换个说法，或只输入代码、拼音首字母" }
            }
            ul {
                @for found in &items {
                    li {
                        a href=(format!("#{}", found.item.code)) { (found.item.code) " " (found.item.name) }
                        @for (id, sentence) in &found.sentences {
                            p.quiet { a href=(format!("#{id}")) { (id) } " " (sentence) }
                        }
                    }
                }
                @for convention in conventions {
                    li { a href=(format!("#{}", convention.id)) { (convention.id) " 编码惯例" } " " (convention.case) }
                }
            }
        }
    }
}
