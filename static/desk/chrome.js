// The theme switch and the keys that go to a page (g and a letter), on every page.
(() => {
    "use strict";
    const KEY = "adminTheme"; // The name under which unfold keeps the theme, as JSON.
    const system = window.matchMedia("(prefers-color-scheme: dark)");

    function theme() {
        try {
            return JSON.parse(localStorage.getItem(KEY)) || "auto";
        } catch {
            return "auto";
        }
    }

    function isDark() {
        return theme() === "dark" || (theme() === "auto" && system.matches);
    }

    function paint() {
        document.documentElement.classList.toggle("dark", isDark());
    }

    function switchTheme() {
        const next = isDark() ? "light" : "dark";
        localStorage.setItem(KEY, JSON.stringify(next));
        if (window.Alpine) {
            window.Alpine.$data(document.documentElement).adminTheme = next;
        }
        paint();
    }

    function isTyping(target) {
        return target instanceof Element && target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
    }

    let hasTypedG = false;
    document.addEventListener("keydown", (event) => {
        if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) {
            return;
        }
        if (hasTypedG) {
            hasTypedG = false;
            const link = document.querySelector(`[data-key="g ${CSS.escape(event.key)}"]`);
            if (link) {
                event.preventDefault();
                event.stopImmediatePropagation();
                link.click();
            }
        } else if (event.key === "g") {
            hasTypedG = true;
            setTimeout(() => (hasTypedG = false), 1500);
        }
    });

    paint();
    system.addEventListener("change", paint);
    document.addEventListener("click", (event) => {
        if (event.target instanceof Element && event.target.closest("[data-theme-switch]")) {
            switchTheme();
        }
    });
})();
