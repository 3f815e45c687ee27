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
    let dir = table(2_100);
    let dir = dir.path();
    assert_eq!(run(dir, &["batch", "台账.csv", "-o", "全.csv", "-q"]), (Some(0), String::new()));
    // At the beginning, somewhere, between two windows, and while the output is written.
    for rows in [0, std::process::id() as usize % 2_000, 1_024, 2_100] {
        let mut child = command(dir, &["batch", "台账.csv", "-o", "码.csv"]).spawn().unwrap();
        until_rows(dir, &mut child, rows);
        child.kill().unwrap();
        if !child.wait().unwrap().success() {
            assert!(!dir.join("码.csv").exists(), "partial output under its name after {rows} rows");
            let (code, message) = run(dir, &["batch", "台账.csv", "-o", "码.csv"]);
            assert!(code == Some(2) && message.contains("--resume"), "{message}");
            let (code, message) = run(dir, &["batch", "台账.csv", "-o", "码.csv", "--resume"]);
            assert_eq!(code, Some(0), "{message}");
        }
        let same = std::fs::read(dir.join("码.csv")).unwrap() == std::fs::read(dir.join("全.csv")).unwrap();
        assert!(same, "other bytes after {rows} rows");
        assert_eq!(names(dir), ["全.csv", "全_复核.xlsx", "台账.csv", "码.csv", "码_复核.xlsx"]);
        std::fs::remove_file(dir.join("码.csv")).unwrap();
        std::fs::remove_file(dir.join("码_复核.xlsx")).unwrap();
    }
}

/// Long texts are brought to the disk in smaller windows, which a resumed run finds again.
#[test]
fn a_killed_run_over_long_texts_goes_on_to_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let texts = ["客服热线座席外包，", "模拟芯片版图设计与验证，"].map(|text| text.repeat(300));
    let rows = (0..200).map(|at| format!("{at},{}\n", texts[at % 2]));
    std::fs::write(dir.join("台账.csv"), format!("编号,合同名称\n{}", rows.collect::<String>())).unwrap();
    run(dir, &["batch", "台账.csv", "-o", "全.csv", "-q"]);
    let mut child = command(dir, &["batch", "台账.csv", "-o", "码.csv"]).spawn().unwrap();
    until_rows(dir, &mut child, 30);
    child.kill().unwrap();
    if !child.wait().unwrap().success() {
        assert_eq!(run(dir, &["batch", "台账.csv", "-o", "码.csv", "--resume", "-q"]), (Some(0), String::new()));
    }
    assert_eq!(std::fs::read(dir.join("码.csv")).unwrap(), std::fs::read(dir.join("全.csv")).unwrap());
}

#[test]
fn json_lines_keep_the_bytes_of_what_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let line = "{\"金额\": 1.50, \"合同名称\": \"客服热线外包\", \"编号\": 123456789012345678901234567890}\n";
    std::fs::write(dir.join("a.jsonl"), line).unwrap();
    let coded = |input: &str, select: &[&str]| {
        let args = [&["batch", input, "-o", "b.jsonl", "-q", "--overwrite", "-t", "合同名称"][..], select].concat();
        assert_eq!(run(dir, &args), (Some(0), String::new()));
        std::fs::read_to_string(dir.join("b.jsonl")).unwrap()
    };
    assert!(coded("a.jsonl", &[]).starts_with(&line[..line.len() - 2]));
    let kept = coded("a.jsonl", &["--select", "编号", "--select", "金额"]);
    assert!(kept.starts_with("{\"编号\":123456789012345678901234567890,\"金额\":1.50,\"waibao\":{"), "{kept}");
    std::fs::write(dir.join("c.jsonl"), coded("a.jsonl", &[])).unwrap();
    assert_eq!(coded("c.jsonl", &[]).matches("\"waibao\":").count(), 1);
    assert_eq!(coded("c.jsonl", &[]).matches("\"waibao_2\":").count(), 1);
}

/// Ctrl-C ends a run with its rows kept; a second program cannot write the same output meanwhile.
#[cfg(unix)]
#[test]
fn an_interrupted_run_keeps_its_rows_and_its_output_to_itself() {
    let dir = table(2_100);
    let dir = dir.path();
    let mut child = command(dir, &["batch", "台账.csv", "-o", "码.csv"]).spawn().unwrap();
    until_rows(dir, &mut child, 0);
    let (code, message) = run(dir, &["batch", "台账.csv", "-o", "码.csv", "--resume"]);
    assert!(code == Some(2) && message.contains("另一个 waibao"), "{message}");
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let ended = child.wait_with_output().unwrap();
    let message = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.code() == Some(130) && message.contains("--resume"), "{message}");
    assert_eq!(names(dir), ["台账.csv", "码.csv.journal"]);
    let (code, message) = run(dir, &["batch", "台账.csv", "-o", "码.csv", "--resume"]);
    assert_eq!(code, Some(0), "{message}");
    assert_eq!(std::fs::read_to_string(dir.join("码.csv")).unwrap().lines().count(), 2_101);
}

/// A file that may not grow is a full disk: the error names it, and what was done is kept.
#[cfg(unix)]
#[test]
fn a_full_disk_is_said_and_nothing_stands_under_the_name() {
    let dir = table(400);
    let dir = dir.path();
    let limited =
        format!("trap '' XFSZ; ulimit -f 64; exec {} batch 台账.csv -o 码.jsonl -q", env!("CARGO_BIN_EXE_waibao"));
    let done = Command::new("sh").current_dir(dir).args(["-c", &limited]).output().unwrap();
    let message = String::from_utf8(done.stderr).unwrap();
    assert!(done.status.code() == Some(2) && message.contains("码.jsonl"), "{message}");
    assert!(!dir.join("码.jsonl").exists() && !dir.join("码.jsonl.part").exists());
    let (code, message) = run(dir, &["batch", "台账.csv", "-o", "码.jsonl", "--resume", "-q"]);
    assert_eq!((code, message.as_str()), (Some(0), ""));
}

#[test]
fn only_what_failed_is_done_again() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let write = |name: &str, rows: &str| std::fs::write(dir.join(name), format!("编号,合同名称\n{rows}")).unwrap();
    write("a.csv", "1,客服热线外包\n2,\n,\n4,=版图设计\n");
    write("b.csv", "1,客服热线外包\n2,语音标注服务\n,\n4,=版图设计\n");
    write("c.csv", "1,呼叫中心外包\n2,语音标注服务\n,\n4,=版图设计\n");
    write("d.csv", "1,客服热线外包\n2,语音标注服务\n");
    for form in ["csv", "jsonl", "xlsx", "parquet"] {
        let name = |stem: &str| format!("{stem}.{form}");
        assert_eq!(run(dir, &["batch", "a.csv", "-o", &name("旧"), "-q"]).0, Some(1));
        let again = ["batch", "b.csv", "-o", &name("新"), "--retry-failed", &name("旧"), "-q"];
        assert_eq!(run(dir, &again), (Some(0), String::new()), "{form}");
        assert_eq!(run(dir, &["batch", "b.csv", "-o", &name("全"), "-q"]).0, Some(0));
        if form != "xlsx" {
            assert_eq!(
                std::fs::read(dir.join(name("新"))).unwrap(),
                std::fs::read(dir.join(name("全"))).unwrap(),
                "{form}"
            );
        }
        for (input, says) in [("c.csv", "第 2 行"), ("d.csv", "多几行")] {
            let (code, message) = run(dir, &["batch", input, "-o", &name("错"), "--retry-failed", &name("旧")]);
            assert!(code == Some(2) && message.contains(says), "{form}: {message}");
            std::fs::remove_file(dir.join(name("错") + ".journal")).unwrap();
        }
    }
    let (code, message) = run(dir, &["batch", "b.csv", "-o", "x.csv", "--retry-failed", "a.csv"]);
    assert!(code == Some(2) && message.contains("不是 waibao batch 的输出"), "{message}");
}

/// The clerk works on in the table: nothing is written that belongs half to the one and half to the other.
#[test]
fn a_table_that_is_changed_meanwhile_is_not_written() {
    let dir = table(1_100);
    let dir = dir.path();
    let mut child = command(dir, &["batch", "台账.csv", "-o", "码.csv"]).spawn().unwrap();
    until_rows(dir, &mut child, 0);
    let changed = std::fs::read_to_string(dir.join("台账.csv")).unwrap().replacen("第5期", "第6期", 1);
    std::fs::write(dir.join("台账.csv"), changed).unwrap();
    let ended = child.wait_with_output().unwrap();
    let message = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.code() == Some(2) && message.contains("被改动"), "{message}");
    assert!(!dir.join("码.csv").exists());
}

#[test]
fn standard_input_and_output_carry_the_same_as_files() {
    let dir = table(5);
    let dir = dir.path();
    for form in ["csv", "jsonl"] {
        let file = format!("码.{form}");
        run(dir, &["batch", "台账.csv", "-o", &file, "-q"]);
        assert_eq!(std::fs::read(dir.join(&file)).unwrap().starts_with(b"\xef\xbb\xbf"), form == "csv");
        let input = if form == "csv" { "台账.csv".to_owned() } else { file.clone() };
        run(dir, &["batch", &input, "-o", &file, "-q", "--overwrite"]);
        let mut piped = command(dir, &["batch", "-", "-o", "-", "--format", form, "-q"]);
        let done = piped.stdin(std::fs::File::open(dir.join(&input)).unwrap()).output().unwrap();
        assert_eq!(String::from_utf8(done.stderr).unwrap(), "");
        if form == "csv" {
            assert_eq!(done.stdout, std::fs::read(dir.join(&file)).unwrap());
        } else {
            assert_eq!(String::from_utf8(done.stdout).unwrap().lines().count(), 5);
        }
    }
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
        (&["batch", "台账.csv", "-o", "c.csv", "--shard", "1/3"], "merge"),
        (&["batch", "台账.csv", "-o", "-", "--shard", "1/3"], "merge"),
        (&["batch", "x.csv", "-o", "c.csv"], "--text-column"),
        (&["batch", "缺.csv", "-o", "c.csv"], "缺.csv"),
    ] {
        let (code, message) = run(dir, args);
        assert!(code == Some(2) && message.contains(says), "{args:?}: {message}");
    }
    assert_eq!(names(dir), ["b.csv", "x.csv", "台账.csv"]);
    assert_eq!(std::fs::read_to_string(dir.join("b.csv")).unwrap(), "旧");
}
