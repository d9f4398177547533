// Everything works without this file. It adds keys and ignores double clicks.
(() => {
  "use strict";
  const typing = (place) => place.closest("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");
  const keyed = () => [...document.querySelectorAll("[data-key]")].filter((one) => !one.disabled && one.getClientRects().length);
  const named = (one) => (one.dataset.keyLabel || one.getAttribute("aria-label") || one.textContent).trim().replace(/\s+/g, " ");

  // Single keys can be turned off (WCAG 2.1.4): speech input and stray fingers press them too.
  const OFF = "desk-keys-off";
  const off = () => localStorage.getItem(OFF) === "yes";

  const show = () => {
    const box = document.getElementById("keys");
    if (!box) return;
    const list = document.createElement("ul");
    list.className = "govuk-list govuk-!-margin-bottom-0";
    for (const one of keyed()) {
      const key = document.createElement("kbd");
      key.textContent = one.dataset.key;
      const line = document.createElement("li");
      line.append(key, " ", named(one));
      list.append(line);
    }
    const turn = document.createElement("button");
    turn.type = "button";
    turn.className = "desk-plain";
    turn.textContent = off() ? box.dataset.on : box.dataset.off;
    turn.addEventListener("click", () => {
      localStorage.setItem(OFF, off() ? "no" : "yes");
      turn.textContent = off() ? box.dataset.on : box.dataset.off;
    });
    box.replaceChildren(list, turn);
    box.hidden = !box.hidden;
    if (!box.hidden) box.scrollIntoView({ block: "nearest" });
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || event.repeat) return;
    if (typing(event.target)) return;
    if (event.key === "?") return show();
    if (off()) return;
    const found = keyed().find((one) => one.dataset.key.toLowerCase() === event.key.toLowerCase());
    if (!found) return;
    event.preventDefault();
    found.focus();
    found.click();
  });

  // A trembling hand or a slow connection must not decide twice.
  document.addEventListener("submit", (event) => {
    const form = event.target, now = Date.now();
    if (form.method !== "post" || event.defaultPrevented) return;
    if (now - Number(form.dataset.sent || 0) < 1000) event.preventDefault();
    else form.dataset.sent = now;
  });

  for (const one of document.querySelectorAll("[data-key]")) one.setAttribute("aria-keyshortcuts", one.dataset.key);
})();
