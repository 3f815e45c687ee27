//! Every label that can be given, found while one types, and what the guideline says of it.

use maud::{Markup, html as markup};

use crate::code::Label;
use crate::pack::{Item, Pack};
use crate::server::pages::codes::initials;

/// Whether the guideline's text is there at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guide {
    Closed,
    Open,
}

/// The guideline's text of a label: definition, 典型业务, 不包括.
pub(super) fn guide(pack: &Pack, label: Label, shown: Guide) -> Markup {
    markup! {
        details.guide open[shown == Guide::Open] {
            summary { "指引" }
            @match label.class().and_then(|code| pack.item(code)) {
                Some(item) => {
                    p { (item.definition) }
                    @if !item.inclusions.is_empty() {
                        p { strong { "典型业务：" } }
                        ul { @for one in &item.inclusions { li { b { (one.name) } "：" (one.text) } } }
                    }
                    @if !item.exclusions.is_empty() {
                        p { strong { "不包括：" } }
                        ul { @for clause in &item.exclusions { li { (clause.text) } } }
                    }
                    p { a href=(format!("/codes#{}", item.code)) { "在代码手册中看" } }
                }
                None => p { "不是任何一个小类的服务外包，如货物买卖、工程施工、自用。" a href="/codes#OUT" { "在代码手册中看" } },
            }
        }
    }
}

/// The search for a label: the script hides what does not fit; without it the list is simply long.
pub(super) fn search(pack: &Pack) -> Markup {
    markup! {
        details.search {
            summary data-key="/" data-focus="search" { "查代码 " kbd { "/" } }
            label for="search" { "代码、文字、典型业务或拼音首字母，如 B21、云计算、sjcl" }
            input #search type="search" autocomplete="off";
            ul.found {
                @for item in pack.classes() {
                    li data-find=(findable(item)) {
                        button name="label" value=(item.code) { span.code { (item.code) } " " (item.name) }
                    }
                }
                li data-find="out 不属于服务外包 bsyfwwb" {
                    button name="label" value="OUT" { span.code { "OUT" } " 不属于服务外包" }
                }
            }
        }
    }
}

/// What a class is found by, in lower case.
fn findable(item: &Item) -> String {
    let names: Vec<&str> =
        std::iter::once(item.name.as_str()).chain(item.inclusions.iter().map(|one| one.name.as_str())).collect();
    let letters: Vec<String> = names.iter().map(|name| initials(name)).collect();
    format!("{} {} {}", item.code, names.join(" "), letters.join(" ")).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_found_by_code_words_businesses_and_initials() {
        let pack = Pack::embedded().unwrap();
        let item = pack.classes().find(|item| item.code.as_str() == "B21").unwrap();
        let found = findable(item);
        for wanted in ["b21", "数据处理", "sjcl", &item.inclusions[0].name.to_lowercase()] {
            assert!(found.contains(wanted), "{wanted} is not in {found}");
        }
    }
}
