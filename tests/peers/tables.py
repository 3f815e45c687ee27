"""Real-shaped tables through `waibao batch`, compared cell by cell by readers that are not ours.

Usage: python tables.py PATH/TO/waibao
Every table is made here (openpyxl, xlwt, odfpy, csv, pyarrow), coded by the program, and read again by openpyxl, csv or
pyarrow: what was there is there unchanged and in its order, what is added is complete.
"""

import csv
import datetime
import io
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from decimal import Decimal
from pathlib import Path

import openpyxl
import pyarrow
import pyarrow.parquet
import xlwt
from odf.opendocument import OpenDocumentSpreadsheet
from odf.table import Table, TableCell, TableRow
from odf.text import P

ADDED = [
    "代码", "名称", "大类", "中类", "置信度", "结论", "依据", "备选1", "备选1置信度", "备选2", "备选2置信度", "备选3", "备选3置信度",
    "需复核原因", "出错原因", "重点领域(2022)",
]
HEADINGS = ["合同编号", "合同名称", "合同主要内容", "签订日期", "执行金额(万美元)", "流水号", "已登记", "备注"]
ROWS = [
    ["0012", "客服热线外包", "为信用卡中心提供7×24小时热线座席，按通话量结算", datetime.datetime(2025, 1, 17), 12.5, 1230000000000000000, True, "=1+1"],
    ["HT-2", "版图设计", "模拟芯片版图设计与验证，两名工程师驻场", datetime.datetime(2025, 3, 2, 9, 30), -3, 20250302123456, False, "-张三"],
    [None] * 8,
    ["00-3", "翻译", "技术手册中译英，\n含排版", datetime.datetime(1999, 12, 31), 0.1, 1, True, "@某某"],
    ["4", None, None, None, 1e-7, None, None, "没有内容"],
    ["5", "客服热线外包", "为信用卡中心提供7×24小时热线座席，按通话量结算", None, 12, 5, None, "+86"],
]


def run(program, *args, code=0):
    done = subprocess.run([program, "batch", *map(str, args)], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == code, (args, done.returncode, done.stderr)
    return done.stderr


def as_text(value):
    """What a cell is in a CSV."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%d" if value.time() == datetime.time() else "%Y-%m-%d %H:%M:%S")
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else format(Decimal(repr(value)), "f")
    return str(value)


def check_added(rows):
    """What is added is complete, and equal texts are answered equally."""
    first, *_ = rows
    for at, row in enumerate(rows):
        added = dict(zip(ADDED, row))
        if ROWS[at][1]:
            assert added["代码"] and added["名称"] and added["结论"] and added["依据"], (at, added)
            assert 0 < float(added["置信度"]) <= 1
            assert not added["出错原因"]
        elif ROWS[at][0]:
            assert added["出错原因"] and not added["代码"], (at, added)
        else:
            assert not any(row), (at, row)
    assert rows[0] == rows[5]


def check_book(path, titles=0):
    """An output workbook: the data as they were, a summary, and the rows for a person."""
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == ["数据", "汇总", "复核"], book.sheetnames
    sheet = book["数据"]
    found = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert found[0] == HEADINGS + ADDED, found[0]
    assert len(found) == len(ROWS) + 1
    for expected, row in zip(ROWS, found[1:]):
        own = row[: len(HEADINGS)]
        for one, other in zip(expected, own):
            same = one == other or isinstance(one, datetime.datetime) and abs(one - other) < datetime.timedelta(seconds=1)
            assert same, (one, other)
    for row in sheet.iter_rows(min_row=2):
        assert all(cell.data_type != "f" for cell in row), "a cell became a formula"
    assert sheet["F2"].number_format == "0", sheet["F2"].number_format
    check_added([[cell if cell is not None else "" for cell in row[len(HEADINGS) :]] for row in found[1:]])
    counts = {row[0].value: row[1].value for row in book["汇总"].iter_rows(min_row=2)}
    assert counts["行数"] == len(ROWS) and counts["出错"] == 1 and counts["空行"] == 1, counts
    review = book["复核"]
    waiting = counts["需人工判断"] + counts["出错"]
    assert review.max_row == waiting + 1, (review.max_row, counts)
    choices = review.data_validations.dataValidation
    assert len(choices) == 1 and "I11" in choices[0].formula1 and "OUT" in choices[0].formula1


def check_text(data, delimiter):
    text = data.decode("utf-8-sig")
    assert data.startswith(b"\xef\xbb\xbf"), "no byte order mark"
    found = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    assert found[0] == HEADINGS + ADDED, found[0]
    for expected, row in zip(ROWS, found[1:]):
        for one, other in zip(expected, row):
            text = as_text(one)
            guarded = f"'{text}" if isinstance(one, str) and text[:1] in "=+-@" and text != "+86" else text
            assert other in (text, guarded), (one, other)
            assert other == guarded, (guarded, other)
    check_added([row[len(HEADINGS) :] for row in found[1:]])


def workbook(path, above=()):
    book = openpyxl.Workbook()
    book.create_sheet("空表", 0)
    sheet = book["Sheet"]
    for row in above:
        sheet.append(row)
    if above:
        sheet.merge_cells(start_row=1, start_column=1, end_row=1, end_column=len(HEADINGS))
    sheet.append(HEADINGS)
    for row in ROWS:
        sheet.append(row)
        last = sheet.cell(sheet.max_row, 8)
        if row[7]:
            last.data_type = "s"
    sheet.row_dimensions[3].hidden = True
    book.save(path)


def grouped(path):
    """Headings over two rows, some cells merged downwards and some across."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["合同台账"])
    sheet.merge_cells(start_row=1, start_column=1, end_row=1, end_column=len(HEADINGS))
    sheet.append([*HEADINGS[:4], "金额", None, *HEADINGS[6:]])
    sheet.append([None] * 4 + ["执行金额(万美元)", "流水号"])
    for column in (1, 2, 3, 4, 7, 8):
        sheet.merge_cells(start_row=2, start_column=column, end_row=3, end_column=column)
    sheet.merge_cells(start_row=2, start_column=5, end_row=2, end_column=6)
    for row in ROWS:
        sheet.append([f"{cell} " if cell == "=1+1" else cell for cell in row])
    book.save(path)


def check_grouped(path):
    sheet = openpyxl.load_workbook(path)["数据"]
    found = [[cell.value for cell in row] for row in sheet.iter_rows(max_col=len(HEADINGS))]
    assert found[0] == [*HEADINGS[:4], "金额 执行金额(万美元)", "金额 流水号", *HEADINGS[6:]], found[0]
    assert len(found) == len(ROWS) + 1


def as_other_programs_save(source, path):
    """A wrong dimension record, a formula with its last value, a date system that counts from 1904."""
    book = openpyxl.load_workbook(source)
    book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    book.save(path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = parts["xl/worksheets/sheet2.xml"].decode()
    patched = re.sub(r'<dimension ref="[^"]*"', '<dimension ref="A1"', sheet)
    patched = re.sub(r'(<c r="E2"[^>]*>)<v>12.5</v>', r"\1<f>25/2</f><v>12.5</v>", patched)
    assert patched.count("<f>") == 1 and 'ref="A1"' in patched
    parts["xl/worksheets/sheet2.xml"] = patched.encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def delimited(rows, delimiter):
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(HEADINGS)
    writer.writerows([as_text(cell) for cell in row] for row in rows)
    return out.getvalue()


def old_workbook(path):
    book = xlwt.Workbook()
    sheet = book.add_sheet("台账")
    date = xlwt.easyxf(num_format_str="yyyy-mm-dd hh:mm:ss")
    for at, row in enumerate([HEADINGS, *ROWS]):
        for column, cell in enumerate(row):
            if isinstance(cell, datetime.datetime):
                sheet.write(at, column, cell, date)
            elif cell is not None:
                sheet.write(at, column, cell)
    book.save(str(path))


def open_document(path):
    document = OpenDocumentSpreadsheet()
    table = Table(name="台账")
    for row in [HEADINGS, *ROWS]:
        line = TableRow()
        for cell in row:
            if cell is None:
                line.addElement(TableCell())
            elif isinstance(cell, bool):
                line.addElement(TableCell(valuetype="boolean", booleanvalue=str(cell).lower()))
            elif isinstance(cell, datetime.datetime):
                line.addElement(TableCell(valuetype="date", datevalue=cell.isoformat()))
            elif isinstance(cell, (int, float)):
                line.addElement(TableCell(valuetype="float", value=repr(cell)))
            else:
                element = TableCell(valuetype="string")
                for part in cell.split("\n"):
                    element.addElement(P(text=part))
                line.addElement(element)
        table.addElement(line)
    document.spreadsheet.addElement(table)
    document.save(str(path))


def arrow_table():
    """Columns of many types, some of which no spreadsheet has."""
    columns = list(zip(*ROWS))
    texts = lambda at: pyarrow.array([as_text(cell) if cell is not None else None for cell in columns[at]])
    return pyarrow.table({
        "合同编号": texts(0),
        "合同名称": texts(1).dictionary_encode(),
        "合同主要内容": texts(2).cast(pyarrow.large_string()),
        "签订日期": pyarrow.array(columns[3], pyarrow.timestamp("us")),
        "执行金额(万美元)": pyarrow.array([None if cell is None else Decimal(str(cell)) for cell in columns[4]], pyarrow.decimal128(20, 7)),
        "流水号": pyarrow.array(columns[5], pyarrow.int64()),
        "已登记": pyarrow.array(columns[6], pyarrow.bool_()),
        "备注": pyarrow.array([None if cell is None else [cell] for cell in columns[7]], pyarrow.list_(pyarrow.string())),
    })


def check_parquet(path, own):
    """The own columns are equal with their types; what is added is complete."""
    found = pyarrow.parquet.read_table(path)
    assert found.column_names == HEADINGS + ADDED, found.column_names
    assert found.select(HEADINGS).equals(own), found.schema
    added = found.select(ADDED)
    assert all(str(field.type) == ("double" if field.name.endswith("置信度") else "string") for field in added.schema)
    check_added([["" if cell is None else cell for cell in row.values()] for row in added.to_pylist()])


def check_columns(folder, program):
    own = arrow_table()
    source = folder / "h.parquet"
    for compression in ("snappy", "zstd", "gzip", "none", "lz4"):
        pyarrow.parquet.write_table(own, source, compression=compression, row_group_size=4)
        out = folder / f"h-{compression}.parquet"
        run(program, source, "-o", out, code=1)
        check_parquet(out, own)
    run(program, source, "-o", folder / "h.csv", code=1)
    rows = list(csv.reader(io.StringIO((folder / "h.csv").read_text(encoding="utf-8-sig"), newline="")))
    assert rows[1][:7] == [*map(as_text, ROWS[0][:4]), "12.5000000", as_text(ROWS[0][5]), "TRUE"], rows[1]
    print("ok parquet → parquet, csv")
    run(program, folder / "a.xlsx", "-o", folder / "i.parquet", code=1)
    found = pyarrow.parquet.read_table(folder / "i.parquet")
    for at, heading in enumerate(HEADINGS):
        for expected, cell in zip(ROWS, found[heading].to_pylist()):
            same = expected[at] == cell or isinstance(cell, datetime.datetime) and abs(cell - expected[at]) < datetime.timedelta(seconds=1)
            assert same, (heading, expected[at], cell)
    print("ok xlsx → parquet")


def main():
    program = str(Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        workbook(folder / "a.xlsx")
        workbook(folder / "b.xlsx", above=[["2025年合同台账"], ["填报单位：某某局"]])
        old_workbook(folder / "c.xls")
        open_document(folder / "d.ods")
        as_other_programs_save(folder / "a.xlsx", folder / "j.xlsx")
        for name in ("a.xlsx", "b.xlsx", "c.xls", "d.ods", "j.xlsx"):
            out = folder / f"{name}.xlsx"
            run(program, folder / name, "-o", out, code=1)
            check_book(out)
            print("ok", name, "→ xlsx")
        grouped(folder / "k.xlsx")
        run(program, folder / "k.xlsx", "-o", folder / "k.out.xlsx", code=1)
        check_grouped(folder / "k.out.xlsx")
        print("ok k.xlsx → xlsx, headings over two rows")
        out = folder / "a.csv.csv"
        run(program, folder / "a.xlsx", "-o", out, code=1)
        check_text(out.read_bytes(), ",")
        print("ok a.xlsx → csv")
        encodings = {"utf-8": ",", "utf-8-sig": ";", "gb18030": ",", "utf-16": "\t"}
        for encoding, delimiter in encodings.items():
            source = folder / f"e-{encoding}.csv"
            source.write_bytes(delimited(ROWS, delimiter).encode(encoding))
            out = folder / f"e-{encoding}.out.tsv"
            run(program, source, "-o", out, code=1)
            check_text(out.read_bytes(), "\t")
            print("ok", encoding, "csv → tsv")
        lines = [json.dumps({"编号": at, "合同名称": row[1], "大数": 12345678901234567890}, ensure_ascii=False) for at, row in enumerate(ROWS)]
        (folder / "f.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        run(program, folder / "f.jsonl", "-o", folder / "g.jsonl", code=1)
        coded = (folder / "g.jsonl").read_text(encoding="utf-8").splitlines()
        for line, found in zip(lines, coded, strict=True):
            assert found.startswith(line[:-1] + ',"waibao":'), found
            record = json.loads(found)["waibao"]
            assert ("outcome" in record) == (json.loads(line)["合同名称"] is not None), record
        print("ok jsonl → jsonl")
        check_columns(folder, program)


if __name__ == "__main__":
    main()
