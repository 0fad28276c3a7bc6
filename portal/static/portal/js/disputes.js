// Choosing a caption, or writing one, is the decision to do so: mark it.

const decide = (name) => {
  document.querySelector(`input[name=decision][value=${name}]`).checked = true;
};

for (const choice of document.querySelectorAll("[data-decides]")) {
  const event = choice.matches("textarea") ? "input" : "change";
  choice.addEventListener(event, () => decide(choice.dataset.decides));
}
