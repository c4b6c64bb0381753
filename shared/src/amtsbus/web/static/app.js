// What makes pages more convenient. Without it everything works, so nothing here is needed, and nothing fails loudly.

/** Whoever sent a form with mistakes hears of them at once. */
function focusMistakes() {
  document.querySelector("[data-focus]")?.focus();
}

/** A second click while the first is on its way sends nothing. */
function sendOnce(form) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    for (const button of form.querySelectorAll("button[type=submit]")) {
      button.setAttribute("aria-disabled", "true");
    }
  });
}

/** Coming back with the browser's button, a form can be sent again. */
function releaseForms() {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll("button[aria-disabled]")) {
      button.removeAttribute("aria-disabled");
    }
  }
}

/** How many characters are left. Spoken only now and then, not at each of them. */
function countCharacters(area) {
  const shown = document.getElementById(area.dataset.count);
  if (!shown) return;
  const spoken = document.createElement("span");
  spoken.className = "kern-sr-only";
  spoken.setAttribute("role", "status");
  shown.after(spoken);
  let pause;
  const count = () => {
    shown.textContent = `${shown.dataset.left} ${area.maxLength - area.value.length}`;
    clearTimeout(pause);
    pause = setTimeout(() => { spoken.textContent = shown.textContent; }, 1500);
  };
  shown.textContent = `${shown.dataset.left} ${area.maxLength - area.value.length}`;
  area.addEventListener("input", count);
}

/** Somebody who is writing is not idle: the session lives on, at most one request in five minutes. */
function stayAlive(address) {
  let last = Date.now();
  document.addEventListener("input", () => {
    if (Date.now() - last < 300_000) return;
    last = Date.now();
    fetch(address, { credentials: "same-origin" }).catch(() => {});
  });
}

focusMistakes();
document.querySelectorAll("form[data-once]").forEach(sendOnce);
document.querySelectorAll("textarea[data-count]").forEach(countCharacters);
window.addEventListener("pageshow", releaseForms);
if (document.body.dataset.alive) stayAlive(document.body.dataset.alive);
