// On every page: sends a form with Ctrl+Enter, unless it is sent by one of several buttons.
"use strict";
document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter" && event.target.form && !("several" in event.target.form.dataset)) {
        event.preventDefault();
        event.target.form.requestSubmit();
    }
});
