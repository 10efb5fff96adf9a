// The pages work without this file; it makes them pleasanter.

// --- A form that must not be sent twice is sent once: its buttons go off with the first time.

addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("form[data-once]")) return;
  if (form.hasAttribute("aria-busy")) {
    event.preventDefault();
    return;
  }
  form.setAttribute("aria-busy", "true");
  // Afterwards: a button that is off when the form is sent would not be sent with it.
  setTimeout(() => setButtons(form, false));
});

addEventListener("pageshow", (event) => {
  // After Back the browser may show a page as it was left: with buttons that are off, or a cart
  // that has changed since.
  for (const form of document.querySelectorAll("form[aria-busy]")) {
    form.removeAttribute("aria-busy");
    setButtons(form, true);
  }
  if (event.persisted && document.getElementById("cart")) location.reload();
});

function setButtons(form, on) {
  for (const button of form.querySelectorAll("button")) button.disabled = !on;
}

// --- The cart changes in place: the same form is sent, and of the page that answers its messages,
// --- the number in the header and, on the cart's page, the cart are shown.

// One after the other, in all tabs where the browser can: each changes the cart's cookie.
let queue = Promise.resolve();
let waiting = 0;
let leaving; // The timer of a quantity that was changed.

addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("form[data-in-place]")) return;
  event.preventDefault();
  clearTimeout(leaving);
  // What adds is sent once. A quantity is absolute: its last value is what counts.
  if (form.matches(".add") && waiting) return;
  const body = new URLSearchParams(new FormData(form));
  const { name, value } = event.submitter ?? {};
  if (name) body.set(name, value);
  waiting += 1;
  const sent = () => send(form, body);
  queue = queue.then(() => navigator.locks?.request("cart", sent) ?? sent());
});

// A quantity that was changed is sent without a click.
addEventListener("change", ({ target }) => {
  if (!target.matches(".quantity input")) return;
  clearTimeout(leaving);
  leaving = setTimeout(() => target.isConnected && target.form.requestSubmit(), 400);
});

async function send(form, body) {
  try {
    const response = await fetch(form.action, { method: "POST", body });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    show(page, response, form);
    // The next click adds again. Where no answer came, it repeats this one, which adds once.
    const { key } = form.elements;
    if (response.ok && key) key.value = key.value.slice(0, 24) + Date.now();
  } catch {
    say([message("problem", document.body.dataset.unreachable)]);
  } finally {
    waiting -= 1;
  }
}

function show(page, response, form) {
  const said = [...page.querySelectorAll("#messages > *")];
  if (!response.ok) {
    // The page of a problem: its words, beside what was typed.
    const words = [...page.querySelectorAll(".problem-page > h1, .problem-page > h1 + p")];
    say([message("problem", words.map((each) => each.textContent).join(". "))]);
  } else if (!page.querySelector("#cart") && !said.length) {
    location.assign(response.url); // the sign-in page
  } else if (waiting < 2) {
    copy(page, "#cart-link");
    const focused = document.activeElement;
    const inside = focused.closest("#cart");
    if (copy(page, "#cart")) {
      // What had the focus is another element now. Where its line is gone, it would be lost.
      if (inside) (document.getElementById(focused.id) ?? document.querySelector("h1")).focus();
      const total = document.querySelector("#cart .total");
      if (total) said.push(element("p", "hidden", total.textContent));
    } else if (page.querySelector("#cart")) {
      const link = element("a", "", form.dataset.see);
      link.href = document.getElementById("cart-link").href;
      said.at(-1)?.append(" ", link);
    }
    say(said);
  }
}

function copy(page, selector) {
  const here = document.querySelector(selector);
  const there = page.querySelector(selector);
  if (here && there) here.replaceChildren(...there.childNodes);
  return here && there;
}

function say(nodes) {
  const messages = document.getElementById("messages");
  messages.replaceChildren(...nodes);
  messages.scrollIntoView({ block: "nearest" });
}

function message(kind, text) {
  const made = element("p", `message ${kind}`, text);
  if (kind === "problem") made.setAttribute("role", "alert");
  return made;
}

function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

// --- The list is sorted as soon as another order is chosen.

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
