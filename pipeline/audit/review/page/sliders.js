// Thresholds under the hand: each move asks what would be kept, the last one always.
import { ask } from "./api.js";
import { $, digits, many } from "./dom.js";

const REST_MS = 350;

export class Sliders {
  constructor({ clip, show, which }) {
    Object.assign(this, { clip, show, which, waiting: false, again: false, resting: 0 });
    this.inputs = [...document.querySelectorAll("#sliders input[type=range]")];
    for (const input of this.inputs) {
      input.addEventListener("input", () => {
        input.dataset.moved = "yes";
        this.foresee();
      });
    }
    $("reset").addEventListener("click", () => this.reset());
  }

  get changed() {
    const moved = this.inputs.filter((input) => input.dataset.moved && input.value !== input.dataset.now);
    return Object.fromEntries(moved.map((input) => [input.name, Number(input.value)]));
  }

  reset() {
    for (const input of this.inputs) {
      input.value = input.dataset.now;
      delete input.dataset.moved;
    }
    this.foresee();
  }

  async foresee() {
    for (const input of this.inputs) {
      const label = input.closest("label");
      // A slider stands on one of its steps; what holds may lie between two.
      const moved = Boolean(input.dataset.moved) && input.value !== input.dataset.now;
      label.querySelector("output").textContent = digits(Number(moved ? input.value : input.dataset.now));
      label.classList.toggle("moved", moved);
    }
    if (this.waiting) {
      this.again = true;
      return;
    }
    clearTimeout(this.resting);
    const { changed } = this;
    const moved = Object.keys(changed).length > 0;
    if (!moved) {
      this.say(null);
      this.show(null, changed);
      this.which(null);
      return;
    }
    this.waiting = true;
    try {
      const would = await ask("api/what-if", { changed, clip: this.clip() });
      this.say(would);
      this.show(would.kept ?? [], changed);
    } catch (error) {
      $("would").textContent = error.message;
    }
    this.waiting = false;
    if (this.again) {
      this.again = false;
      this.foresee();
    } else this.resting = setTimeout(() => this.rest(changed), REST_MS);
  }

  // Which clips they are is asked once the hand rests.
  async rest(changed) {
    const would = await ask("api/what-if", { changed, which: true }).catch(() => null);
    if (would && JSON.stringify(changed) === JSON.stringify(this.changed)) this.which(would);
  }

  say(would) {
    $("reset").hidden = !would;
    const lines = would
      ? [
          `${many(would.clips[0])} → ${many(would.clips[1])} clips`,
          `${many(would.entering)} enter, ${many(would.leaving)} leave`,
          `${would.minutes[0].toFixed(1)} → ${would.minutes[1].toFixed(1)} minutes`,
        ]
      : [];
    $("would").replaceChildren(...lines.map((text) => Object.assign(document.createElement("span"), { textContent: text })));
  }
}
