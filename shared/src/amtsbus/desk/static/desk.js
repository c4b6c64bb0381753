// What makes the desk quicker: keys, and pages that notice what others do. Without it everything works.

const IDLE_MS = 20 * 60_000; // an unattended page must not keep its session alive
const REFRESH_MS = 5_000;
const KEYS_OFF = "desk.keys";

// Keys (WCAG 2.1.4: they can be switched off, in the dialog that "?" or its button shows)

const dialog = document.getElementById("desk-keys");

function keysAreOn() {
  return localStorage.getItem(KEYS_OFF) !== "off";
}

function isTyping(target) {
  return target instanceof Element && target.closest("input, textarea, select, [contenteditable], dialog[open]") !== null;
}

function rows() {
  return [...document.querySelectorAll("[data-row] a[data-open]")];
}

function moveBy(step) {
  const links = rows();
  if (links.length === 0) return false;
  const at = links.indexOf(document.activeElement);
  const next = at === -1 ? (step > 0 ? 0 : links.length - 1) : Math.min(Math.max(at + step, 0), links.length - 1);
  links[next].focus();
  return true;
}

function go(name) {
  const link = document.querySelector(`[data-key="${name}"]`);
  if (!link) return false;
  if (link.matches("details")) {
    link.open = true;
    link.querySelector("textarea, input:not([type=hidden]), select")?.focus();
  } else if (link.matches("input")) {
    link.focus();
    link.select();
  } else {
    link.click();
  }
  return true;
}

function showKeys() {
  if (!dialog) return false;
  dialog.showModal();
  return true;
}

const ACTIONS = {
  j: () => moveBy(1),
  k: () => moveBy(-1),
  "/": () => go("search"),
  l: () => go("list"),
  n: () => go("note"),
  "?": showKeys,
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isTyping(event.target)) return;
  const inList = event.target instanceof Element && event.target.closest("[data-row]") !== null;
  let done = false;
  if (inList && event.key === "ArrowDown") done = moveBy(1);
  else if (inList && event.key === "ArrowUp") done = moveBy(-1);
  else if (keysAreOn() && Object.hasOwn(ACTIONS, event.key)) done = ACTIONS[event.key]();
  if (done) event.preventDefault();
});

if (dialog) {
  for (const button of document.querySelectorAll("[data-show-keys]")) {
    button.hidden = false;
    button.addEventListener("click", showKeys);
  }
  const toggle = dialog.querySelector("input[type=checkbox]");
  toggle.checked = keysAreOn();
  toggle.addEventListener("change", () => localStorage.setItem(KEYS_OFF, toggle.checked ? "on" : "off"));
}

// Live

let active = Date.now();
for (const kind of ["pointerdown", "keydown", "input", "focus"]) {
  window.addEventListener(kind, () => { active = Date.now(); }, { capture: true, passive: true });
}

/** Listen to a stream while somebody sits at the page; returns what ends it. */
function listen(address, handlers) {
  let source = null;
  const begin = () => {
    if (source || document.hidden || Date.now() - active > IDLE_MS) return;
    source = new EventSource(address());
    for (const [name, handle] of Object.entries(handlers)) {
      source.addEventListener(name, (event) => handle(JSON.parse(event.data), event));
    }
    source.addEventListener("ended", end);
  };
  const end = () => {
    source?.close();
    source = null;
  };
  const look = setInterval(() => { if (Date.now() - active > IDLE_MS) end(); }, 30_000);
  for (const kind of ["pointerdown", "keydown", "focus"]) window.addEventListener(kind, begin, { capture: true, passive: true });
  document.addEventListener("visibilitychange", () => (document.hidden ? end() : begin()));
  window.addEventListener("pagehide", end);
  begin();
  return () => { clearInterval(look); end(); };
}

/** The list follows what happens: its part of the page is fetched anew, and whoever is in it stays where they are. */
function followList(list) {
  let timer = null;
  let refreshedAt = 0;

  async function refresh() {
    timer = null;
    refreshedAt = Date.now();
    let answer;
    try {
      answer = await fetch(window.location.href, { credentials: "same-origin", redirect: "manual" });
    } catch {
      return;
    }
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById(list.id);
    if (!fresh) return;
    const before = new Map([...list.querySelectorAll("[data-row]")].map((row) => [row.dataset.row, row.dataset.version]));
    const focused = document.activeElement?.closest?.("[data-row]")?.dataset.row;
    list.replaceChildren(...fresh.childNodes);
    list.dataset.since = fresh.dataset.since;
    for (const row of list.querySelectorAll("[data-row]")) {
      if (before.get(row.dataset.row) !== row.dataset.version) row.classList.add("city-changed");
      if (row.dataset.row === focused) row.querySelector("a[data-open]")?.focus();
    }
    const said = document.getElementById("desk-said");
    if (said) said.textContent = said.dataset.refreshed;
  }

  listen(() => `${list.dataset.live}?since=${encodeURIComponent(list.dataset.since)}`, {
    changed() {
      if (timer === null) timer = setTimeout(refresh, Math.max(300, refreshedAt + REFRESH_MS - Date.now()));
    },
  });
}

/** The page of a case does not change under whoever reads or writes on it: it says that it is not the newest any more. */
function followCase(page) {
  let version = Number(page.dataset.version);
  listen(() => `${page.dataset.live}?version=${version}`, {
    changed(told) {
      version = told.version;
      const changed = document.getElementById("desk-changed");
      changed.querySelector("[data-text]").textContent = told.text;
      changed.hidden = false;
    },
    watching(told) {
      document.getElementById("desk-watching").textContent = told.text;
    },
  });
}

const list = document.querySelector("[data-live-list]");
if (list) followList(list);
const page = document.querySelector("[data-live-case]");
if (page) followCase(page);
