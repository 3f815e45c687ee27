//! The program as a user meets it: what it prints, where, and with which exit code.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What a run printed and how it ended.
struct Run {
    code: i32,
    out: String,
    err: String,
}

fn waibao(args: &[&str]) -> Run {
    run(args, None)
}

fn run(args: &[&str], input: Option<&[u8]>) -> Run {
    let cache = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_waibao"))
        .args(args)
        .env("WAIBAO_CACHE", cache.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that reads no input may have ended before it is written.
    let _ = child.stdin.take().unwrap().write_all(input.unwrap_or_default());
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let run = Run { code: status.code().unwrap(), out: text(stdout), err: text(stderr) };
    assert!(!run.err.contains("panicked"), "{args:?}: {}", run.err);
    run
}

fn file(dir: &tempfile::TempDir, name: &str, content: &[u8]) -> PathBuf {
    let path = dir.path().join(name);
    std::fs::write(&path, content).unwrap();
    path
}

/// Nothing on stdout, a Chinese sentence on stderr that holds the words, exit code 2.
fn assert_refused(args: &[&str], input: Option<&[u8]>, words: &[&str]) {
    let run = run(args, input);
    assert_eq!((run.code, run.out.as_str()), (2, ""), "{args:?}: {}", run.err);
    assert!(run.err.starts_with("错误："), "{args:?}: {}", run.err);
    for word in words {
        assert!(run.err.contains(word), "{args:?}: {word}: {}", run.err);
    }
}

const CALL_CENTRE: &str = "为某股份制银行信用卡中心提供24小时客服热线座席及人员培训，按通话量结算";

#[test]
fn a_description_gets_a_code_a_path_a_confidence_and_a_reason() {
    let run = waibao(&["classify", CALL_CENTRE]);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    for words in ["B23 呼叫中心服务", "业务流程外包（BPO）", "置信度", "候选", "典型业务"] {
        assert!(run.out.contains(words), "{words}: {}", run.out);
    }
}

#[test]
fn the_same_text_from_the_command_line_a_file_or_standard_input_gets_the_same_answer() {
    let dir = tempfile::tempdir().unwrap();
    let utf8 = file(&dir, "utf8.txt", format!("\u{feff}{CALL_CENTRE}\n").as_bytes());
    let gbk = file(&dir, "gbk.txt", &encoding_rs::GB18030.encode(CALL_CENTRE).0);
    let expected = waibao(&["classify", CALL_CENTRE]).out;
    assert_eq!(waibao(&["classify", "-f", utf8.to_str().unwrap()]).out, expected);
    assert_eq!(waibao(&["classify", "-f", gbk.to_str().unwrap()]).out, expected);
    assert_eq!(run(&["classify"], Some(CALL_CENTRE.as_bytes())).out, expected);
}

#[test]
fn json_is_one_record_a_line_and_the_same_bytes_each_time() {
    let args = ["classify", "--json", "--top", "5", CALL_CENTRE, "劳务派遣人员服务采购"];
    let run = waibao(&args);
    assert_eq!(run.out, waibao(&args).out);
    let lines: Vec<serde_json::Value> = run.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["code"], "B23");
    assert_eq!(lines[0]["candidates"].as_array().unwrap().len(), 5);
    for key in ["outcome", "path", "confidence", "margin", "rulings", "evidence", "parts", "key_domain", "versions"] {
        assert!(!lines[0][key].is_null(), "{key}");
    }
    let quoted = &lines[0]["evidence"][0]["passage"];
    let range = quoted["start"].as_u64().unwrap() as usize..quoted["end"].as_u64().unwrap() as usize;
    assert_eq!(CALL_CENTRE[range], *quoted["words"].as_str().unwrap());
}

#[test]
fn what_cannot_be_coded_goes_to_a_person_with_the_reason() {
    let long = "客服热线外包，".repeat(100_000);
    let cases = [
        ("服务", "文字太少"),
        ("!!!@@@###$$$", "看不出有意义的文字"),
        ("哈哈哈哈哈哈哈哈哈哈哈哈", "看不出有意义的文字"),
        ("コールセンター業務の委託について", "不是中文或英文"),
        ("Разработка программного обеспечения для банка", "不是中文或英文"),
    ];
    for (text, reason) in cases {
        let run = waibao(&["classify", text]);
        assert_eq!(run.code, 0, "{text}: {}", run.err);
        assert!(run.out.contains("需人工判断") && run.out.contains(reason), "{text}: {}", run.out);
    }
    // Two megabytes: read in part, and said so.
    let run = run(&["classify"], Some(long.as_bytes()));
    assert!(run.code == 0 && run.out.contains("只读了前面一部分"), "{} {}", run.out, run.err);
}

#[test]
fn bad_input_is_refused_with_a_clear_message() {
    let dir = tempfile::tempdir().unwrap();
    let binary = file(&dir, "合同.doc", &[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0xff, 0x80, 0xff]);
    let missing = dir.path().join("没有.doc");
    let (binary, missing) = (binary.to_str().unwrap(), missing.to_str().unwrap());
    assert_refused(&["classify", ""], None, &["没有文字"]);
    assert_refused(&["classify"], Some(b"  \n"), &["标准输入", "没有文字"]);
    assert_refused(&["classify", "-f", missing], None, &["没有.doc", "读取失败"]);
    assert_refused(&["classify", "-f", binary], None, &["合同.doc", "GB18030"]);
    assert_refused(&["classify", "--model", missing, "软件开发"], None, &["没有.doc", "config.json"]);
    let empty = dir.path().to_str().unwrap();
    assert_refused(&["classify", "--model", empty, "软件开发"], None, &["缺少 config.json"]);
    assert_refused(&["classify", "--pack", empty, "软件开发"], None, &["pack.toml:1", "classification.toml:1"]);
    assert_refused(&["codes", "Z99"], None, &["Z99"]);
    assert_refused(&["evaluate", missing], None, &["没有.doc", ".csv"]);
}

#[test]
fn a_wrong_command_line_is_answered_in_chinese() {
    assert_refused(&["clasify"], None, &["没有“clasify”这个命令", "classify"]);
    assert_refused(&["classify", "--jsn", "x"], None, &["没有“--jsn”这个选项", "--json"]);
    assert_refused(&["classify", "--top", "0", "x"], None, &["--top", "“0”", "1 到 46"]);
    assert_refused(&["batch", "a.csv", "-o", "b.csv", "--jobs", "x"], None, &["--jobs", "“x”", "1 到 1024"]);
    assert_refused(&["batch", "a.csv", "b.csv", "-o", "c.csv"], None, &["“b.csv”是多余的"]);
    assert_refused(&["batch", "a.csv", "-o", "c.csv", "--format", "doc"], None, &["“doc”", "jsonl、xlsx"]);
    #[cfg(feature = "server")]
    assert_refused(&["user", "add", "甲", "--role", "老板"], None, &["“老板”", "复核员"]);
    assert_refused(&["classify", "--model"], None, &["--model", "缺少内容"]);
    assert_refused(&["evaluate", "--chek"], None, &["没有“--chek”这个选项", "--check"]);
    assert_refused(&[], None, &["请给出命令"]);
}

#[cfg(unix)]
#[test]
fn an_argument_in_another_encoding_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let words = encoding_rs::GB18030.encode(CALL_CENTRE).0;
    let argument = std::ffi::OsStr::from_bytes(&words);
    let output = Command::new(env!("CARGO_BIN_EXE_waibao")).arg("classify").arg(argument).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("UTF-8"));
}

#[test]
fn help_and_version_are_printed_in_chinese() {
    for args in [&["--help"][..], &["classify", "--help"], &["codes", "-h"], &["pack", "check", "--help"]] {
        let run = waibao(args);
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{args:?}");
        assert!(
            run.out.contains("用法：") && !run.out.contains("Options") && !run.out.contains("Usage"),
            "{}",
            run.out
        );
    }
    assert_eq!(waibao(&["--version"]).out, format!("waibao {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_code_book_is_browsed_and_searched() {
    let all = waibao(&["codes"]).out;
    assert_eq!(all.lines().count(), 1 + 3 + 9 + 45);
    let entry = waibao(&["codes", "b22"]).out;
    for words in [
        "B22 互联网营销推广服务",
        "B22-2",
        "B22-x1",
        "规则",
        "由别处转入",
        "I23-x3",
        "编码惯例",
        "C04",
        "2022年版",
        "2018年版",
    ] {
        assert!(entry.contains(words), "{words}: {entry}");
    }
    assert!(waibao(&["codes", "数据标注"]).out.contains("B21-6"));
    assert!(waibao(&["codes", "人头"]).out.contains("C15"));
    assert_refused(&["codes", "没有这样的词"], None, &["没有找到", "没有这样的词"]);
}

#[test]
fn codes_and_ids_are_known_however_they_are_typed() {
    let codes = |words: &[&str]| {
        let run = waibao(&[&["codes"], words].concat());
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{words:?}");
        run.out
    };
    assert_eq!(codes(&["Ｂ２２"]), codes(&["B22"]));
    assert_eq!(codes(&["b22", "B23"]), format!("{}\n{}", codes(&["B22"]), codes(&["B23"])));
    let known = codes(&["ｂ22－2"]);
    assert!(known.starts_with("B22 互联网营销推广服务\n") && known.contains("典型业务\n  B22-2"), "{known}");
    assert!(!known.contains("B22-1"), "{known}");
    assert!(codes(&["b22-X1"]).contains("不包括\n  B22-x1"));
    let out = codes(&["out"]);
    assert!(out.starts_with("OUT 不属于服务外包\n") && out.contains("由别处转入") && out.contains("编码惯例"), "{out}");
    assert_eq!(codes(&["ＢＰＯ"]), codes(&["bpo"]));
    assert_refused(&["codes", "B22", "Z99"], None, &["Z99"]);
    assert_refused(&["codes", "B22-99"], None, &["没有找到“B22-99”"]);
}

/// Whoever reads what the program prints may go at any time.
#[test]
fn nobody_listening_is_no_fault() {
    let closed = || std::io::pipe().unwrap().1;
    let program = || Command::new(env!("CARGO_BIN_EXE_waibao"));
    for args in [&["--help"][..], &["--version"], &["codes"], &["classify", CALL_CENTRE]] {
        let output = program().args(args).stdout(closed()).output().unwrap();
        assert_eq!((output.status.code(), &output.stderr[..]), (Some(0), &b""[..]), "{args:?}");
    }
    assert_eq!(program().arg("clasify").stderr(closed()).output().unwrap().status.code(), Some(2));
}

#[cfg(feature = "server")]
#[test]
fn looking_for_an_audit_log_makes_none() {
    let dir = tempfile::tempdir().unwrap();
    let (empty, missing) = (file(&dir, "空.db", b""), dir.path().join("没有.db"));
    for (path, says) in [(&empty, "不是 waibao"), (&missing, "没有数据文件")] {
        assert_refused(&["audit", "verify", "--data", path.to_str().unwrap()], None, &[says]);
    }
    assert!(std::fs::read(&empty).unwrap().is_empty());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn the_embedded_pack_and_its_directory_are_sound() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("packs/mofcom-2022");
    let run = waibao(&["pack", "check", dir.to_str().unwrap()]);
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(run.out, waibao(&["pack", "check"]).out);
}

#[test]
fn a_pack_directory_overrides_the_embedded_one_and_its_faults_name_file_and_line() {
    let dir = tempfile::tempdir().unwrap();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("packs/mofcom-2022"), dir.path());
    let path = dir.path().join("classification.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("[[general]]", "[[general]]\nnumber = 1", 1)).unwrap();
    let dir = dir.path().to_str().unwrap();
    for args in [&["pack", "check", dir][..], &["codes", "--pack", dir], &["classify", "--pack", dir, "软件开发"]] {
        assert_refused(args, None, &["classification.toml:", "number"]);
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &target) } else { _ = std::fs::copy(&path, &target).unwrap() }
    }
}

#[test]
fn another_model_is_calibrated_once_and_cached_and_a_broken_cache_is_rebuilt() {
    let cache = tempfile::tempdir().unwrap();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/tiny-mean");
    let classify = || {
        let output = Command::new(env!("CARGO_BIN_EXE_waibao"))
            .args(["classify", "--json", "--model", model.to_str().unwrap(), CALL_CENTRE])
            .env("WAIBAO_CACHE", cache.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (first, said) = classify();
    assert!(said.contains("原型向量") && said.contains("校准"), "{said}");
    let (second, said) = classify();
    assert_eq!((second, said.as_str()), (first.clone(), ""));
    for entry in std::fs::read_dir(cache.path()).unwrap() {
        std::fs::write(entry.unwrap().path(), "坏了").unwrap();
    }
    let (third, said) = classify();
    assert_eq!(third, first);
    assert!(said.contains("原型向量"), "{said}");
}

#[test]
fn doctor_finds_the_program_well() {
    let run = waibao(&["doctor"]);
    assert_eq!(run.code, 0, "{}", run.out);
    assert!(run.out.contains("147 条，147 条归入本类"), "{}", run.out);
}

#[test]
fn completions_are_written_for_each_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(waibao(&["completions", shell]).out.contains("classify"), "{shell}");
    }
}
