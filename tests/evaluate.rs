//! `waibao evaluate` as its user meets it: files in, figures, page, table and check out.

use std::path::Path;
use std::process::Command;

use waibao::table::{self, Book, Cell};

const ROWS: &str = "id,text,gold,alt,second,language,clause,side,pair\n\
a1,为某股份制银行信用卡中心提供24小时客服热线座席及人员培训，按通话量结算,B23,,B23,zh,,,\n\
a2,\"办公楼保安、保洁服务采购\",OUT,,OUT,zh,B19-x1,caught,B19-x1#1\n\
a3,委托开发仓库管理系统，含需求分析、编码、测试和一年维护,I11,I14,I14,zh,,,\n\
a4,机房空调和UPS年度维护保养,B39,,B39,zh,,,\n";

struct Run {
    code: i32,
    out: String,
    err: String,
}

fn evaluate(dir: &Path, args: &[&str]) -> Run {
    let cache = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_waibao"));
    command.arg("evaluate").args(args).current_dir(dir).env("WAIBAO_CACHE", cache.path());
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    dir
}

fn rows(path: &Path) -> Vec<table::Row> {
    let mut rows = Vec::new();
    table::read(path, &mut |row| {
        rows.push(row);
        Ok(())
    })
    .unwrap();
    rows
}

#[test]
fn the_figures_do_not_depend_on_the_form_of_the_file() {
    let gbk = encoding_rs::GB18030.encode(ROWS).0;
    let dir = folder(&[("a.csv", ROWS.as_bytes()), ("gbk.csv", &gbk)]);
    let (mut book, mut sheet) = (Book::default(), None);
    let mut lines = String::new();
    for row in rows(&dir.path().join("a.csv")) {
        let columns: Vec<&str> = row.columns().collect();
        let sheet = *sheet.get_or_insert_with(|| book.sheet("标注", &columns, |_| false).unwrap());
        book.push(sheet, row.cells.iter().map(|(_, cell)| Cell::Text(cell))).unwrap();
        let object = row.cells.iter().map(|(name, cell)| (name.to_string(), cell.clone().into())).collect();
        lines += &format!("{}\n", serde_json::Value::Object(object));
    }
    book.save(std::fs::File::create(dir.path().join("a.xlsx")).unwrap()).unwrap();
    std::fs::write(dir.path().join("a.jsonl"), lines).unwrap();
    let expected = evaluate(dir.path(), &["a.csv"]);
    assert_eq!((expected.code, expected.err.as_str()), (0, ""));
    for words in ["条数：4", "小类正确率", "95% 区间", "基线", "κ", "排除条款：守住", "结论：可采纳"]
    {
        assert!(expected.out.contains(words), "{words}: {}", expected.out);
    }
    for name in ["gbk.csv", "a.jsonl", "a.xlsx"] {
        assert_eq!(evaluate(dir.path(), &[name]).out, expected.out, "{name}");
    }
}

#[test]
fn the_report_is_one_page_of_its_own_and_the_table_holds_every_row() {
    let dir = folder(&[("a.csv", ROWS.as_bytes())]);
    let run = evaluate(dir.path(), &["a.csv", "--report", "r.html", "--group", "second"]);
    assert_eq!(run.code, 0, "{}", run.err);
    let page = std::fs::read_to_string(dir.path().join("r.html")).unwrap();
    for words in ["<svg", "评测报告", "各小类", "B19-x1", "TF-IDF", "Cohen κ", "second", "语言"] {
        assert!(page.contains(words), "{words}");
    }
    // Nothing from elsewhere, no script, and no breakdown by a column that is not there.
    for foreign in ["http:", "https:", "<script", "<link", "src=", "文体"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    let table = rows(&dir.path().join("r.xlsx"));
    let ids: Vec<_> = table.iter().map(|row| row.get("编号").unwrap()).collect();
    assert_eq!(ids, ["a1", "a2", "a3", "a4"]);
    assert_eq!(table[0].get("首选"), Some("B23"));
    assert!(table[1].get("条款").unwrap().contains("B19-x1"));
}

#[test]
fn the_check_passes_on_its_own_answers_and_lists_what_moved() {
    let thresholds = b"format_version = 1\n[at_least]\naccuracy = 0.5\n".as_slice();
    let dir = folder(&[("a.csv", ROWS.as_bytes()), ("eval/thresholds.toml", thresholds)]);
    assert_eq!(evaluate(dir.path(), &["a.csv", "--results", "eval/results.csv"]).code, 0);
    let run = evaluate(dir.path(), &["a.csv", "--check"]);
    assert_eq!(run.code, 0, "{}", run.out);
    assert!(run.out.contains("检查通过"), "{}", run.out);
    let path = dir.path().join("eval/results.csv");
    let results = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, results.replace(" B23", " B22").replace(",B23 ", ",B22 ")).unwrap();
    std::fs::write(dir.path().join("eval/thresholds.toml"), "format_version = 1\n[at_least]\naccuracy = 1.01\n")
        .unwrap();
    let run = evaluate(dir.path(), &["a.csv", "--check"]);
    assert_eq!(run.code, 1, "{}", run.out);
    assert!(run.out.contains("a1：") && run.out.contains("不达标  accuracy"), "{}", run.out);
    assert_eq!(evaluate(dir.path(), &["a.csv", "--check=elsewhere"]).code, 2);
}

#[test]
fn one_row_is_explained() {
    let dir = folder(&[("a.csv", ROWS.as_bytes())]);
    let run = evaluate(dir.path(), &["a.csv", "--show", "a2"]);
    assert_eq!(run.code, 0, "{}", run.err);
    for words in ["办公楼保安", "标注    OUT", "复读    OUT", "用意    B19-x1 应命中", "条款    B19-x1"]
    {
        assert!(run.out.contains(words), "{words}: {}", run.out);
    }
    let run = evaluate(dir.path(), &["a.csv", "--show", "a9"]);
    assert!(run.code == 2 && run.err.contains("a9"), "{}", run.err);
}

#[test]
fn a_bad_row_stops_the_work_before_anything_is_written() {
    let bad = format!("{}b5,软件开发,I1X,,,,,,\n", ROWS.replace("\na", "\nb"));
    let dir = folder(&[("bad.csv", bad.as_bytes()), ("empty.csv", b"text,gold\n"), ("a.csv", ROWS.as_bytes())]);
    let refused = |args: &[&str], words: &[&str]| {
        let run = evaluate(dir.path(), args);
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{args:?}");
        words.iter().for_each(|words| assert!(run.err.contains(words), "{words}: {}", run.err));
    };
    refused(&["a.csv", "bad.csv", "--report", "r.html", "--results", "r.csv"], &["bad.csv", "第 6 行", "gold", "I1X"]);
    refused(&["empty.csv"], &["empty.csv", "没有数据行"]);
    refused(&["a.csv", "./a.csv", "--show", "a1"], &["./a.csv：第 2 行", "“a1”与 a.csv 第 2 行"]);
    refused(&["a.csv", "--group", "部门"], &["部门", "没有此列"]);
    refused(&["none.csv"], &["none.csv"]);
    refused(&[], &["eval/gold"]);
    refused(&["a.csv", "--show", "a1", "--report", "r.html"], &["冲突"]);
    let mut left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["a.csv", "bad.csv", "empty.csv"]);
    // What cannot be written is said, and nothing half-written stays.
    let run = evaluate(dir.path(), &["a.csv", "--results", "nowhere/r.csv"]);
    assert!(run.code == 2 && run.err.contains("nowhere/r.csv") && run.err.contains("写入失败"), "{}", run.err);
}

#[test]
fn what_is_read_is_never_written_over() {
    let dir = folder(&[("a.csv", ROWS.as_bytes()), ("t/thresholds.toml", b"format_version = 1\n")]);
    let before = std::fs::read(dir.path().join("a.csv")).unwrap();
    std::fs::rename(dir.path().join("a.csv"), dir.path().join("g.csv")).unwrap();
    for (args, words) in [
        (&["g.csv", "--results", "g.csv"][..], "g.csv：要读这个文件"),
        (&["g.csv", "--results", "t/../g.csv"], "要读这个文件"),
        (&["g.csv", "--report", "g.csv"], "g.csv：要读这个文件"),
        (&["g.xlsx", "--report", "g.html"], "g.xlsx：要读这个文件"),
        (&["g.csv", "--report", "r.xlsx"], "r.xlsx：会写两次"),
        (&["g.csv", "--report", "r.csv", "--results", "./r.csv"], "r.csv：会写两次"),
        (&["g.csv", "--check=t", "--results", "t/thresholds.toml"], "thresholds.toml：要读这个文件"),
        (&["g.csv", "--results", "t"], "t：这是目录"),
    ] {
        let run = evaluate(dir.path(), args);
        assert!(run.code == 2 && run.out.is_empty() && run.err.contains(words), "{args:?}: {}", run.err);
    }
    assert_eq!(std::fs::read(dir.path().join("g.csv")).unwrap(), before);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
    // Its own results of last time are what it is to replace.
    for _ in 0..2 {
        assert_eq!(evaluate(dir.path(), &["g.csv", "--results", "r.csv"]).code, 0);
    }
}
