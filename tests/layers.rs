//! Imports point one way, and each foreign crate has one door. A new edge is an edit to these tables, so it is seen.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Each module of the library with the modules that it may use.
const LAYERS: [(&str, &[&str]); 19] = [
    ("error", &[]),
    ("whole", &["error"]),
    ("table", &["error", "whole"]),
    ("code", &[]),
    ("pack", &["error", "code"]),
    ("text", &[]),
    ("encoder", &["error"]),
    ("index", &["error", "code", "pack", "text", "encoder"]),
    ("lexical", &["code", "text"]),
    ("rules", &["error", "code", "pack", "text"]),
    ("calibration", &["code", "rules"]),
    ("decision", &["code", "text", "index", "rules", "calibration"]),
    (
        "classifier",
        &["error", "code", "pack", "text", "encoder", "index", "lexical", "rules", "calibration", "decision"],
    ),
    ("record", &["error", "code", "pack", "text", "index", "rules", "calibration", "decision", "classifier"]),
    ("eval", &["error", "table", "code", "pack", "text", "lexical", "calibration", "decision", "classifier"]),
    ("batch", &["error", "whole", "table", "decision", "record", "classifier"]),
    ("load", &["error", "whole", "pack", "encoder", "index", "lexical", "calibration", "classifier", "eval"]),
    (
        "server",
        &[
            "error",
            "whole",
            "table",
            "code",
            "pack",
            "encoder",
            "index",
            "decision",
            "classifier",
            "record",
            "batch",
            "eval",
        ],
    ),
    (
        "cli",
        &[
            "error",
            "whole",
            "table",
            "code",
            "pack",
            "rules",
            "decision",
            "classifier",
            "record",
            "eval",
            "batch",
            "load",
            "server",
        ],
    ),
];

/// Each foreign crate with the modules that may name it; what is not listed (serde, regex, sha2, thiserror …) is free.
const DOORS: [(&str, &[&str]); 40] = [
    ("candle_core", &["encoder"]),
    ("candle_nn", &["encoder"]),
    ("candle_transformers", &["encoder"]),
    ("tokenizers", &["encoder"]),
    ("ndarray", &["index", "lexical", "calibration", "classifier"]),
    ("jieba_rs", &["text"]),
    ("fast2s", &["text"]),
    ("clap", &["cli"]),
    ("csv", &["table"]),
    ("calamine", &["table"]),
    ("rust_xlsxwriter", &["table"]),
    ("zip", &["table"]),
    ("parquet", &["table"]),
    ("arrow_array", &["table", "batch"]),
    ("arrow_cast", &["table", "batch"]),
    ("arrow_schema", &["table", "batch"]),
    ("encoding_rs", &["table", "cli"]),
    ("encoding_rs_io", &["table"]),
    ("maud", &["eval", "server"]),
    ("fastrand", &["eval"]),
    ("ctrlc", &["cli"]),
    ("indicatif", &["cli"]),
    ("tempfile", &["batch", "server", "cli"]),
    ("rpassword", &["cli"]),
    ("axum", &["server"]),
    ("hyper", &["server"]),
    ("hyper_util", &["server"]),
    ("tower_http", &["server"]),
    ("tokio", &["server"]),
    ("futures_util", &["server"]),
    ("serde_urlencoded", &["server"]),
    ("rusqlite", &["server"]),
    ("argon2", &["server"]),
    ("subtle", &["server"]),
    ("getrandom", &["server"]),
    ("base64", &["server"]),
    ("governor", &["server"]),
    ("prometheus_client", &["server"]),
    ("jiff", &["server"]),
    ("pinyin", &["server"]),
];

/// The source files of a module: `src/name.rs` and everything under `src/name/`.
fn files(module: &str) -> Vec<PathBuf> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = vec![src.join(format!("{module}.rs"))];
    let mut folders = vec![src.join(module)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.retain(|path| path.exists() && !path.ends_with("tests.rs"));
    found
}

/// The code of a module, without its tests and comments.
fn code(module: &str) -> String {
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
        text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
    };
    files(module).into_iter().map(read).collect()
}

#[test]
fn every_module_is_in_the_table() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let found: BTreeSet<String> = std::fs::read_dir(src)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|name| !matches!(name.as_str(), "lib" | "main"))
        .collect();
    let known: BTreeSet<String> = LAYERS.iter().map(|(module, _)| (*module).to_owned()).collect();
    assert_eq!(found, known);
}

#[test]
fn modules_use_only_what_lies_below_them() {
    for (module, below) in LAYERS {
        let code = code(module);
        assert!(!code.is_empty(), "{module} has no code");
        for (other, _) in LAYERS.iter().filter(|(other, _)| *other != module && !below.contains(other)) {
            for path in [format!("crate::{other}::"), format!("waibao::{other}::")] {
                assert!(!code.contains(&path), "{module} uses {path}, which is not below it");
            }
        }
    }
}

#[test]
fn every_foreign_crate_has_one_door() {
    for (module, _) in LAYERS {
        let code = code(module);
        for (foreign, doors) in DOORS.iter().filter(|(_, doors)| !doors.contains(&module)) {
            for form in [format!("{foreign}::"), format!("use {foreign};")] {
                assert!(!code.contains(&form), "{module} uses {foreign}, whose door is {doors:?}");
            }
        }
    }
}
