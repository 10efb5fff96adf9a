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
