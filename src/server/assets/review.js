// 复核 by keyboard: a key presses the button that carries it. Everything can be done without it.
"use strict";
const typing = (element) => element.matches("input:not([type=checkbox]), textarea, select");
const choices = () => [...document.querySelectorAll("button.choice")];
const search = document.getElementById("search");

function press(key) {
    const target = document.querySelector(`[data-key~="${CSS.escape(key)}"]`);
    if (!target) return false;
    // What is open already only gets the focus.
    if (!(target.dataset.focus && target.parentElement.open)) target.click();
    const field = document.getElementById(target.dataset.focus);
    if (field && field.checkVisibility()) {
        field.closest("details")?.scrollIntoView({ block: "nearest" });
        field.focus();
        if (field === search) field.select();
    }
    return true;
}

// The candidate that is highlighted: the one with the focus, else the first.
function highlighted() {
    return choices().find((choice) => choice === document.activeElement) || choices()[0];
}

function move(step) {
    const all = choices();
    if (!all.length) return false;
    const at = all.indexOf(document.activeElement);
    all[at < 0 ? (step > 0 ? 0 : all.length - 1) : (at + step + all.length) % all.length].focus();
    return true;
}

function guide() {
    const details = highlighted()?.parentElement.querySelector("details");
    if (!details) return false;
    details.open = !details.open;
    return true;
}

function handled(event) {
    switch (event.key) {
        case "ArrowDown": return move(1);
        case "ArrowUp": return move(-1);
        case "d": case "D": return guide();
        case "Enter": return document.activeElement.matches("a, button, summary") ? false : press("Enter");
        default: return press(event.key.length === 1 ? event.key.toLowerCase() : event.key);
    }
}

document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || event.repeat) return;
    if (typing(event.target)) {
        if (event.key === "Escape") event.target.blur();
        return;
    }
    if (handled(event)) event.preventDefault();
});

if (search) {
    const items = [...document.querySelectorAll(".found li")];
    search.addEventListener("input", () => {
        const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
        for (const item of items) item.hidden = !words.every((word) => item.dataset.find.includes(word));
    });
    search.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" || event.isComposing) return;
        event.preventDefault();
        if (search.value.trim()) items.find((item) => !item.hidden)?.querySelector("button").click();
    });
}

// While somebody looks at a row, nobody else is given it.
const row = document.querySelector("[data-hold]");
if (row) {
    setInterval(() => {
        if (document.hidden) return;
        fetch(row.dataset.hold, { method: "POST", headers: { "x-csrf-token": row.dataset.csrf } }).catch(() => {});
    }, 60_000);
}
