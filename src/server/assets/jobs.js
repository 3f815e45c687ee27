// 任务: shows progress as it comes, and says before sending that a file is too large.
"use strict";
const place = document.querySelector("[data-events]");
if (place) {
    const source = new EventSource(place.dataset.events);
    const show = (event) => {
        const told = JSON.parse(event.data);
        const percent = `${(Math.floor(told.share * 1000) / 10).toFixed(1)}%`;
        const all = { ...told, share: percent };
        for (const element of document.querySelectorAll("[data-show]")) {
            const value = element.dataset.show.split(".").reduce((from, key) => from?.[key], all);
            if (value !== undefined) element.textContent = value;
        }
        place.querySelector("progress").value = told.share;
    };
    source.addEventListener("progress", show);
    source.addEventListener("end", () => {
        source.close();
        location.reload();
    });
}
const form = document.querySelector("form.upload");
if (form) {
    const say = form.querySelector("[data-say]");
    form.addEventListener("submit", (event) => {
        const file = form.querySelector("input[type=file]").files[0];
        const limit = Number(form.dataset.limit);
        if (file && file.size > limit) {
            event.preventDefault();
            say.textContent = `文件超过上限 ${Math.floor(limit / 1048576)} MB`;
            return;
        }
        say.textContent = "";
        form.querySelector("button").textContent = "上传中……";
    });
    // Coming back to the page, the browser shows it as it was left.
    addEventListener("pageshow", () => (form.querySelector("button").textContent = "上传"));
}
