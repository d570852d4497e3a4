// Everything over a clip's time, with one playhead through all of it and a span that can be chosen.
import { media } from "./api.js";
import { $, digits, el, shape } from "./dom.js";
import { block, canvas, gateLane, lane, path, room, voiceLane } from "./lanes.js";

const DRAG_PX = 4;
const WHO = ["infant", "adult", "other"];

export class Timeline {
  constructor({ seek, chosen }) {
    Object.assign(this, { seek, chosen, box: $("timeline"), span: null, frame: 0 });
    this.over = el("div", { kind: "over" });
    this.head = el("i", { kind: "playhead" });
    this.range = el("i", { kind: "range" });
    this.over.append(this.range, this.head);
    this.over.addEventListener("pointerdown", (event) => this.grab(event));
    this.over.addEventListener("pointermove", (event) => this.drag(event));
    this.over.addEventListener("pointerup", (event) => this.drop(event));
    this.over.addEventListener("pointerleave", () => this.say(this.frame));
    this.over.addEventListener("dblclick", (event) => this.chooseRun(this.frameOf(event)));
  }

  show(clip) {
    Object.assign(this, { clip, lanes: [], gates: new Map(), span: null, frame: 0 });
    this.box.replaceChildren();
    this.box.scrollTop = 0;
    if (!clip.frames) {
      this.choose(null);
      return;
    }
    const grid = el("div", { kind: "lanes" });
    this.box.append(grid);
    if (clip.shown) this.strip = this.picture(grid, "frames", "strip", "landmarks green where seen, red where hidden");
    this.verdicts(grid);
    const gates = [...clip.gates].sort((a, b) => room(a) - room(b));
    for (const gate of gates.filter((each) => room(each) < 0)) this.gate(grid, gate, gateLane);
    this.heard(grid);
    for (const gate of clip.voice) this.gate(grid, gate, voiceLane);
    for (const gate of gates.filter((each) => room(each) >= 0)) this.gate(grid, gate, gateLane);
    grid.append(this.over);
    this.uncover(null);
    this.choose(null);
    this.at(0);
  }

  verdicts(grid) {
    const { clip } = this;
    const verdict = lane(grid, "verdict", "thin");
    const drawn = canvas(verdict.track);
    for (const [start, end, reason] of clip.blocks) block(drawn, start, end, clip.frames, `r-${reason}`);
    this.lanes.push((frame) => {
      const run = clip.blocks.findLast(([start, end]) => start <= frame && frame < end);
      verdict.value.textContent = run ? run[2].replaceAll("_", " ") : "";
      verdict.value.title = run ? `by ${run[3]}` : "";
    });
    const kept = lane(grid, "kept", "thin");
    this.kept = canvas(kept.track);
    this.would = lane(grid, "would be kept", "thin would-lane");
    this.wouldDrawn = canvas(this.would.track);
    this.keeps(clip.kept);
    this.foresee(null, {});
  }

  gate(grid, gate, build) {
    const made = build(grid, gate, this.clip.frames);
    this.lanes.push(made.say);
    this.gates.set(gate.threshold, made);
  }

  heard(grid) {
    const { clip } = this;
    if (clip.shown?.stem) this.picture(grid, "sound", "sound", "as it came, up to 8 kHz").src = media(clip.clip, "sound.png");
    if (clip.events.length) {
      const events = lane(grid, "who sounds", "events", WHO.join(", "));
      const drawn = canvas(events.track);
      for (const [start, end, who, type, words] of clip.events) {
        const bar = block(drawn, start * clip.fps, end * clip.fps, clip.frames, `event ${who}`, 6 + 31 * WHO.indexOf(who), 26);
        shape("title", {}, bar).textContent = `${who} ${type}` + (words ? `, heard as ${words}` : "");
      }
      this.lanes.push((frame) => {
        const now = (frame + 0.5) / clip.fps;
        const heard = clip.events.filter(([start, end]) => start <= now && now < end);
        events.value.textContent = heard.map(([, , who, type]) => type || who).join(", ");
      });
    }
    if (clip.shown?.stem) this.picture(grid, "infant's voice", "sound", "what was taken out of it").src = media(clip.clip, "stem.png");
    if (Object.keys(clip.tracks).length) {
      const voices = lane(grid, "how surely", "gate", Object.keys(clip.tracks).join(", "));
      const drawn = canvas(voices.track);
      for (const [name, values] of Object.entries(clip.tracks)) shape("path", { d: path(values, 1.05), class: `curve ${name}` }, drawn);
      this.lanes.push((frame) => {
        voices.value.textContent = Object.values(clip.tracks).map((values) => digits(values[frame] ?? 0)).join(", ");
      });
    }
  }

  picture(grid, title, kind, below) {
    const made = lane(grid, title, kind, below);
    const image = el("img");
    image.alt = "";
    image.draggable = false;
    made.track.append(image);
    return image;
  }

  // The strip of frames shows faces only with the key that asking for them gave.
  uncover(key) {
    if (this.strip && this.clip.shown) this.strip.src = media(this.clip.clip, "strip.jpg") + (key ? `?key=${encodeURIComponent(key)}` : "");
  }

  keeps(spans) {
    this.kept?.replaceChildren();
    for (const [start, end] of spans) block(this.kept, start, end, this.clip.frames, "kept");
  }

  // What the sliders would do here: spans that would be kept, and limits that were moved.
  foresee(spans, limits) {
    if (!this.clip?.frames) return;
    this.would.track.parentElement.classList.toggle("foreseeing", spans !== null);
    this.wouldDrawn.replaceChildren();
    for (const [start, end] of spans ?? []) block(this.wouldDrawn, start, end, this.clip.frames, "would");
    for (const [name, made] of this.gates) made.foresee(limits[name]);
  }

  at(frame) {
    this.frame = frame;
    this.head.style.left = `${((frame + 0.5) / this.clip.frames) * 100}%`;
    this.say(frame);
  }

  say(frame) {
    for (const speak of this.lanes) speak(frame);
  }

  choose(span) {
    this.span = span;
    this.range.hidden = !span;
    if (span) {
      this.range.style.left = `${(span[0] / this.clip.frames) * 100}%`;
      this.range.style.width = `${((span[1] - span[0]) / this.clip.frames) * 100}%`;
    }
    this.chosen(span);
  }

  chooseRun(frame) {
    const run = this.clip.blocks.findLast(([start, end]) => start <= frame && frame < end);
    if (run) this.choose([run[0], run[1]]);
  }

  frameOf(event) {
    const { left, width } = this.over.getBoundingClientRect();
    return Math.max(0, Math.min(this.clip.frames - 1, Math.floor(((event.clientX - left) / width) * this.clip.frames)));
  }

  grab(event) {
    if (event.button !== 0) return;
    this.over.setPointerCapture(event.pointerId);
    this.held = { x: event.clientX, frame: this.frameOf(event), moved: false };
  }

  drag(event) {
    const frame = this.frameOf(event);
    if (!this.held) return this.say(frame);
    this.held.moved ||= Math.abs(event.clientX - this.held.x) > DRAG_PX;
    if (this.held.moved) this.choose([Math.min(frame, this.held.frame), Math.max(frame, this.held.frame) + 1]);
  }

  drop(event) {
    if (this.held && !this.held.moved) this.seek(this.frameOf(event));
    this.held = null;
  }
}
