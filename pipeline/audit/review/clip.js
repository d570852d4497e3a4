// One clip: player, timeline of every gate with its threshold, and the ledger's words.
const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 1000;
const HEIGHT = 100;

function shape(name, attributes, parent) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent.append(made);
  return made;
}

function lane(box, title, below, height = HEIGHT) {
  const label = document.createElement("span");
  label.textContent = title;
  const small = document.createElement("small");
  small.textContent = below;
  label.append(small);
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${height}`);
  svg.setAttribute("preserveAspectRatio", "none");
  if (height !== HEIGHT) svg.classList.add("strip");
  box.append(label, svg);
  return svg;
}

function path(values, top) {
  const step = WIDTH / Math.max(1, values.length);
  let drawn = "";
  let up = true;
  values.forEach((value, frame) => {
    if (value === null) {
      up = true;
      return;
    }
    const y = HEIGHT - HEIGHT * Math.min(1, Math.max(0, value / top));
    drawn += `${up ? "M" : "L"}${((frame + 0.5) * step).toFixed(1)} ${y.toFixed(1)}`;
    up = false;
  });
  return drawn;
}

export class ClipPage {
  constructor(base, player, timeline) {
    Object.assign(this, { base, player, box: timeline });
    timeline.addEventListener("click", (event) => {
      const svg = event.target.closest("svg");
      if (!svg || !this.media) return;
      const place = svg.getBoundingClientRect();
      this.media.currentTime = ((event.clientX - place.left) / place.width) * this.seconds;
    });
  }

  show(clip) {
    this.clip = clip;
    this.seconds = clip.frames / clip.fps;
    this.box.replaceChildren();
    if (clip.frames) this.draw(clip);
    this.play(clip);
  }

  play(clip) {
    this.media?.pause();
    this.player.replaceChildren();
    this.media = null;
    if (!clip.media) {
      this.player.textContent = "";
      return;
    }
    this.media = document.createElement(clip.bare ? "video" : "audio");
    this.media.controls = true;
    const file = clip.bare ? "video.mp4" : "sound.flac";
    this.media.src = `${this.base}media/${encodeURIComponent(clip.clip)}/${file}`;
    this.media.addEventListener("timeupdate", () => this.point());
    this.player.append(this.media);
  }

  draw(clip) {
    const scale = WIDTH / clip.frames;
    const block = (svg, [start, end], kind) =>
      shape("rect", { x: start * scale, width: (end - start) * scale, height: 20, class: kind }, svg);
    const verdicts = lane(this.box, "verdict", "", 20);
    for (const [start, end, reason, words] of clip.runs) {
      shape("title", {}, block(verdicts, [start, end], `r-${reason}`)).textContent = words;
    }
    const kept = lane(this.box, "kept", "", 20);
    for (const part of clip.kept ?? []) block(kept, part, "kept");
    this.would = lane(this.box, "would be kept", "with the sliders", 20);
    const voices = lane(this.box, "voices", "infant, adult");
    for (const name of ["infant", "adult"]) {
      if (clip.tracks[name]) shape("path", { d: path(clip.tracks[name], 1), class: name }, voices);
    }
    for (const [start, end] of clip.events ?? []) {
      shape("rect", { x: start * clip.fps * scale, width: (end - start) * clip.fps * scale, y: 94, height: 6, class: "event" }, voices);
    }
    for (const [measure, , op, limit, values] of clip.gates) {
      const known = values.filter((value) => value !== null);
      const top = Math.max(limit, ...known.map(Math.abs), 1e-6) * 1.05;
      const broken = known.some((value) => (op === ">=" ? value < limit : value > limit));
      const svg = lane(this.box, measure.replaceAll("_", " "), `${op} ${limit}`);
      svg.previousSibling.classList.toggle("broken", broken);
      shape("path", { d: `M0 ${HEIGHT - (HEIGHT * limit) / top}H${WIDTH}`, class: "limit" }, svg);
      shape("path", { d: path(values, top) }, svg);
    }
    for (const [measure, , op, limit, value] of clip.voice) {
      const label = document.createElement("span");
      label.textContent = measure.replaceAll("_", " ");
      const said = document.createElement("span");
      said.textContent = `${value === null ? "not measured" : value}   ${op} ${limit}`;
      said.className = value !== null && (op === ">=" ? value < limit : value > limit) ? "broken" : "";
      this.box.append(label, said);
    }
    this.heads = [...this.box.querySelectorAll("svg")].map((svg) =>
      shape("path", { d: "", class: "playhead" }, svg),
    );
  }

  point() {
    const x = (this.media.currentTime / this.seconds) * WIDTH;
    for (const head of this.heads ?? []) head.setAttribute("d", `M${x.toFixed(1)} 0V${HEIGHT}`);
  }

  foresee(parts) {
    if (!this.would || !this.clip?.frames) return;
    const scale = WIDTH / this.clip.frames;
    for (const old of [...this.would.querySelectorAll("rect")]) old.remove();
    for (const [start, end] of parts) {
      shape("rect", { x: start * scale, width: (end - start) * scale, height: 20, class: "would" }, this.would);
    }
  }
}
