// Menus are <details>: they open without this. Here they close when one looks elsewhere.

const menus = () => document.querySelectorAll("details[data-menu][open]");

document.addEventListener("click", (event) => {
  for (const menu of menus()) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of menus()) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// One press of a button is one request; a page that comes back from the history works again.
document.addEventListener("submit", (event) => {
  const buttons = event.target.querySelectorAll("button[type=submit]");
  setTimeout(() => buttons.forEach((button) => { button.disabled = true; }));
});

window.addEventListener("pageshow", () => {
  document.querySelectorAll("button[type=submit]").forEach((button) => { button.disabled = false; });
});

document.querySelectorAll("[data-needs-script]").forEach((part) => { part.hidden = false; });
