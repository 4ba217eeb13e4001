// What makes the admin's pages better where there is JavaScript. Without it they work all the same.
document.documentElement.classList.add("js");

// A second press of a button that sends a form does nothing.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method === "get" || event.defaultPrevented) return;
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "1";
  event.submitter?.setAttribute("aria-busy", "true");
});
// Back from the browser's memory: the form may be sent again.
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    form.querySelector("[aria-busy]")?.removeAttribute("aria-busy");
  }
});

// <button data-opens="ID"> opens the dialog; <button data-closes> closes the one it stands in.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-opens], [data-closes], [data-copies]");
  if (!button) return;
  if (button.dataset.opens) {
    event.preventDefault();
    document.getElementById(button.dataset.opens).showModal();
  } else if (button.dataset.copies) {
    await navigator.clipboard.writeText(button.dataset.copies);
    button.textContent = button.dataset.copied;
  } else {
    event.preventDefault();
    button.closest("dialog").close();
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
