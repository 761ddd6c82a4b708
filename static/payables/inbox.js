// The inbox of bills by keys. Each key goes to a row or presses a button of the row, so that nothing
// is possible by key that is not possible without script.
(() => {
    "use strict";
    const rows = () => [...document.querySelectorAll("[data-row]")];
    const current = () => document.querySelector('[data-row][aria-current="true"]');

    function mark(row) {
        for (const each of rows()) {
            each.removeAttribute("aria-current");
        }
        if (row) {
            row.setAttribute("aria-current", "true");
            row.focus({ preventScroll: true });
            row.scrollIntoView({ block: "nearest" });
        }
    }

    function move(step) {
        const all = rows();
        const at = all.indexOf(current());
        mark(all[Math.min(all.length - 1, Math.max(0, at + step))]);
    }

    function isTyping(target) {
        return target instanceof Element && target.closest("input:not([type=checkbox]), textarea, select");
    }

    const ways = {
        j: () => move(1),
        k: () => move(-1),
        x: () => current()?.querySelector("[data-tick-box]")?.click(),
        a: () => current()?.querySelector('[data-do="a"]')?.click(),
        r: () => current()?.querySelector('[data-do="r"]')?.focus(),
    };

    document.addEventListener("keydown", (event) => {
        if (event.key === "Escape" && isTyping(event.target)) {
            event.target.blur();
            mark(current());
            return;
        }
        if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || !ways[event.key]) {
            return;
        }
        event.preventDefault();
        ways[event.key]();
    });

    document.addEventListener("focusin", (event) => {
        const row = event.target instanceof Element && event.target.closest("[data-row]");
        if (row && row !== current()) {
            for (const each of rows()) {
                each.removeAttribute("aria-current");
            }
            row.setAttribute("aria-current", "true");
        }
    });

    mark(rows()[0]);
})();
