/* What the site does beyond plain pages; everything works without it. */
"use strict";
(() => {
  const guarded = new Map(); // form -> how many changes it saw, sent and saw saved

  /* Errors are read out first. */
  function showErrors(root) {
    root.querySelector(".error-summary")?.focus();
  }

  /* A link of the error summary puts the cursor into its field. */
  document.addEventListener("click", (event) => {
    const link = event.target.closest(".error-summary a");
    const field = link && document.getElementById(link.hash.slice(1));
    if (!field) return;
    event.preventDefault();
    field.focus();
    field.scrollIntoView({ block: "center" });
  });

  /* A link that looks like a button is pressed like one, with the space bar as well. */
  document.addEventListener("keydown", (event) => {
    const link = event.key === " " && event.target.closest('a[role="button"]');
    if (!link) return;
    event.preventDefault();
    link.click();
  });

  /* Copy buttons stay hidden where nothing can be copied. */
  function showCopying(root) {
    if (!navigator.clipboard) return;
    for (const button of root.querySelectorAll("[data-copy]")) button.hidden = false;
  }
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(button.dataset.copy);
    const word = button.firstChild;
    const before = word.data;
    word.data = "Copied";
    setTimeout(() => { word.data = before; }, 2000);
  });

  /* Files may be dropped on their field. */
  function openDropZones(root) {
    for (const hint of root.querySelectorAll("[data-drop] .hint")) hint.hidden = false;
  }
  function zoneOf(event) {
    return event.target.closest?.("[data-drop]")?.querySelector(".zone");
  }
  document.addEventListener("dragover", (event) => {
    const zone = zoneOf(event);
    if (!zone) return;
    event.preventDefault();
    zone.classList.add("over");
  });
  document.addEventListener("dragleave", (event) => {
    const zone = zoneOf(event);
    if (zone && !zone.contains(event.relatedTarget)) zone.classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    const zone = zoneOf(event);
    if (!zone) return;
    event.preventDefault();
    zone.classList.remove("over");
    const input = zone.querySelector("input[type=file]");
    const files = event.dataTransfer.files;
    if (!files.length) return;
    const kept = new DataTransfer();
    for (const file of input.multiple ? files : [files[0]]) kept.items.add(file);
    input.files = kept.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });

  /* Rows of one kind come and go. */
  document.addEventListener("click", (event) => {
    const button = event.target.closest(".repeated button[name=add], .repeated button[name=remove]");
    if (!button) return;
    event.preventDefault();
    const group = button.closest(".repeated");
    if (button.name === "add") addRow(group, button);
    else removeRow(group, button.closest("[data-row]"));
    group.querySelectorAll("[data-row]").forEach((row, place) => {
      for (const number of row.querySelectorAll("[data-number]")) number.textContent = place + 1;
    });
    group.closest("form").dispatchEvent(new CustomEvent("rows-changed", { bubbles: true }));
  });
  function addRow(group, button) {
    const number = Number(group.dataset.next);
    group.dataset.next = number + 1;
    const holder = document.createElement("template");
    holder.innerHTML = group.querySelector("template").innerHTML.replaceAll("__n__", number);
    const row = holder.content.firstElementChild;
    button.before(row);
    globalThis.htmx?.process(row);
    row.querySelector("input, select, textarea")?.focus();
  }
  function removeRow(group, row) {
    const next = row.nextElementSibling;
    row.remove();
    (next?.querySelector("input, select, textarea") ?? group.querySelector("[name=add]")).focus();
  }

  /* A measure that is chosen proposes how it is counted, and which way is better. */
  document.addEventListener("change", (event) => {
    const chosen = event.target.selectedOptions?.[0]?.dataset;
    const row = event.target.closest?.("[data-row]");
    if (!chosen || !row) return;
    for (const key of ["kind", "direction", "worse"]) {
      const field = row.querySelector(`select[name$="-${key}"]`);
      if (field && chosen[key]) field.value = chosen[key];
    }
  }, { capture: true });

  /* Nobody leaves what is not saved without being asked. */
  function guard(root) {
    for (const form of root.querySelectorAll("form[data-guard]")) {
      if (!guarded.has(form)) guarded.set(form, { changes: 0, sent: 0, saved: 0 });
    }
  }
  for (const kind of ["input", "change", "rows-changed"]) {
    document.addEventListener(kind, (event) => {
      const state = guarded.get(event.target.closest?.("form"));
      if (state) state.changes += 1;
    });
  }
  document.addEventListener("submit", (event) => guarded.delete(event.target));
  window.addEventListener("beforeunload", (event) => {
    for (const [form, state] of guarded) {
      if (form.isConnected && state.changes > state.saved) event.preventDefault();
    }
  });

  /* A draft says when it is kept, which the server does, and when it is not. */
  document.addEventListener("htmx:beforeRequest", (event) => {
    const state = guarded.get(event.target);
    if (state) state.sent = state.changes;
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    const state = guarded.get(event.target);
    if (state && event.detail.successful) state.saved = state.sent;
  });
  document.addEventListener("htmx:responseError", (event) => {
    if (guarded.has(event.target)) tell("Not saved: the server refused it. Your text is still here.");
  });
  document.addEventListener("htmx:sendError", (event) => {
    if (guarded.has(event.target)) tell("Not saved: the server cannot be reached. Your text is still here.");
  });
  function tell(sentence) {
    const place = document.getElementById("saved");
    if (place) place.textContent = sentence;
  }

  function enhance(root) {
    showErrors(root);
    showCopying(root);
    openDropZones(root);
    guard(root);
  }
  enhance(document);
  document.addEventListener("htmx:load", (event) => enhance(event.target));
})();
