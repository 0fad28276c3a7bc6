// The player: keeps to the segment, repeats it, steps by frames, changes speed, listens to keys.
// Without this file the browser's own controls are there and a media fragment cuts the segment.

const SPEEDS = [1, 0.5, 0.25, 1.5, 2];
const TYPING = "textarea, input:not([type=radio]):not([type=range]), select";

export function clock(seconds) {
  const tenths = Math.round(Math.max(0, seconds) * 10);
  const minutes = Math.floor(tenths / 600);
  return `${minutes}:${((tenths % 600) / 10).toFixed(1).padStart(4, "0")}`;
}

class Player {
  constructor(root) {
    this.root = root;
    this.video = root.querySelector("video");
    this.start = Number(root.dataset.start) || 0;
    this.givenEnd = root.dataset.end === "" ? null : Number(root.dataset.end);
    this.frame = 1 / (Number(root.dataset.fps) || 25);
    this.controls = root.querySelector(".player-controls");
    this.isLooping = this.controls !== null;
    this.keepToSegment();
    if (this.controls) this.takeOver();
  }

  get end() {
    const length = Number.isFinite(this.video.duration) ? this.video.duration : this.start;
    return this.givenEnd === null ? length : Math.min(this.givenEnd, length);
  }

  keepToSegment() {
    this.video.addEventListener("loadedmetadata", () => {
      if (this.video.currentTime < this.start) this.video.currentTime = this.start;
      this.draw();
    });
    this.video.addEventListener("timeupdate", () => this.mind());
    this.video.addEventListener("ended", () => this.atEnd());
  }

  // `timeupdate` comes four times a second: near the end a frame callback looks more closely.
  mind() {
    if (this.givenEnd !== null && this.video.currentTime >= this.end) this.atEnd();
    this.draw();
  }

  atEnd() {
    if (this.isLooping && (!this.video.paused || this.video.ended)) {
      this.video.currentTime = this.start;
      this.video.play();
    } else {
      this.video.pause();
    }
  }

  takeOver() {
    this.video.controls = false;
    this.controls.hidden = false;
    this.seekBar = this.controls.querySelector("[data-seek]");
    this.video.addEventListener("click", () => this.toggle());
    for (const name of ["play", "pause"]) {
      this.video.addEventListener(name, () => {
        this.root.classList.toggle("is-playing", !this.video.paused);
        this.follow();
      });
    }
    this.seekBar.addEventListener("input", () => {
      this.seek(this.start + (this.seekBar.value / 1000) * (this.end - this.start));
    });
    this.controls.addEventListener("click", (event) => {
      const button = event.target.closest("[data-do]");
      if (button) this[button.dataset.do]();
    });
    if (this.video.readyState > 0) this.draw();
  }

  follow() {
    this.mind();
    if (!this.video.paused) requestAnimationFrame(() => this.follow());
  }

  draw() {
    if (!this.controls) return;
    const length = this.end - this.start;
    const now = this.video.currentTime - this.start;
    if (document.activeElement !== this.seekBar || !this.video.paused) {
      this.seekBar.value = length > 0 ? (now / length) * 1000 : 0;
    }
    this.seekBar.setAttribute("aria-valuetext", `${clock(now)} of ${clock(length)}`);
    this.controls.querySelector("[data-now]").textContent = clock(now);
    this.controls.querySelector("[data-total]").textContent = clock(length);
  }

  seek(time) {
    this.video.currentTime = Math.min(Math.max(time, this.start), this.end);
    this.draw();
  }

  toggle() {
    if (!this.video.paused) return this.video.pause();
    if (this.video.currentTime >= this.end - this.frame / 2) this.seek(this.start);
    return this.video.play();
  }

  step(frames) {
    this.video.pause();
    this.seek(this.video.currentTime + frames * this.frame);
  }

  back() { this.step(-1); }

  forward() { this.step(1); }

  restart() {
    this.seek(this.start);
    this.video.play();
  }

  loop() {
    this.isLooping = !this.isLooping;
    this.controls.querySelector("[data-do=loop]").setAttribute("aria-pressed", this.isLooping);
  }

  speed() {
    const next = SPEEDS[(SPEEDS.indexOf(this.video.playbackRate) + 1) % SPEEDS.length];
    this.video.playbackRate = next;
    this.controls.querySelector("[data-speed]").textContent = `${next}×`;
  }
}

const KEYS = {
  k: (player) => player.toggle(),
  " ": (player) => player.toggle(),
  ArrowLeft: (player) => player.seek(player.video.currentTime - 1),
  ArrowRight: (player) => player.seek(player.video.currentTime + 1),
  ",": (player) => player.back(),
  ".": (player) => player.forward(),
  r: (player) => player.restart(),
  s: (player) => player.speed(),
  l: (player) => player.loop(),
};

function listen(player) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches(TYPING)) return;
    const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    // These keys already mean something on buttons, sliders and choices.
    const isTaken = name === " " ? "button, summary, a, input" : "input";
    if (!(name in KEYS) || ((name === " " || name.startsWith("Arrow")) && event.target.matches(isTaken))) return;
    event.preventDefault();
    KEYS[name](player);
  });
}

const players = [...document.querySelectorAll("[data-player]")].map((root) => new Player(root));
const main = players.find((player) => player.controls);
if (main) listen(main);
