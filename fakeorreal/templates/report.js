"use strict";

const MARGIN = 3.5; // rem left of the drawing, for its labels; as .seek in the style sheet
const AXIS = 1.4; // rem below it, for the time

function clock(seconds) {
  const tenths = Math.round(10 * seconds);
  const [hours, minutes] = [Math.floor(tenths / 36000), Math.floor(tenths / 600) % 60];
  const rest = ((tenths % 600) / 10).toFixed(1).padStart(4, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

function signed(score) {
  return (score < 0 ? "" : "+") + score.toFixed(2);
}

/** A round step that leaves at most `most` labels on a length. */
function step(length, most) {
  const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];
  return steps.find((one) => length / one <= most) ?? length;
}

/** The whole multiples of `apart` from `low` to `high`. */
function ticks(low, high, apart) {
  const first = Math.ceil(low / apart);
  return Array.from({ length: Math.floor(high / apart) - first + 1 }, (_, k) => (first + k) * apart);
}

class Recording {
  constructor(article) {
    const find = (selector) => article.querySelector(selector);
    Object.assign(this, JSON.parse(find("script").textContent)); // as `data` in page_parts.py
    this.envelope = Int8Array.from(atob(this.envelope), (c) => c.charCodeAt(0));
    this.audio = find("audio"); // null where playback is left out
    this.canvas = find("canvas");
    this.spectrogram = find(".spectrogram");
    this.seekbar = find(".seek");
    this.button = find(".play");
    this.time = find(".time");
    this.position = 0;
    this.stop = null; // where a suspicious stretch ends

    for (const button of article.querySelectorAll("[data-start]")) {
      button.addEventListener("click", () => this.go(+button.dataset.start, +button.dataset.end));
    }
    this.seekbar.addEventListener("pointerdown", (event) => {
      this.seekbar.setPointerCapture(event.pointerId);
      this.seekTo(event);
    });
    this.seekbar.addEventListener("pointermove", (event) => event.buttons && this.seekTo(event));
    this.seekbar.addEventListener("keydown", (event) => this.key(event));
    this.seekbar.ariaValueMin = 0;
    this.seekbar.ariaValueMax = this.seconds.toFixed(1);
    article.addEventListener("pointerdown", () => (Recording.current = this));
    article.addEventListener("focusin", () => (Recording.current = this));
    if (this.audio) {
      this.button.disabled = false;
      this.button.addEventListener("click", () => this.toggle());
      this.audio.addEventListener("play", () => this.playing());
      this.audio.addEventListener("pause", () => (this.button.textContent = "Play"));
      this.audio.addEventListener("timeupdate", () => this.follow());
      this.audio.addEventListener("error", () => {
        this.button.disabled = true;
        this.time.textContent = "This browser cannot play Ogg/Opus; a current one can.";
      });
    }
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    this.spectrogram.decode().then(() => this.draw());
    this.show();
  }

  toggle() {
    this.stop = null;
    if (this.audio.paused) this.audio.play();
    else this.audio.pause();
  }

  playing() {
    this.button.textContent = "Pause";
    const frame = () => {
      this.follow();
      if (!this.audio.paused) requestAnimationFrame(frame);
    };
    frame();
  }

  follow() {
    this.position = this.audio.currentTime;
    if (this.stop !== null && this.position >= this.stop) {
      this.stop = null;
      this.audio.pause();
    }
    this.show();
  }

  /** Moves the playhead; plays up to `stop`, if given and if there is anything to play. */
  go(position, stop = null) {
    this.position = Math.min(Math.max(position, 0), this.seconds);
    this.stop = stop;
    if (this.audio) {
      this.audio.currentTime = this.position;
      if (stop !== null) this.audio.play();
    }
    this.show();
  }

  seekTo(event) {
    const box = this.seekbar.getBoundingClientRect();
    this.go(((event.clientX - box.left) / box.width) * this.seconds);
  }

  key(event) {
    const to = { ArrowLeft: this.position - 1, ArrowRight: this.position + 1, Home: 0, End: this.seconds }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.go(to);
  }

  kind(score) {
    return score >= this.threshold ? "fake" : "real";
  }

  value(score) {
    return this.unit === "probability" ? `${(100 * score).toFixed(0)} %` : signed(score);
  }

  show() {
    const here = this.windows.findLast(([start, end]) => start <= this.position && this.position <= end);
    const score = here ? `, ${this.unit} here ${this.value(here[2])}: looks ${this.kind(here[2])}` : "";
    this.time.textContent = `${clock(this.position)} of ${clock(this.seconds)}${score}`;
    this.seekbar.ariaValueNow = this.position.toFixed(1);
    this.seekbar.ariaValueText = this.time.textContent;
    this.seekbar.firstElementChild.style.left = `${(100 * this.position) / this.seconds}%`;
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const ratio = window.devicePixelRatio;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    const style = getComputedStyle(document.documentElement);
    const rem = parseFloat(style.fontSize);
    const left = MARGIN * rem;
    const room = height - AXIS * rem;
    const gap = 0.6 * rem;
    const pen = this.canvas.getContext("2d");
    pen.scale(ratio, ratio);
    pen.font = `${0.75 * rem}px system-ui, sans-serif`;
    const plot = {
      pen, left, width: width - left,
      colour: (name) => style.getPropertyValue(`--${name}`).trim(),
      x: (seconds) => left + ((width - left) * seconds) / this.seconds,
      label: (text, y) => {
        pen.fillStyle = plot.colour("quiet");
        pen.textAlign = "right";
        pen.textBaseline = "middle";
        pen.fillText(text, left - 0.4 * rem, y);
      },
    };
    this.drawWave(plot, 0, 0.2 * room - gap);
    this.drawSpectrogram(plot, 0.2 * room, 0.48 * room - gap);
    this.drawScores(plot, 0.68 * room, 0.32 * room - 0.3 * rem);
    this.drawTime(plot, room, height, rem);
  }

  drawWave({ pen, left, width, colour, x, label }, top, height) {
    pen.fillStyle = colour("plot");
    pen.fillRect(left, top, width, height);
    pen.fillStyle = colour("fake");
    pen.globalAlpha = 0.18;
    for (const [start, end] of this.regions) pen.fillRect(x(start), top, x(end) - x(start), height);
    pen.globalAlpha = 1;
    pen.fillStyle = colour("wave");
    const columns = this.envelope.length / 2;
    const loudest = Math.max(1, ...this.envelope.map(Math.abs));
    for (let i = 0; i < columns; i++) {
      const [low, high] = [this.envelope[2 * i], this.envelope[2 * i + 1]].map((v) => (v / loudest) * 0.47 * height);
      pen.fillRect(left + (i * width) / columns, top + height / 2 - high, Math.max(width / columns, 1), Math.max(high - low, 1));
    }
    label("peak", top + height / 2 - 7);
    label(`${(20 * Math.log10(loudest / 127)).toFixed(0)} dB`, top + height / 2 + 7);
  }

  drawSpectrogram({ pen, left, width, label }, top, height) {
    pen.drawImage(this.spectrogram, left, top, width, height);
    for (let kHz = 0; kHz <= this.nyquist; kHz += 2) {
      label(kHz ? `${kHz} kHz` : "0", top + height - Math.min(Math.max((kHz / this.nyquist) * height, 5), height - 5));
    }
  }

  /** Lowest and highest value of the axis, and the one that bars start from. */
  scale() {
    if (this.unit === "probability") return [0, 1, 0];
    const shown = [...this.windows.map((window) => window[2]), ...this.band, this.threshold];
    return [shown.reduce((a, b) => Math.min(a, b)) - 1, shown.reduce((a, b) => Math.max(a, b)) + 1, this.threshold];
  }

  drawScores({ pen, left, width, colour, x, label }, top, height) {
    const [lowest, highest, base] = this.scale();
    const y = (score) => top + ((highest - score) / (highest - lowest)) * height;
    pen.fillStyle = colour("plot");
    pen.fillRect(left, top, width, height);
    pen.globalAlpha = 0.18;
    pen.fillStyle = colour("unsure");
    pen.fillRect(left, y(this.band[1]), width, y(this.band[0]) - y(this.band[1]));
    pen.globalAlpha = 1;
    for (const [start, end, score] of this.windows) {
      pen.fillStyle = colour(this.kind(score));
      const [from, to] = [y(score), y(base)].sort((a, b) => a - b);
      pen.globalAlpha = 0.25;
      pen.fillRect(x(start), from, Math.max(x(end) - x(start) - 1, 1), to - from);
      pen.globalAlpha = 1;
      pen.fillRect(x(start), y(score) - 1.5, Math.max(x(end) - x(start) - 1, 1), 3);
    }
    pen.strokeStyle = colour("ink");
    pen.setLineDash([5, 4]);
    pen.beginPath();
    pen.moveTo(left, y(this.threshold));
    pen.lineTo(left + width, y(this.threshold));
    pen.stroke();
    pen.setLineDash([]);
    for (const score of ticks(lowest, highest, step(highest - lowest, 5))) {
      label(this.unit === "score" ? `${+score.toFixed(2)}` : this.value(score), Math.min(Math.max(y(score), top + 5), top + height - 5));
    }
    pen.textAlign = "left";
    pen.fillText("↑ fake", left + 5, top + 9);
    pen.fillText("↓ real", left + 5, top + height - 8);
  }

  drawTime({ pen, left, width, colour, x }, top, bottom, rem) {
    const apart = step(this.seconds, Math.max(2, Math.floor(width / (5 * rem))));
    pen.fillStyle = colour("quiet");
    pen.textBaseline = "bottom";
    for (const time of ticks(0, this.seconds, apart)) {
      pen.textAlign = time === 0 ? "left" : x(time) > left + width - 1.5 * rem ? "right" : "center";
      pen.fillRect(x(time), top, 1, 4);
      pen.fillText(apart < 1 ? clock(time) : clock(time).slice(0, -2), x(time), bottom);
    }
  }
}

Recording.all = Array.from(document.querySelectorAll(".recording"), (article) => new Recording(article));
Recording.current = Recording.all[0];
document.addEventListener("play", (event) => { // one sound at a time
  for (const audio of document.querySelectorAll("audio")) if (audio !== event.target) audio.pause();
}, true);
document.addEventListener("keydown", (event) => {
  if (event.code !== "Space" || event.target.closest("button, summary, a")) return;
  if (!Recording.current?.audio) return;
  event.preventDefault();
  Recording.current.toggle();
});
