// The pages work without this file; it makes them pleasanter.

// A form that must not be sent twice says that it is on its way.
for (const form of document.querySelectorAll("form[data-once]")) {
  form.addEventListener("submit", () => {
    for (const button of form.querySelectorAll("button")) {
      setTimeout(() => { button.disabled = true; });
    }
  });
}

// After Back the browser may show the page as it was left: with its buttons off.
addEventListener("pageshow", (event) => {
  if (event.persisted) {
    for (const button of document.querySelectorAll("form[data-once] button")) button.disabled = false;
  }
});

// The list is sorted as soon as another order is chosen.
document.querySelector(".filters select")?.addEventListener("change", (event) => {
  event.target.form.requestSubmit();
});

// Suggestions while somebody types into the search: a combobox with a list of links (ARIA 1.2).
// The form is sent as typed where no suggestion is chosen.
const field = document.querySelector("[data-suggestions]");
if (field) {
  const list = document.createElement("ul");
  list.id = "suggestions";
  list.className = "suggestions";
  list.hidden = true;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", field.labels[0].textContent);
  field.after(list);
  const say = (name, value) => field.setAttribute(name, value);
  say("role", "combobox");
  say("aria-autocomplete", "list");
  say("aria-controls", list.id);
  say("aria-expanded", "false");
  let found = [], chosen = -1, typed = "", waiting, request;

  const choose = (place) => {
    chosen = place;
    [...list.children].forEach((item, at) => item.setAttribute("aria-selected", at === place));
    if (place < 0) field.removeAttribute("aria-activedescendant");
    else say("aria-activedescendant", list.children[place].id);
  };
  const show = (suggestions) => {
    found = suggestions;
    list.replaceChildren(...found.map(({ text, kind }, at) => {
      const item = document.createElement("li");
      item.id = `suggestion-${at}`;
      item.className = kind;
      item.textContent = text;
      item.setAttribute("role", "option");
      return item;
    }));
    list.hidden = !found.length;
    say("aria-expanded", String(!list.hidden));
    choose(-1);
  };
  const ask = async () => {
    request?.abort();
    request = new AbortController();
    try {
      const address = `${field.dataset.suggestions}?q=${encodeURIComponent(typed)}`;
      const answer = await fetch(address, { signal: request.signal });
      if (answer.ok) show(await answer.json());
    } catch { /* Replaced by a newer request, or offline: the search works without. */ }
  };
  const close = () => { clearTimeout(waiting); request?.abort(); show([]); };

  field.addEventListener("input", () => {
    typed = field.value.trim();
    clearTimeout(waiting);
    if (typed) waiting = setTimeout(ask, 120);
    else close();
  });
  field.addEventListener("keydown", (event) => {
    if (event.isComposing || list.hidden) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    // Beyond either end is the field itself, which is place -1.
    if (step) choose((chosen + 1 + step + found.length + 1) % (found.length + 1) - 1);
    else if (event.key === "Enter" && chosen >= 0) location.assign(found[chosen].url);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
  });
  // A press, before the field loses the focus and the list closes.
  list.addEventListener("mousedown", (event) => {
    const at = [...list.children].indexOf(event.target.closest("li"));
    event.preventDefault();
    if (at >= 0) location.assign(found[at].url);
  });
  field.addEventListener("blur", close);
}
