//! The commands in both READMEs run, and are the same in both.

use std::path::Path;
use std::process::{Command, Stdio};

/// The commands of a README: the lines of its `sh` blocks.
fn commands(name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap();
    let blocks = text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.flat_map(str::lines).map(str::to_owned).filter(|line| !line.is_empty()).collect()
}

#[test]
fn both_readmes_give_the_same_commands() {
    assert_eq!(commands("README.md"), commands("README.zh-CN.md"));
}

#[test]
fn the_example_is_what_the_first_command_prints() {
    let first = commands("README.md").remove(0);
    let text = first.split('"').nth(1).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_waibao")).args(["classify", text]).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    for name in ["README.md", "README.zh-CN.md"] {
        let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap();
        assert!(readme.contains(&format!("```text\n{printed}```")), "{name} shows another output than\n{printed}");
    }
}

#[test]
fn the_commands_run() {
    let mut count = 0;
    for line in commands("README.md") {
        // Building and testing is what is going on; everything else is the program itself.
        let Some(arguments) = line.strip_prefix("cargo run --release -- ").or_else(|| line.strip_prefix("waibao "))
        else {
            assert!(line.starts_with("cargo "), "{line}");
            continue;
        };
        let cache = tempfile::tempdir().unwrap();
        let output = Command::new("sh")
            .args(["-c", &format!("\"$WAIBAO\" {arguments}")])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("WAIBAO", env!("CARGO_BIN_EXE_waibao"))
            .env("WAIBAO_CACHE", cache.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(!output.stdout.is_empty(), "{line} prints nothing");
        count += 1;
    }
    assert!(count >= 5);
}
