//! Bulk runs as a clerk starts them: whole tables, interruptions, wrong files.

use std::path::{Path, PathBuf};
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
    let journal = || dir.join("码.csv.journal");
    until_journal(&journal, child, rows);
}

fn until_journal(journal: &dyn Fn() -> PathBuf, child: &mut Child, rows: usize) {
    while child.try_wait().unwrap().is_none() {
        let written = std::fs::read(journal()).map_or(0, |bytes| bytes.iter().filter(|byte| **byte == b'\n').count());
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

/// What is to be done on a full disk is said, and can be done.
#[cfg(target_os = "linux")]
#[test]
fn after_a_full_disk_the_run_goes_on() {
    let dir = table(5);
    let dir = dir.path();
    std::os::unix::fs::symlink("/dev/full", dir.join("码.csv.part")).unwrap();
    let (code, message) = run(dir, &["batch", "台账.csv", "-o", "码.csv", "-q"]);
    assert!(code == Some(2) && message.contains("腾出空间") && message.contains("--resume"), "{message}");
    assert_eq!(run(dir, &["batch", "台账.csv", "-o", "码.csv", "-q", "--resume"]), (Some(0), String::new()));
}

/// Standard output that fails is said to have failed; standard error that fails stops nothing.
#[cfg(target_os = "linux")]
#[test]
fn streams_that_fail_are_not_taken_for_written() {
    let dir = table(5);
    let dir = dir.path();
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let done = command(dir, &["batch", "台账.csv", "-o", "-"]).stdout(full()).output().unwrap();
    let message = String::from_utf8(done.stderr).unwrap();
    assert!(done.status.code() == Some(2) && !message.contains("完成"), "{message}");
    for errors in [Stdio::from(full()), Stdio::from(std::io::pipe().unwrap().1)] {
        let args = ["batch", "台账.csv", "-o", "码.csv", "--overwrite"];
        assert_eq!(command(dir, &args).stderr(errors).status().unwrap().code(), Some(0));
    }
    let (code, message) = run(dir, &["batch", "台账.csv", "-o", "-", "--resume"]);
    assert!(code == Some(2) && message.contains("标准输出"), "{message}");
}

/// What was to be printed cannot be gone on with, and nobody is told to.
#[cfg(unix)]
#[test]
fn an_interrupted_run_to_standard_output_prints_nothing() {
    let (dir, temporary) = (table(2_100), tempfile::tempdir().unwrap());
    let mut run = command(dir.path(), &["batch", "台账.csv", "-o", "-"]);
    let mut child = run.env("TMPDIR", temporary.path()).spawn().unwrap();
    let journal = || {
        let folders = std::fs::read_dir(temporary.path()).unwrap().map(|entry| entry.unwrap().path());
        let journals = folders.map(|folder| folder.join("输出.csv.journal")).find(|journal| journal.exists());
        journals.unwrap_or_default()
    };
    until_journal(&journal, &mut child, 1);
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let ended = child.wait_with_output().unwrap();
    let message = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.code() == Some(130) && ended.stdout.is_empty(), "{message}");
    assert!(message.contains("没有输出") && !message.contains("--resume"), "{message}");
}

/// A reviewer has filled in the workbook beside the output: it is as much worth as the output.
#[cfg(target_os = "linux")]
#[test]
fn the_workbook_beside_is_replaced_only_where_that_is_said() {
    let dir = table(3);
    let dir = dir.path();
    let write = |name: &str| std::fs::write(dir.join(name), "编号,合同名称\n1,客服热线外包\n").unwrap();
    write("码_复核.xlsx");
    for (args, says) in [
        (&["batch", "台账.csv", "-o", "码.csv"][..], "码_复核.xlsx 已经存在"),
        (&["batch", "台账.csv", "-o", "码.jsonl"], "码_复核.xlsx 已经存在"),
        (&["batch", "码_复核.xlsx", "--format", "csv", "-o", "码.csv", "--overwrite"], "是输入文件"),
    ] {
        let (code, message) = run(dir, args);
        assert!(code == Some(2) && message.contains(says), "{args:?}: {message}");
    }
    assert_eq!(names(dir), ["台账.csv", "码_复核.xlsx"]);
    // A workbook holds its own.
    assert_eq!(run(dir, &["batch", "台账.csv", "-o", "码.xlsx", "-q"]), (Some(0), String::new()));
    // An interrupted run that has not all rows has not written it.
    std::os::unix::fs::symlink("/dev/full", dir.join("新.csv.part")).unwrap();
    assert_eq!(run(dir, &["batch", "台账.csv", "-o", "新.csv", "-q"]).0, Some(2));
    let journal = std::fs::read_to_string(dir.join("新.csv.journal")).unwrap();
    let heading = journal.split_inclusive('\n').next().unwrap();
    std::fs::write(dir.join("新.csv.journal"), heading).unwrap();
    write("新_复核.xlsx");
    let (code, message) = run(dir, &["batch", "台账.csv", "-o", "新.csv", "--resume"]);
    assert!(code == Some(2) && message.contains("新_复核.xlsx 已经存在"), "{message}");
    // One that has all may have.
    std::fs::write(dir.join("新.csv.journal"), journal).unwrap();
    assert_eq!(run(dir, &["batch", "台账.csv", "-o", "新.csv", "--resume", "-q"]).0, Some(0));
    assert_eq!(run(dir, &["batch", "台账.csv", "-o", "新.csv", "--overwrite", "-q"]).0, Some(0));
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
        // The workbook beside has the same name for each form.
        assert_eq!(run(dir, &["batch", "a.csv", "-o", &name("旧"), "-q", "--overwrite"]).0, Some(1));
        let again = ["batch", "b.csv", "-o", &name("新"), "--retry-failed", &name("旧"), "-q", "--overwrite"];
        assert_eq!(run(dir, &again), (Some(0), String::new()), "{form}");
        assert_eq!(run(dir, &["batch", "b.csv", "-o", &name("全"), "-q", "--overwrite"]).0, Some(0));
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
        run(dir, &["batch", "台账.csv", "-o", &file, "-q", "--overwrite"]);
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
fn what_standard_input_carries_is_known_by_its_content() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let piped = |content: &str| {
        std::fs::write(dir.join("入"), content).unwrap();
        let mut command = command(dir, &["batch", "-", "-o", "-", "--no-bom", "-q"]);
        let done = command.stdin(std::fs::File::open(dir.join("入")).unwrap()).output().unwrap();
        (String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap())
    };
    let (out, said) = piped("\u{feff}{\"合同名称\": \"客服热线外包\"}\n{\"合同名称\": \"语音标注服务\"}\n");
    assert!(out.starts_with("合同名称,代码,") && out.lines().count() == 3, "{out}{said}");
    let (_, said) = piped("编号,合同名称\n1,\"客服\n");
    assert!(said.contains("标准输入：第 2 行"), "{said}");
}

#[test]
fn a_table_without_headings_keeps_its_first_row() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    std::fs::write(dir.join("a.csv"), "客服热线外包,1200\n语音标注服务,300\n").unwrap();
    let (code, message) = run(dir, &["batch", "a.csv", "-o", "b.csv"]);
    assert!(code == Some(2) && message.contains("看不出哪一行是表头") && message.contains("写 0"), "{message}");
    assert_eq!(run(dir, &["batch", "a.csv", "-o", "b.csv", "--header-row", "0", "-q"]), (Some(0), String::new()));
    let text = std::fs::read_to_string(dir.join("b.csv")).unwrap();
    assert!(text.contains("列A,列B,代码") && text.lines().count() == 3, "{text}");
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
        [(&["份1", "份3"][..], "缺少第 2 份"), (&["份1", "份1", "份2"], "给了两次"), (&["台账.csv"], "--shard")]
    {
        let (code, message) = merge(parts);
        assert!(code == Some(2) && message.contains(says), "{message}");
    }
    let table = std::fs::read(dir.join("台账.csv")).unwrap();
    std::fs::write(dir.join("台账.csv"), [&table[..], "又,一行\n".as_bytes()].concat()).unwrap();
    let (code, message) = merge(&["份1", "份2", "份3"]);
    assert!(code == Some(2) && message.contains("重做这一份") && !message.contains("--resume"), "{message}");
    std::fs::write(dir.join("台账.csv"), table).unwrap();
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
