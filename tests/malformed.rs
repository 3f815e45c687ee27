//! Files that are not what they seem: each ends in a clear error or in the right output, in little memory.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use waibao::table::{Book, Cell};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const WORKBOOK: &str = r#"<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="台账" sheetId="1" r:id="rId1"/></sheets></workbook>"#;
const ROOT: &str = r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;
const RELATIONS: &str = r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#;

/// A workbook of one sheet, its XML given in pieces.
fn workbook(path: &Path, sheet: impl Iterator<Item = String>) {
    let mut archive = ZipWriter::new(std::fs::File::create(path).unwrap());
    let parts = [("_rels/.rels", ROOT), ("xl/workbook.xml", WORKBOOK), ("xl/_rels/workbook.xml.rels", RELATIONS)];
    for (name, content) in parts {
        archive.start_file(name, SimpleFileOptions::default()).unwrap();
        archive.write_all(content.as_bytes()).unwrap();
    }
    archive.start_file("xl/worksheets/sheet1.xml", SimpleFileOptions::default()).unwrap();
    let head = r#"<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>"#;
    archive.write_all(head.as_bytes()).unwrap();
    sheet.for_each(|piece| archive.write_all(piece.as_bytes()).unwrap());
    archive.write_all(b"</sheetData></worksheet>").unwrap();
    archive.finish().unwrap();
}

fn row(number: usize, cells: impl Iterator<Item = String>) -> String {
    let cells: String = cells.map(|text| format!(r#"<c t="inlineStr"><is><t>{text}</t></is></c>"#)).collect();
    format!(r#"<row r="{number}">{cells}</row>"#)
}

fn two_rows() -> String {
    let cells = |texts: [&str; 2]| texts.map(str::to_owned).into_iter();
    row(1, cells(["编号", "合同名称"])) + &row(2, cells(["1", "客服热线外包"]))
}

/// Runs `batch` on a file, in memory that a bomb would burst.
fn batch(dir: &Path, input: &str, output: &str) -> (Option<i32>, String) {
    let program = env!("CARGO_BIN_EXE_waibao");
    let limited = format!("ulimit -v 4000000; exec {program} batch {input} -o {output} -q");
    let done = Command::new("sh").current_dir(dir).args(["-c", &limited]).stdin(Stdio::null()).output().unwrap();
    (done.status.code(), String::from_utf8(done.stderr).unwrap())
}

#[test]
fn what_would_fill_memory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let blanks = std::iter::repeat_n(" ".repeat(1 << 20), 100);
    workbook(&dir.path().join("弹.xlsx"), [two_rows()].into_iter().chain(blanks));
    let (code, message) = batch(dir.path(), "弹.xlsx", "码.xlsx");
    assert!(code == Some(2) && message.contains("弹.xlsx") && message.contains("解压后大得不合常理"), "{message}");
}

#[test]
fn a_million_rows_without_anything_in_them_cost_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let empty = (3..=1_000_000).map(|number| format!(r#"<row r="{number}"><c r="A{number}" s="0"/></row>"#));
    workbook(&dir.path().join("空.xlsx"), [two_rows()].into_iter().chain(empty));
    assert_eq!(batch(dir.path(), "空.xlsx", "码.csv"), (Some(0), String::new()));
    assert_eq!(std::fs::read_to_string(dir.path().join("码.csv")).unwrap().lines().count(), 2);
}

#[test]
fn as_many_columns_as_excel_has_can_be_read_and_what_has_no_room_is_said_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let headings = (1..=16_384).map(|at| if at == 7 { "合同名称".to_owned() } else { format!("第{at}列") });
    let cells = (1..=16_384).map(|at| if at == 7 { "客服热线外包".to_owned() } else { at.to_string() });
    workbook(&dir.path().join("宽.xlsx"), [row(1, headings), row(2, cells)].into_iter());
    let (code, message) = batch(dir.path(), "宽.xlsx", "码.xlsx");
    assert!(code == Some(2) && message.contains("16384") && message.contains("--select"), "{message}");
    assert_eq!(batch(dir.path(), "宽.xlsx", "码.csv"), (Some(0), String::new()));
    let text = std::fs::read_to_string(dir.path().join("码.csv")).unwrap();
    assert!(text.lines().nth(1).unwrap().contains(",16384,B23,"));
}

#[test]
fn a_file_that_is_cut_off_or_wrongly_named_is_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    workbook(&path("好.xlsx"), [two_rows()].into_iter());
    let whole = std::fs::read(path("好.xlsx")).unwrap();
    std::fs::write(path("断.xlsx"), &whole[..whole.len() - 40]).unwrap();
    std::fs::write(path("名.csv"), &whole).unwrap();
    std::fs::write(path("名.xls"), &whole).unwrap();
    std::fs::write(path("页.xls"), "<html><table><tr><td>合同名称</td></tr></table></html>").unwrap();
    std::fs::write(path("假.parquet"), "PAR1 and nothing else PAR1").unwrap();
    std::fs::write(path("文.parquet"), "合同名称\n客服\n").unwrap();
    std::fs::write(path("坏.xls"), [b"\xd0\xcf\x11\xe0".as_slice(), &[0; 600]].concat()).unwrap();
    std::fs::write(path("空.csv"), "").unwrap();
    for (input, says) in [
        ("断.xlsx", "另存为 .xlsx"),
        ("名.csv", "--format xlsx"),
        ("页.xls", "网页"),
        ("假.parquet", "不是完好的 Parquet"),
        ("文.parquet", "不是 Parquet"),
        ("坏.xls", "另存为 .xlsx"),
        ("空.csv", "表头"),
    ] {
        let (code, message) = batch(dir.path(), input, "码.csv");
        assert!(code == Some(2) && message.contains(input) && message.contains(says), "{input}: {message}");
    }
    // What stands inside is believed more than an old extension.
    assert_eq!(batch(dir.path(), "名.xls", "码.csv"), (Some(0), String::new()));
}

/// Rows that would be lost without a word: each is an error that names the place, or is read.
#[test]
fn no_row_is_lost_without_a_word() {
    let dir = tempfile::tempdir().unwrap();
    let good = "合同编号,合同名称\n1,客服热线外包\n2,语音标注服务\n";
    let fault = |at: &str, bytes: &[u8]| {
        let (before, behind) = good.split_at(good.find(at).unwrap());
        [before.as_bytes(), bytes, behind.as_bytes()].concat()
    };
    std::fs::write(dir.path().join("引.csv"), fault("客服", b"\"")).unwrap();
    std::fs::write(dir.path().join("字.csv"), fault("标注", b"\xff")).unwrap();
    std::fs::write(dir.path().join("头.csv"), good.lines().skip(1).chain(good.lines()).collect::<Vec<_>>().join("\n"))
        .unwrap();
    for (input, says) in [
        ("引.csv", &["第 2 行", "引号"][..]),
        ("字.csv", &["第 3 行，B 列", "UTF-8"]),
        ("头.csv", &["第 3 行像是表头", "第 1、2 行像是数据", "--header-row"]),
    ] {
        let (code, message) = batch(dir.path(), input, "码.csv");
        let said = says.iter().all(|say| message.contains(say));
        assert!(code == Some(2) && message.contains(input) && said, "{message}");
    }
    let wide = format!("{good}3,版图设计服务,甲说,乙说,丙说,丁说\n4,5\" 钢管\n");
    std::fs::write(dir.path().join("宽.csv"), &wide).unwrap();
    std::fs::write(dir.path().join("竖.csv"), wide.replace(',', "|").replace("服务", "服务，a,b")).unwrap();
    for (input, output) in [("宽.csv", "码.csv"), ("竖.csv", "码2.csv")] {
        assert_eq!(batch(dir.path(), input, output), (Some(0), String::new()));
        assert_eq!(std::fs::read_to_string(dir.path().join(output)).unwrap().lines().count(), 5);
    }
}

#[test]
fn sheets_that_are_not_read_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, sheets: &[(&str, &[[&str; 2]])]| {
        let mut book = Book::default();
        for (name, rows) in sheets {
            let sheet = book.sheet(name, &rows[0], |_| false).unwrap();
            rows[1..].iter().for_each(|row| book.push(sheet, row.map(Cell::from).into_iter()).unwrap());
        }
        book.save(std::fs::File::create(dir.path().join(name)).unwrap()).unwrap();
    };
    let rows = [["编号", "合同名称"], ["1", "客服热线外包"]];
    write("月.xlsx", &[("一月", &rows), ("空", &[["", ""]]), ("二月", &rows)]);
    let (code, message) = batch(dir.path(), "月.xlsx", "码.csv");
    assert!(code == Some(0) && message.contains("只读工作表“一月”；“二月”里也有内容"), "{message}");
    assert_eq!(batch(dir.path(), "月.xlsx --sheet 二月", "码2.csv"), (Some(0), String::new()));
    write("面.xlsx", &[("封面", &[["合同台账", ""]]), ("台账", &rows)]);
    let (code, message) = batch(dir.path(), "面.xlsx", "码3.csv");
    let said = ["工作表“封面”表头下面没有数据行", "“台账”", "--sheet"].iter().all(|say| message.contains(say));
    assert!(code == Some(2) && said, "{message}");
}
