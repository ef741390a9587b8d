
/** A segment's own player, with a playhead in each of its maps and in the whole recording. */
class Segment {
  constructor(card) {
    this.audio = card.querySelector("audio");
    this.button = card.querySelector("button");
    this.playheads = card.querySelectorAll(".playhead");
    this.start = +card.dataset.start;
    this.button.disabled = false;
    this.button.addEventListener("click", () => (this.audio.paused ? this.audio.play() : this.audio.pause()));
    this.audio.addEventListener("play", () => this.playing());
    this.audio.addEventListener("pause", () => {
      this.button.textContent = "Play";
      Recording.all[0].go(this.start + this.audio.currentTime);
    });
    this.audio.addEventListener("error", () => {
      this.button.disabled = true;
      this.button.textContent = "No Ogg/Opus here";
    });
  }

  playing() {
    this.button.textContent = "Pause";
    const frame = () => {
      for (const playhead of this.playheads) {
        playhead.style.left = `${(100 * this.audio.currentTime) / this.audio.duration}%`;
      }
      Recording.all[0].position = this.start + this.audio.currentTime;
      Recording.all[0].show();
      if (!this.audio.paused) requestAnimationFrame(frame);
    };
    frame();
  }
}

for (const card of document.querySelectorAll(".segment")) new Segment(card);
