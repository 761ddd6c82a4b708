// The exception page: keys, ticks, place in the list. Everything here presses a button of the page
// or follows one of its links, so nothing is possible by key that is not possible without script.
(() => {
    "use strict";
    const $ = (selector, root = document) => root.querySelector(selector);
    const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

    document.documentElement.classList.add("has-script");

    // --- Where one is -----------------------------------------------------------------------

    let place = 0;

    function rows() {
        return $$("tr.item");
    }

    function current() {
        return $('tr.item[aria-current="true"]');
    }

    function mark(id) {
        for (const row of rows()) {
            if (row.dataset.item === id) {
                row.setAttribute("aria-current", "true");
                row.scrollIntoView({ block: "nearest" });
            } else {
                row.removeAttribute("aria-current");
            }
        }
    }

    function move(step) {
        const all = rows();
        const at = all.indexOf(current());
        const next = all[Math.min(all.length - 1, Math.max(0, at + step))];
        if (next && next !== all[at]) {
            mark(next.dataset.item);
            const link = $(".row-link", next);
            link.focus({ preventScroll: true });
            link.click();
        }
    }

    function tick(which) {
        const boxes = which === "all" ? $$('input[name="tick"]') : $$('input[name="tick"]', current() || document).slice(0, 1);
        const on = !boxes.every((box) => box.checked);
        for (const box of boxes) {
            box.checked = on;
        }
    }

    // --- Keys -------------------------------------------------------------------------------

    function isTyping(target) {
        return target instanceof Element && target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
    }

    function isShown(element) {
        return element.getClientRects().length > 0 && !element.disabled;
    }

    function press(element) {
        if (element.matches("input, textarea")) {
            element.focus();
            element.select();
        } else if (element.matches("summary")) {
            const details = element.parentElement;
            details.open = !details.open;
            const first = details.open && $("input:not([type=hidden]), select, textarea", details);
            (first || element).focus();
            details.scrollIntoView({ block: "nearest" });
        } else {
            element.click();
        }
    }

    function enter(event) {
        const at = event.target instanceof Element ? event.target : document.body;
        // Enter on a button or on a link other than the chosen row means that button or link.
        if (at.closest("button, summary, select") || (at.closest("a") && !at.closest('tr[aria-current="true"]'))) {
            return null;
        }
        return $("#detail [data-top]");
    }

    function target(event) {
        if (event.key === "Enter") {
            return enter(event);
        }
        const key = CSS.escape(event.key);
        return $$(`[data-key="${key}"], [data-key-too="${key}"]`).find(isShown);
    }

    document.addEventListener("keydown", (event) => {
        if (event.key === "Escape" && isTyping(event.target)) {
            event.target.blur();
            return;
        }
        if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || $("dialog[open]")) {
            return;
        }
        const element = target(event);
        if (element) {
            event.preventDefault();
            press(element);
        }
    });

    document.addEventListener("click", (event) => {
        const at = event.target instanceof Element ? event.target : null;
        const mover = at && at.closest("[data-move]");
        const ticker = at && at.closest("[data-tick]");
        const opener = at && at.closest("[data-dialog]");
        const row = at && at.closest("tr.item");
        if (mover) {
            move(Number(mover.dataset.move));
        } else if (ticker) {
            tick(ticker.dataset.tick);
        } else if (opener) {
            event.preventDefault();
            document.getElementById(opener.dataset.dialog).showModal();
        } else if (row && !at.closest("a, input, label, .c-tick")) {
            $(".row-link", row).click();
        }
    });

    document.addEventListener("change", (event) => {
        if (event.target instanceof Element && event.target.matches("[data-submit]")) {
            event.target.form.requestSubmit();
        }
    });

    // --- Swaps ------------------------------------------------------------------------------

    function say(text) {
        const toast = document.createElement("div");
        toast.className = "toast toast-warning";
        const words = document.createElement("p");
        words.textContent = text;
        toast.append(words);
        $("#live").replaceChildren(toast);
    }

    // Where the focus was, as a selector: a swap replaces the element, not the place.
    let focused = "";

    document.addEventListener("htmx:beforeSwap", () => {
        const list = $("#list-scroll");
        const at = document.activeElement;
        place = list ? list.scrollTop : 0;
        focused = at && at.name && at.closest(".filters") ? `.filters [name="${at.name}"]` : 'tr[aria-current="true"] .row-link';
    });

    document.addEventListener("htmx:afterSettle", (event) => {
        const swapped = event.detail.elt;
        if (swapped && swapped.id === "workbench") {
            const list = $("#list-scroll");
            if (list) {
                list.scrollTop = place;
            }
            const row = current();
            if (row) {
                row.scrollIntoView({ block: "nearest" });
            }
            const again = document.activeElement === document.body && $(focused);
            if (again) {
                again.focus({ preventScroll: true });
            }
        } else if (swapped && swapped.id === "detail") {
            mark(swapped.dataset.item || "");
            $("#workbench").classList.add("shows-item");
        }
        const focus = $("#detail [data-focus]");
        if (focus) {
            focus.focus();
        }
    });

    document.addEventListener("htmx:responseError", (event) => {
        const status = event.detail.xhr.status;
        say(status === 403 ? "Your role does not let you do this, or you were logged out. Load the page again." : status === 404 ? "This item is not there any more. Load the page again." : "The server could not do this. Nothing was posted by halves; load the page again.");
    });

    document.addEventListener("htmx:sendError", () => say("The server cannot be reached. Nothing was sent; try again."));

    const first = current();
    if (first) {
        first.scrollIntoView({ block: "nearest" });
    }
})();
