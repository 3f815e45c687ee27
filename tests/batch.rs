//! Bulk runs as a clerk starts them: whole tables, interruptions, wrong files.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

fn command(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waibao"));
    command.current_dir(dir).args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(dir: &Path, args: &[&str]) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = command(dir, args).output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

/// A table of so many rows whose texts all differ.
fn table(rows: usize) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let work = ["客服热线座席", "版图设计", "记账报税", "门户网站运维", "临床数据管理", "语音标注", "保安服务"];
    let lines = (0..rows).map(|at| format!("HT-{at:05},{}第{at}期项目\n", work[at % work.len()]));
    std::fs::write(dir.path().join("台账.csv"), format!("编号,合同名称\n{}", lines.collect::<String>())).unwrap();
    dir
}

fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Waits until the journal holds rows, or the run is over.
fn until_rows(dir: &Path, child: &mut Child, rows: usize) {
    let journal = dir.join("码.csv.journal");
    while child.try_wait().unwrap().is_none() {
        let written = std::fs::read(&journal).map_or(0, |bytes| bytes.iter().filter(|byte| **byte == b'\n').count());
        if written > rows {
            return;
        }
        std::thread::yield_now();
    }
}

#[test]
fn a_killed_run_goes_on_to_the_same_bytes() {
    let dir = table(3_000);
    let dir = dir.path();
    assert_eq!(run(dir, &["batch", "台账.csv", "-o", "全.csv", "-q"]), (Some(0), String::new()));
    for rows in [0, 1_500] {
        let mut child = command(dir, &["batch", "台账.csv", "-o", "码.csv"]).spawn().unwrap();
        until_rows(dir, &mut child, rows);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!dir.join("码.csv").exists(), "partial output under its name");
        let (code, message) = run(dir, &["batch", "台账.csv", "-o", "码.csv"]);
        assert!(code == Some(2) && message.contains("--resume"), "{message}");
        let (code, message) = run(dir, &["batch", "台账.csv", "-o", "码.csv", "--resume"]);
        assert_eq!(code, Some(0), "{message}");
        assert_eq!(std::fs::read(dir.join("码.csv")).unwrap(), std::fs::read(dir.join("全.csv")).unwrap());
        std::fs::remove_file(dir.join("码.csv")).unwrap();
        std::fs::remove_file(dir.join("码_复核.xlsx")).unwrap();
    }
    assert_eq!(names(dir), ["全.csv", "全_复核.xlsx", "台账.csv"]);
}

#[test]
fn parts_put_together_are_the_whole() {
    let dir = table(200);
    let dir = dir.path();
    run(dir, &["batch", "台账.csv", "-o", "全.csv", "-q"]);
    for part in ["1/3", "2/3", "3/3"] {
        let name = format!("份{}", &part[..1]);
        assert_eq!(run(dir, &["batch", "台账.csv", "--shard", part, "-o", &name, "-q"]).0, Some(0));
    }
    let merge = |parts: &[&str]| {
        let args: Vec<&str> = ["merge", "台账.csv"].into_iter().chain(parts.iter().copied()).collect();
        run(dir, &[&args[..], &["-o", "合.csv", "-q", "--overwrite"]].concat())
    };
    assert_eq!(merge(&["份3", "份1", "份2"]), (Some(0), String::new()));
    assert_eq!(std::fs::read(dir.join("合.csv")).unwrap(), std::fs::read(dir.join("全.csv")).unwrap());
    for (parts, says) in
        [(&["份1", "份2"][..], "3 份"), (&["份1", "份1", "份2"], "给了两次"), (&["台账.csv"], "--shard")]
    {
        let (code, message) = merge(parts);
        assert!(code == Some(2) && message.contains(says), "{message}");
    }
    // A part cut short is not taken for whole.
    let part = std::fs::read(dir.join("份2")).unwrap();
    std::fs::write(dir.join("份2"), &part[..part.len() - 10]).unwrap();
    let (code, message) = merge(&["份1", "份2", "份3"]);
    assert!(code == Some(2) && message.contains("第 2 份"), "{message}");
}

#[test]
fn rows_without_text_are_kept_and_the_exit_code_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    std::fs::write(dir.join("a.csv"), "编号,合同名称\n1,客服热线外包\n2,\n,\n4,客服热线外包\n").unwrap();
    let (code, message) = run(dir, &["batch", "a.csv", "-o", "b.csv"]);
    assert!(code == Some(1) && message.contains("出错 1") && message.contains("空行 1"), "{message}");
    let text = std::fs::read_to_string(dir.join("b.csv")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 5);
    assert!(lines[1].starts_with("1,客服热线外包,B23,") && lines[2].contains("没有文字"), "{text}");
    assert!(lines[3].chars().all(|character| character == ','), "{text}");
    assert_eq!(lines[1][1..], lines[4][1..]);
}

#[test]
fn what_cannot_be_done_is_said_before_work_begins() {
    let dir = table(3);
    let dir = dir.path();
    std::fs::write(dir.join("b.csv"), "旧").unwrap();
    std::fs::write(dir.join("x.csv"), "甲,乙\n某某信息技术公司,影像设备维修合同\n").unwrap();
    for (args, says) in [
        (&["batch", "台账.csv", "-o", "b.csv"][..], "--overwrite"),
        (&["batch", "台账.csv", "-o", "台账.csv"], "换一个文件名"),
        (&["batch", "台账.csv", "-o", "c.doc"], ".xlsx"),
        (&["batch", "台账.csv", "-o", "c.csv", "--resume"], "--resume"),
        (&["batch", "台账.csv", "-o", "没有/c.csv"], "没有"),
        (&["batch", "台账.csv", "-o", "c.csv", "-t", "内容"], "现有的列：编号、合同名称"),
        (&["batch", "台账.csv", "-o", "c.csv", "--shard", "4/3"], "--shard"),
        (&["batch", "x.csv", "-o", "c.csv"], "--text-column"),
        (&["batch", "缺.csv", "-o", "c.csv"], "缺.csv"),
    ] {
        let (code, message) = run(dir, args);
        assert!(code == Some(2) && message.contains(says), "{args:?}: {message}");
    }
    assert_eq!(names(dir), ["b.csv", "x.csv", "台账.csv"]);
    assert_eq!(std::fs::read_to_string(dir.join("b.csv")).unwrap(), "旧");
}
