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

let queue = Promise.resolve(); // One after the other: each changes the session's cookie.
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
  queue = queue.then(() => send(form, body));
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
    const focused = document.activeElement.id;
    if (copy(page, "#cart")) {
      // Where the line is gone, the focus would be lost.
      (document.getElementById(focused) ?? document.querySelector("h1")).focus();
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
