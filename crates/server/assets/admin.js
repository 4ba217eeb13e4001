// What makes the admin's pages better where there is JavaScript. Without it they work all the same.
document.documentElement.classList.add("js");

// A second press of a button that sends a form does nothing.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method === "get" || event.defaultPrevented) return;
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "1";
  event.submitter?.setAttribute("aria-busy", "true");
  if (form.closest("dialog")) {
    event.preventDefault();
    send(form);
  }
});
// Back from the browser's memory: the form may be sent again.
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    form.querySelector("[aria-busy]")?.removeAttribute("aria-busy");
  }
});

// <a data-dialog> opens the part #dialog of the page that it leads to over this one. Its form is
// sent from there: what is wrong is shown in place, and what is done leads on.
let dialog;

async function open(link) {
  const response = await fetch(link.href).catch(() => null);
  if (!response || !(await fill(response))) location.assign(link.href);
}

async function send(form) {
  const body = new URLSearchParams(new FormData(form));
  const response = await fetch(form.action, { method: "POST", body }).catch(() => null);
  // Not reached: as without JavaScript. The form's key makes it one act all the same.
  if (!response) return form.submit();
  if (response.redirected || !(await fill(response))) location.assign(response.url);
}

async function fill(response) {
  if (response.redirected) return false;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const content = page.getElementById("dialog");
  if (!content) return false;
  if (!dialog) {
    dialog = document.createElement("dialog");
    dialog.setAttribute("aria-labelledby", "dialog-title");
    document.body.append(dialog);
  }
  content.className = "stack";
  dialog.replaceChildren(content);
  if (!dialog.open) dialog.showModal();
  const wrong = dialog.querySelector("[aria-invalid] input, textarea[aria-invalid]");
  (wrong ?? dialog.querySelector("[autofocus]"))?.focus();
  return true;
}

document.addEventListener("click", async (event) => {
  const pressed = event.target.closest("[data-dialog], [data-closes], [data-copies]");
  if (!pressed || event.metaKey || event.ctrlKey || event.shiftKey) return;
  if ("dialog" in pressed.dataset) {
    event.preventDefault();
    await open(pressed);
  } else if (pressed.dataset.copies) {
    await navigator.clipboard.writeText(pressed.dataset.copies);
    pressed.textContent = pressed.dataset.copied;
  } else if (pressed.closest("dialog")) {
    event.preventDefault();
    pressed.closest("dialog").close();
  }
});

// <… data-prints>: the page on paper.
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-prints]")) print();
});

// <… data-again="SECONDS">: what is on its way is looked at again, unless somebody is busy here.
const again = document.querySelector("[data-again]");
if (again) {
  setInterval(() => {
    if (!dialog?.open && !document.hidden) location.reload();
  }, Number(again.dataset.again) * 1000);
}

// <input type="file" data-reads="ID">: the file's text goes into the field of that id.
document.addEventListener("change", async (event) => {
  const { reads } = event.target.dataset;
  if (reads && event.target.files.length) {
    document.getElementById(reads).value = await event.target.files[0].text();
  }
});

// What was done is said for some seconds, and its name leaves the address.
const toast = document.querySelector(".toast");
if (toast) {
  const place = new URL(location.href);
  place.searchParams.delete("done");
  history.replaceState(null, "", place);
  setTimeout(() => toast.classList.add("gone"), 6000);
}
