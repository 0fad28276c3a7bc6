// The workbench: the lease's time left and its heartbeat, the draft, the next clip, the keys.
// Without this file the form works the same; the lease then simply ends at the time it names.

const HEARTBEAT_SECONDS = 60;
const IDLE_SECONDS = 45;
const SHORT_SECONDS = 120;

const form = document.querySelector("[data-workbench]");
const text = form.querySelector("textarea");
const video = document.querySelector("video");
const time = document.querySelector("[data-lease-time]");
const kept = form.querySelector("[data-kept]");
const lease = form.elements.lease.value;

let deadline = Date.now() + Number(form.dataset.secondsLeft) * 1000;
let lastActive = Date.now();
let lastBeat = Date.now();
let spent = 0;
let hasEnded = false;
let isSending = false;
let stored = text.value;

const isPlaying = () => video && !video.paused;
const isWorking = () => isPlaying() || Date.now() - lastActive < IDLE_SECONDS * 1000;

function fields(extra) {
  const data = new FormData();
  data.set("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
  data.set("lease", lease);
  for (const [name, value] of Object.entries(extra)) data.set(name, value);
  return data;
}

async function post(url, extra) {
  try {
    return await fetch(url, { method: "POST", body: fields(extra), credentials: "same-origin" });
  } catch {
    return null; // no network just now: the next tick tries again
  }
}

async function beat() {
  lastBeat = Date.now();
  const answer = await post(form.dataset.heartbeat, {});
  if (!answer) return;
  if (answer.ok) {
    deadline = Date.now() + (await answer.json()).seconds_left * 1000;
  } else if (answer.status === 409 || answer.status === 404) {
    hasEnded = true;
  }
}

function showTime() {
  const left = Math.max(0, Math.round((deadline - Date.now()) / 1000));
  hasEnded ||= left === 0;
  time.classList.toggle("is-short", hasEnded || left < SHORT_SECONDS);
  const label = time.querySelector("span");
  if (hasEnded) {
    label.textContent = "The lease has ended; your text is kept";
    return;
  }
  const minutes = Math.floor(left / 60);
  const shown = `${minutes}:${String(left % 60).padStart(2, "0")}`;
  label.innerHTML = "";
  label.append("Yours for ", Object.assign(document.createElement("b"), { textContent: shown }));
}

function tick() {
  if (document.visibilityState === "visible" && isWorking()) {
    spent += 1;
    form.elements.seconds.value = spent;
    if (!hasEnded && Date.now() - lastBeat > HEARTBEAT_SECONDS * 1000) beat();
  }
  showTime();
}

async function keep() {
  if (text.value === stored || isSending) return;
  const sent = text.value;
  const answer = await post(form.dataset.draft, { text: sent });
  if (!answer || !answer.ok) {
    kept.textContent = "Not kept yet";
    return;
  }
  stored = sent;
  kept.textContent = "Draft kept";
}

function showLength() {
  const n = [...text.value].length;
  form.querySelector("[data-length]").textContent = `${n.toLocaleString("en")} of 5,000 characters`;
}

// Once this clip has loaded, the next one is held and its beginning fetched. Its clock does not run.
async function reserve() {
  const answer = await post(form.dataset.reserve, {});
  if (!answer || !answer.ok) return;
  const { clip } = await answer.json();
  if (!clip) return;
  const next = Object.assign(document.createElement("video"), { preload: "auto", muted: true });
  next.addEventListener("canplay", () => { form.querySelector("[data-next]").hidden = false; });
  next.src = clip;
}

if (!video || video.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA) reserve();
else video.addEventListener("canplay", reserve, { once: true });

let pause = 0;
text.addEventListener("input", () => {
  showLength();
  kept.textContent = "";
  clearTimeout(pause);
  pause = setTimeout(keep, 1500);
});

for (const name of ["pointerdown", "pointermove", "keydown"]) {
  document.addEventListener(name, () => { lastActive = Date.now(); }, { passive: true });
}

document.addEventListener("submit", () => { isSending = true; });

window.addEventListener("pagehide", () => {
  if (!isSending && text.value !== stored) {
    navigator.sendBeacon(form.dataset.draft, fields({ text: text.value }));
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target === text) {
    event.preventDefault();
    form.requestSubmit();
  } else if (event.key === "Escape" && event.target === text) {
    (video || document.querySelector("main")).focus();
  } else if (event.key === "c" && !event.ctrlKey && !event.metaKey && !event.altKey
      && !event.target.matches("textarea, input, select")) {
    event.preventDefault();
    text.focus();
  }
});

showLength();
showTime();
setInterval(tick, 1000);
