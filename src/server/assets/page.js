// The only script of every page but the review: sends a form with Ctrl+Enter.
"use strict";
document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter" && event.target.form) {
        event.preventDefault();
        event.target.form.requestSubmit();
    }
});
