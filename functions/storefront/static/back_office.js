// A file is sent with its progress shown, and what the page that answers says takes the place of
// this one. Without this file the form is sent as any other.

addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-upload]")) return;
  event.preventDefault();
  const request = new XMLHttpRequest();
  const progress = form.querySelector("progress");
  const busy = (on) => {
    progress.parentElement.hidden = !on;
    form.querySelector("button").disabled = on;
  };
  request.upload.onprogress = ({ loaded, total }) => {
    // Once all is sent, it is not known how long the last lines take.
    if (loaded < total) progress.value = loaded / total;
    else progress.removeAttribute("value");
  };
  request.onload = () => {
    const page = new DOMParser().parseFromString(request.responseText, "text/html");
    const made = page.querySelector("[data-upload]");
    if (!made) {
      if (request.responseURL !== form.action) location.assign(request.responseURL); // a sign-in
      else document.querySelector("main").replaceWith(page.querySelector("main"));
      return;
    }
    made.elements.file.files = form.elements.file.files;
    document.querySelector("main").replaceWith(page.querySelector("main"));
    (document.querySelector("[aria-invalid]") ?? document.querySelector("h1")).focus();
  };
  request.onerror = () => {
    busy(false);
    const said = document.createElement("p");
    said.className = "message problem";
    said.setAttribute("role", "alert");
    said.textContent = document.body.dataset.unreachable;
    document.getElementById("messages").replaceChildren(said);
  };
  request.open("POST", form.action);
  request.send(new FormData(form));
  progress.value = 0;
  busy(true);
});
