//! Finding a class by what somebody types: a code, words, or 拼音首字母.

use super::initials;
use crate::pack::{Convention, FoundItem, Pack};

/// Items and conventions for what was typed: those meant by code or initials first, then those that hold the words.
pub(super) fn find<'a>(pack: &'a Pack, query: &str) -> (Vec<FoundItem<'a>>, Vec<&'a Convention>) {
    let words: Vec<String> = query.split_whitespace().map(str::to_owned).collect();
    if words.is_empty() {
        return (Vec::new(), Vec::new());
    }
    let named = pack.items().filter(|item| match words.as_slice() {
        [word] => {
            item.code.as_str().starts_with(&word.to_uppercase()) || initials(&item.name).contains(&word.to_lowercase())
        }
        _ => false,
    });
    let mut items: Vec<FoundItem<'_>> = named.map(|item| FoundItem { item, sentences: Vec::new() }).collect();
    let found = pack.search(&words);
    for other in found.items {
        match items.iter_mut().find(|known| known.item.code == other.item.code) {
            Some(known) => known.sentences = other.sentences,
            None => items.push(other),
        }
    }
    (items, found.conventions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(query: &str) -> Vec<String> {
        let pack = Pack::embedded().unwrap();
        let (items, conventions) = find(&pack, query);
        let codes = items.iter().map(|found| found.item.code.to_string());
        codes.chain(conventions.iter().map(|convention| convention.id.clone())).collect()
    }

    #[test]
    fn a_class_is_found_by_code_words_and_initials() {
        assert_eq!(codes("b21")[0], "B21");
        assert_eq!(codes("sjcl"), ["B21"]);
        assert_eq!(codes("SJCL"), ["B21"]);
        assert_eq!(codes("座席 外包"), ["B23"]);
        assert!(codes("数据标注").contains(&"B21".to_owned()));
        assert!(codes("人头").contains(&"C15".to_owned()));
        assert!(codes("saas").contains(&"I31".to_owned()));
    }

    #[test]
    fn nothing_is_found_where_nothing_is_asked_or_there() {
        assert!(codes("").is_empty() && codes("  ").is_empty() && codes("没有这样的词").is_empty());
    }
}
