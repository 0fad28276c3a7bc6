// Accepting a prediction: counts what was really played, each tenth of a second once, and opens the
// button when it is enough. The server checks the figure again, and against its own clock.

const TENTHS = 10;
const form = document.querySelector("[data-accept]");
const video = document.querySelector("[data-player] video");
const player = document.querySelector("[data-player]");

if (form && video) {
  const button = form.querySelector("button");
  const told = form.querySelector("[data-watched]");
  const least = Number(form.dataset.least);
  const start = Number(player.dataset.start) || 0;
  const end = player.dataset.end === "" ? Infinity : Number(player.dataset.end);
  const seen = new Set();
  let before = null;

  const note = () => {
    const now = video.currentTime;
    const isLooking = document.visibilityState === "visible" && !video.seeking;
    if (isLooking && before !== null && now > before) {
      for (let at = Math.floor(before * TENTHS); at < Math.floor(now * TENTHS); at += 1) {
        if (at >= Math.floor(start * TENTHS) && at < end * TENTHS) seen.add(at);
      }
    }
    before = video.paused || !isLooking ? null : now;
    show();
  };

  const show = () => {
    const watched = seen.size / TENTHS;
    form.elements.watched.value = watched;
    button.disabled = watched < least;
    told.textContent = watched < least
      ? `Watch the clip first: ${watched.toFixed(1)} of ${least.toFixed(1)} s.`
      : "You have watched enough to accept it.";
  };

  const follow = () => {
    note();
    if (!video.paused) requestAnimationFrame(follow);
  };
  for (const name of ["play", "seeked"]) video.addEventListener(name, () => { before = null; follow(); });
  for (const name of ["timeupdate", "pause", "ended"]) video.addEventListener(name, note);
  window.addEventListener("pageshow", show);
  document.querySelector("[data-without-script]").hidden = true;
  form.hidden = false;
  show();
}
