"""The page as a reviewer uses it, in a real browser: upload, progress, review by keyboard, undo, export; then accounts.

    python review.py WAIBAO [FOLDER]

starts the program on a free port over a data file of its own and drives headless Chromium (Debian's). Pictures of every page
at two sizes, light and dark, go into the folder, where one is given. Every request that leaves the server, every script error
and everything that the content security policy refuses fails the run.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from openpyxl import Workbook, load_workbook
from playwright.sync_api import sync_playwright

CHROMIUM = "/usr/bin/chromium"
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]
SIZES = {"desk": (1366, 768), "phone": (390, 844)}

# Two near duplicates among them (TWINS), and texts on which the program wants a person.
ROWS = [
    ("HT-01", "客服热线外包", "为某股份制银行信用卡中心提供24小时客服热线座席及人员培训，按通话量结算", 860000),
    ("HT-02", "技术服务合同", "乙方按甲方要求提供相关技术服务", 1250000),
    ("HT-03", "运维及开发", "系统二期功能开发并承担一年运行维护，费用各半", 2400000),
    ("HT-04", "运维及开发", "系统二期功能开发并承担一年运行维护，费用各占一半", 300000),
    ("HT-05", "单证录入", "为保险公司承接车险理赔单证录入与影像扫描，按件计费", 410000),
    ("HT-06", "咨询服务", "提供管理咨询和信息系统规划服务", 980000),
    ("HT-07", "数据服务", "数据采集、分析和平台建设一揽子服务", 560000),
    ("HT-08", "专项服务", "委托乙方开展专项服务工作", 150000),
]
TWINS = ROWS[2:4]


class Server:
    """The program, with the address on which it answers."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        command = [program, "serve", "--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
        line = self.process.stderr.readline()
        assert "http://" in line, line
        self.address = "http://" + line.split("http://")[1].split(" ")[0]

    def add_user(self, name, role, password):
        command = [self.program, "user", "add", name, "--role", role]
        subprocess.run(command, cwd=self.folder, input=password + "\n", text=True, check=True, capture_output=True)

    def end(self):
        self.process.terminate()
        assert self.process.wait(30) == 0, "the server did not end cleanly"


def watched(context, address, faults):
    """A page on which nothing may go wrong unseen."""
    page = context.new_page()
    page.on("pageerror", lambda error: faults.append(f"script: {error}"))
    page.on("console", lambda said: faults.append(f"console: {said.text}") if said.type == "error" else None)
    page.on("request", lambda request: None if request.url.startswith(address) else faults.append(f"request: {request.url}"))
    return page


def table(folder):
    path = Path(folder, "台账.xlsx")
    book = Workbook()
    sheet = book.active
    sheet.append(["合同编号", "合同名称", "服务内容", "合同金额"])
    for row in ROWS:
        sheet.append(row)
    book.save(path)
    return path


def shoot(page, pictures, name):
    if not pictures:
        return
    for size, (width, height) in SIZES.items():
        for scheme in ("light", "dark"):
            page.set_viewport_size({"width": width, "height": height})
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=str(Path(pictures, f"{name}-{size}-{scheme}.png")))
            wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
            assert not wide, f"{name} at {size} is wider than the window"
    page.set_viewport_size({"width": 1366, "height": 768})
    page.emulate_media(color_scheme="light")


def classify(page, address, pictures):
    page.goto(address + "/")
    page.fill("#text", ROWS[4][2])
    page.press("#text", "Control+Enter")
    page.wait_for_selector("ol.candidates")
    assert page.inner_text("ol.candidates li:first-child .code") == "B21"
    assert page.locator("mark").count() > 0
    shoot(page, pictures, "try")


def upload(page, address, path, pictures):
    page.goto(address + "/jobs")
    page.set_input_files("input[type=file]", path)
    shoot(page, pictures, "jobs")
    page.click("form.upload button")
    page.wait_for_selector("form.plan")
    shoot(page, pictures, "plan")
    # Every row is looked at, also those that would need nobody.
    page.fill("#sampled", "100")
    page.click("form.plan button.primary")
    # The page follows the job by itself until it is done.
    page.locator("[data-events]").wait_for(state="detached", timeout=120_000)
    shoot(page, pictures, "job")
    return page.url


def strike(page, key):
    """Presses a key that leads on."""
    with page.expect_navigation():
        page.keyboard.press(key)


def texts(page):
    return page.inner_text("p.text")


def written(row):
    """The text that is classified, of a row of the table."""
    return f"{row[1]}\n{row[2]}"


def review(page, address, pictures):
    """Every row of the queue by keyboard alone; what was decided, by text."""
    page.goto(address + "/review")
    shoot(page, pictures, "review")
    first = texts(page)
    # Z brings back what a slip of the finger decided.
    strike(page, "1")
    page.wait_for_selector("[role=status]")
    strike(page, "z")
    assert texts(page) == first, "what was taken back is not shown again"
    decided, steps, grouped = {}, ["search", "n", "u", "2"], False
    while page.locator("p.text").count() > 0:
        text = texts(page)
        together = page.locator("[data-key~=g]").count() > 0
        step = "1" if together or not steps else steps.pop(0)
        if together:
            assert not grouped, "one decision did not reach the whole group"
            grouped = True
            label = page.inner_text("[data-key~='1'] .code")
            page.keyboard.press("g")
            strike(page, "1")
            decided.update({written(row): label for row in TWINS})
        elif step == "search":
            page.keyboard.press("d")
            assert page.locator("details.guide[open]").count() > 0, "the guideline's text does not open"
            lists = "[...document.querySelectorAll('details.guide li')].map((one) => getComputedStyle(one).display)"
            assert set(page.evaluate(lists)) == {"list-item"}, "the guideline's lists are squeezed"
            page.keyboard.press("/")
            page.keyboard.type("nbgl")
            assert page.locator(".found li:not([hidden])").count() >= 1, "no code by its initials"
            page.fill("#search", "b13")
            strike(page, "Enter")
            label = "B13"
        elif step in "12":
            label = page.inner_text(f"[data-key~='{step}'] .code")
            strike(page, step)
        else:
            label = {"n": "OUT", "u": ""}[step]
            strike(page, step)
        decided[text] = label
    assert grouped and not steps, "no group was met, or not every key was used"
    shoot(page, pictures, "finished")
    return decided


def export(page, job, folder, decided):
    page.goto(job)
    with page.expect_download() as coming:
        page.click("form.download button")
    path = Path(folder, "结果.xlsx")
    coming.value.save_as(path)
    rows = list(load_workbook(path)["数据"].iter_rows(values_only=True))
    heads, rows = rows[0], rows[1:]
    assert [row[0] for row in rows] == [row[0] for row in ROWS], "rows are lost or in another order"
    code, reader, verdict = (heads.index(name) for name in ("代码", "复核人", "结论"))
    for row in rows:
        text = written(row)
        if text in decided:
            assert (row[code] or "") == decided[text], f"{row[0]}: {row[code]} is not {decided[text]}"
            assert row[reader], f"{row[0]}: nobody is named"
        else:
            assert row[code], f"{row[0]} has no code: {row[verdict]}"
    assert any(row[reader] for row in rows), "nothing was reviewed"


def accounts(browser, server, faults, pictures):
    server.add_user("赵主任", "管理员", "correct horse battery")
    server.add_user("钱复核", "复核员", "staple battery horse")
    context = browser.new_context()
    page = watched(context, server.address, faults)
    page.goto(server.address + "/figures")
    assert "/login" in page.url, page.url
    shoot(page, pictures, "login")
    page.fill("[name=name]", "钱复核")
    page.fill("[name=password]", "staple battery horse")
    page.keyboard.press("Enter")
    page.wait_for_url(server.address + "/figures")
    assert page.locator("header nav a[href='/users']").count() == 0, "a reviewer sees the users"
    shoot(page, pictures, "figures")
    refused = page.goto(server.address + "/users")
    assert refused.status == 403, refused.status
    # Chromium writes a refused page on the console.
    faults[:] = [fault for fault in faults if "403" not in fault]
    page.goto(server.address + "/")
    page.click("form[action='/logout'] button")
    page.goto(server.address + "/login")
    page.fill("[name=name]", "赵主任")
    page.fill("[name=password]", "correct horse battery")
    page.keyboard.press("Enter")
    page.wait_for_selector("header nav a[href='/users']")
    for place in ("users", "audit", "codes", "cases", "review/flagged", "openapi"):
        page.goto(f"{server.address}/{place}")
        shoot(page, pictures, place.replace("/", "-"))
    context.close()


def main():
    program = str(Path(sys.argv[1]).resolve())
    pictures = sys.argv[2] if len(sys.argv) > 2 else None
    if pictures:
        Path(pictures).mkdir(parents=True, exist_ok=True)
    faults = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = Server(program, folder)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        try:
            context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN")
            page = watched(context, server.address, faults)
            classify(page, server.address, pictures)
            job = upload(page, server.address, str(table(folder)), pictures)
            decided = review(page, server.address, pictures)
            export(page, job, folder, decided)
            context.close()
            accounts(browser, server, faults, pictures)
        finally:
            browser.close()
            server.end()
    assert not faults, "\n".join(faults)
    print("browser ok")


if __name__ == "__main__":
    main()
