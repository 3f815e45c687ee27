//! The embedded pack holds what the official text holds, and a faulty pack is refused with file and line.

use std::collections::BTreeMap;

use waibao::Error;
use waibao::code::Level;
use waibao::pack::{Pack, PackFiles};

#[test]
fn the_classification_is_complete() {
    let pack = Pack::embedded().unwrap();
    let mut levels = BTreeMap::new();
    for item in pack.items() {
        *levels.entry(item.code.level()).or_insert(0) += 1;
    }
    assert_eq!(levels, BTreeMap::from([(Level::Division, 3), (Level::Group, 9), (Level::Class, 45)]));
    assert_eq!(pack.items().map(|item| item.inclusions.len()).sum::<usize>(), 102);
    let exclusions: Vec<_> = pack.items().flat_map(|item| &item.exclusions).collect();
    assert_eq!(exclusions.iter().filter(|clause| clause.within.is_none()).count(), 42);
    assert_eq!(exclusions.iter().filter(|clause| clause.within.is_some()).count(), 20);
}

#[test]
fn an_inline_exclusion_stands_where_it_says() {
    let pack = Pack::embedded().unwrap();
    for item in pack.items() {
        for clause in &item.exclusions {
            let Some(within) = &clause.within else { continue };
            let inclusion = item.inclusions.iter().find(|inclusion| inclusion.id == *within);
            let text = inclusion.map_or(&item.definition, |inclusion| &inclusion.text);
            assert!(text.contains(&clause.text), "{} within {within}", clause.id);
        }
    }
}

#[test]
fn the_crosswalks_name_as_many_domains_as_the_directories() {
    let pack = Pack::embedded().unwrap();
    let count = |id: &str| pack.crosswalks.iter().find(|known| known.id == id).unwrap().domains.len();
    assert_eq!((count("national-2022"), count("national-2018"), count("shanghai-2016")), (20, 23, 5));
    let class = "I12".parse().unwrap();
    assert_eq!(pack.key_domain("national-2022", class).unwrap().name, "集成电路和电子电路设计服务");
    let none = "I11".parse().unwrap();
    assert!(pack.key_domain("national-2022", none).is_none());
}

/// The embedded pack with words of a file replaced, and what loading it says.
fn complaints(file: &str, words: &str, replacement: &str) -> Vec<String> {
    let files = PackFiles::embedded();
    let text = files.text(file);
    assert!(text.contains(words), "{file} has no {words}");
    let changed = text.replacen(words, replacement, 1);
    match Pack::from_files(&files.with(file, &changed)) {
        Err(Error::Pack { faults }) => faults.iter().map(ToString::to_string).collect(),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("{file} with {replacement} instead of {words} is accepted"),
    }
}

#[test]
fn every_kind_of_fault_is_named_with_file_and_line() {
    let cases = [
        ("pack.toml", "format_version = 1", "format_version = 9", "format_version"),
        ("pack.toml", "edition", "editoin", "editoin"),
        ("pack.toml", "levels", "levels = ", "格式错误"),
        ("classification.toml", "研发软件系统或软件产品", "研发软件系统和软件产品", "官方原文"),
        ("classification.toml", "id = \"I11-2\"", "id = \"I11-1\"", "两次"),
        ("rules.toml", "clause = \"I13-x2\"", "clause = \"I13-x9\"", "I13-x9"),
        ("rules.toml", "to = [\"I11\"]", "to = [\"I18\"]", "I18"),
        ("rules.toml", "effect = \"redirect\"", "effect = \"out\"", "to"),
        ("rules.toml", "effect = \"out\"", "effect = \"redirect\"", "to"),
        ("rules.toml", "trigger = [\n  \"", "trigger = [\n  \"(", "括号"),
        ("rules.toml", "note = ", "nota = ", "nota"),
        ("guidance.toml", "between = [\"", "between = [\"Z", "格式错误"),
        ("conventions.toml", "codes = [\"I23\"]", "codes = [\"I2\"]", "I2 不是小类"),
        ("conventions.toml", "id = \"C02\"", "id = \"C01\"", "两次"),
        ("conventions.toml", "condition = \"由人工判断\"\n", "", "怎么办"),
        ("exemplars.jsonl", "\"side\": \"catch\"", "\"side\": \"caught\"", "caught"),
        ("crosswalks/national-2022.toml", "\"I12\"", "\"I11\"", "I12"),
    ];
    for (file, words, replacement, expected) in cases {
        let said = complaints(file, words, replacement);
        let line = format!("{file}:");
        assert!(
            said.iter().any(|fault| fault.starts_with(&line) && fault.contains(expected)),
            "{file}: {words} → {replacement}: {said:#?}"
        );
    }
}

#[test]
fn the_line_of_a_fault_is_where_it_stands() {
    let files = PackFiles::embedded();
    let text = files.text("rules.toml");
    let line = text.lines().position(|line| line == "id = \"I13-x2\"").unwrap() + 1;
    let said = complaints("rules.toml", "clause = \"I13-x2\"", "clause = \"I13-x9\"");
    assert!(said.iter().any(|fault| fault.starts_with(&format!("rules.toml:{line}:"))), "{said:#?}");
}

#[test]
fn a_missing_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let error = Pack::open(dir.path()).unwrap_err().to_string();
    for file in ["pack.toml", "classification.toml", "rules.toml", "guidance.toml", "conventions.toml"] {
        assert!(error.contains(file), "{error}");
    }
}
