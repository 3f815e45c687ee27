// The table of cut-offs as a slider: shows the row of the one that is chosen, and says what it means.
"use strict";
const slider = document.getElementById("slider");
const rows = [...document.querySelectorAll("#cut-offs tbody tr")];
if (slider && rows.length > 1) {
    const box = document.getElementById("cut-off");
    const meaning = document.getElementById("meaning");
    const frame = document.querySelector("#cut-offs .scroll");
    const cells = rows.map((row) => [...row.cells].map((cell) => cell.textContent.trim()));
    const choose = () => {
        const [from, count, share, judged, , right, , , estimate] = cells[box.value];
        rows.forEach((row, at) => row.classList.toggle("chosen", at === Number(box.value)));
        const row = rows[box.value];
        frame.scrollTop = row.offsetTop - (frame.clientHeight - row.offsetHeight) / 2;
        meaning.textContent = `${from}：最多 ${count} 行（${share}）无需人工；其中复核过 ${judged} 行，正确 ${right}，推算 ${estimate}`;
    };
    box.max = String(rows.length - 1);
    const start = cells.findIndex(([from]) => Number(from) >= Number(slider.dataset.start));
    box.value = String(start < 0 ? rows.length - 1 : start);
    box.addEventListener("input", choose);
    slider.hidden = false;
    choose();
}
