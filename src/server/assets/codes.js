// The code book: shows what fits while somebody types, by code, by words and by 拼音首字母.
"use strict";
const box = document.getElementById("q");
const count = document.getElementById("count");
const entries = [...document.querySelectorAll("article.entry")].map((element) => ({
    element,
    code: element.id,
    letters: element.dataset.initials,
    text: element.textContent.toLowerCase(),
}));

function fits(entry, word) {
    const lower = word.toLowerCase();
    // Whoever types a code wants it, not every text that names it.
    if (/^[a-z]\d{1,2}$/.test(lower)) return entry.code.startsWith(word.toUpperCase());
    return entry.code.startsWith(word.toUpperCase()) || entry.text.includes(lower) || entry.letters.includes(lower);
}

function filter() {
    const words = box.value.trim().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const entry of entries) {
        const fit = words.every((word) => fits(entry, word));
        entry.element.hidden = !fit;
        shown += fit ? 1 : 0;
    }
    document.querySelector(".entries").classList.toggle("filtered", words.length > 0);
    // A heading above nothing, and what holds for every class, would only be in the way.
    for (const section of document.querySelectorAll(".entries section")) {
        section.hidden = words.length > 0 && !section.querySelector("article.entry:not([hidden])");
    }
    for (const link of document.querySelectorAll(".contents a")) {
        const target = document.getElementById(link.hash.slice(1));
        link.hidden = Boolean(target.closest("[hidden]"));
    }
    count.textContent = words.length ? `${shown} 个小类` : "";
    const hits = document.getElementById("hits");
    if (hits) hits.hidden = true;
}

// A link into what is hidden shows the whole book again.
function reveal() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.closest("[hidden]")) {
        box.value = "";
        filter();
        target.scrollIntoView();
    }
}

box.addEventListener("input", filter);
addEventListener("hashchange", reveal);
document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && document.activeElement !== box) {
        event.preventDefault();
        box.focus();
        box.select();
    }
});
