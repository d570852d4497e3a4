// Picture and sound of a clip. The sound is the clock; what is seen follows it.
import { media } from "./api.js";
import { $, el } from "./dom.js";
import { drawLandmarks, drawMesh, landmarks, mesh } from "./marks.js";
import { Reel } from "./reel.js";

const DRIFT_S = 0.08;
const MESH_OPACITY = 0.82;

export class Player {
  constructor(moved) {
    this.moved = moved;
    this.box = $("player");
    this.veil = el("canvas", { kind: "veil" });
    this.marks = el("canvas", { kind: "marks" });
    this.shows = { landmarks: true, mesh: false, stem: false };
    new ResizeObserver(() => this.draw()).observe(this.box);
    for (const name of Object.keys(this.shows)) $(name).addEventListener("click", () => this.toggle(name));
    $("play").addEventListener("click", () => this.play());
  }

  open(clip) {
    this.close();
    Object.assign(this, { clip, key: null, frame: 0, sheet: null });
    const shown = clip.shown;
    $("stage").hidden = !shown;
    if (!shown) return;
    this.box.style.aspectRatio = `${shown.width} / ${shown.height}`;
    this.box.replaceChildren(this.veil, this.marks);
    [this.veil.width, this.veil.height] = shown.veil;
    const sheet = new Image();
    sheet.onload = () => {
      if (this.clip !== clip) return;
      this.sheet = sheet;
      this.draw();
    };
    sheet.src = media(clip.clip, "veil.png");
    const reel = (what, read) =>
      new Reel(media(clip.clip, what), clip.frames, shown.reel, read, () => this.clip === clip && this.draw());
    this.points = shown.landmarks ? reel("landmarks", landmarks) : null;
    this.meshes = shown.mesh ? reel("mesh", mesh) : null;
    this.triangles = null;
    this.listen();
    this.draw();
  }

  close() {
    this.sound?.pause();
    this.sound = this.video = this.clip = null;
  }

  // The same moment with other ears, or another clip.
  listen() {
    const { clip } = this;
    const { shown } = clip;
    const playing = this.sound && !this.sound.paused;
    this.sound?.pause();
    if (!shown.stem) this.shows.stem = false;
    this.sound = shown.sound ? new Audio(media(clip.clip, this.shows.stem ? "stem.flac" : "sound.flac")) : null;
    if (this.sound) {
      this.sound.preload = "auto";
      this.sound.currentTime = this.seconds;
      for (const kind of ["play", "pause", "ended"]) this.sound.addEventListener(kind, () => this.follow());
    }
    if (playing) this.sound?.play();
    this.buttons();
  }

  get seconds() {
    return (this.frame + 0.5) / this.clip.fps;
  }

  get playing() {
    return Boolean(this.sound && !this.sound.paused);
  }

  play() {
    if (!this.sound) return;
    if (this.playing) this.sound.pause();
    else this.sound.play();
  }

  seek(frame) {
    if (!this.clip?.shown) return this.at(frame);
    this.at(frame);
    if (this.sound) this.sound.currentTime = this.seconds;
    if (this.video) this.video.currentTime = this.seconds;
  }

  at(frame) {
    this.frame = Math.max(0, Math.min(this.clip.frames - 1, frame));
    this.draw();
    this.moved(this.frame);
  }

  follow() {
    this.buttons();
    if (!this.playing) {
      this.video?.pause();
      return;
    }
    this.video?.play().catch(() => {});
    const tick = () => {
      if (!this.playing || !this.clip) return;
      const now = this.sound.currentTime;
      if (this.video && Math.abs(this.video.currentTime - now) > DRIFT_S) this.video.currentTime = now;
      const frame = Math.floor(now * this.clip.fps);
      if (frame !== this.frame) this.at(frame);
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }

  toggle(name) {
    if (!this.clip?.shown) return;
    this.shows[name] = !this.shows[name];
    if (name === "stem") this.listen();
    this.buttons();
    this.draw();
  }

  uncover(key) {
    this.key = key;
    this.video = key ? el("video") : null;
    for (const old of this.box.querySelectorAll("video")) old.remove();
    if (this.video) {
      this.video.muted = true;
      this.video.playsInline = true;
      this.video.src = `${media(this.clip.clip, "video.mp4")}?key=${encodeURIComponent(key)}`;
      this.video.currentTime = this.seconds;
      this.marks.before(this.video);
      if (this.playing) this.video.play().catch(() => {});
    }
    this.buttons();
    this.draw();
  }

  buttons() {
    $("play").textContent = this.playing ? "❚❚" : "►";
    $("play").ariaLabel = this.playing ? "pause" : "play";
    $("play").disabled = !this.sound;
    for (const [name, on] of Object.entries(this.shows)) $(name).ariaPressed = String(on);
    $("landmarks").disabled = !this.points;
    $("mesh").disabled = !this.meshes;
    $("mesh").title = this.meshes ? "" : "no face was fitted to this clip";
    $("stem").disabled = !this.clip?.shown?.stem;
    $("look").ariaPressed = String(Boolean(this.key));
    $("look-says").textContent = this.key ? "blur again" : "show the face";
    $("covered").hidden = Boolean(this.key);
  }

  draw() {
    if (!this.clip?.shown) return;
    $("clock").textContent = `${this.seconds.toFixed(2)} s`;
    $("frame").textContent = `frame ${this.frame} of ${this.clip.frames}`;
    this.drawVeil();
    const { clientWidth: width, clientHeight: height } = this.box;
    const scale = window.devicePixelRatio || 1;
    this.marks.width = Math.round(width * scale);
    this.marks.height = Math.round(height * scale);
    const pen = this.marks.getContext("2d");
    pen.scale(scale, scale);
    this.meshDrawn = false;
    $("waiting").hidden = true;
    if (this.shows.mesh && this.meshes) this.drawMesh(pen, width, height);
    const points = this.shows.landmarks && this.points?.at(this.frame);
    if (points) drawLandmarks(pen, points, width, height);
    this.marks.dataset.drawn = [points && "landmarks", this.meshDrawn && "mesh"].filter(Boolean).join(" ");
  }

  drawVeil() {
    this.veil.hidden = Boolean(this.key);
    if (!this.sheet || this.key) return;
    const [width, height, columns] = this.clip.shown.veil;
    const [x, y] = [(this.frame % columns) * width, Math.floor(this.frame / columns) * height];
    this.veil.getContext("2d").drawImage(this.sheet, x, y, width, height, 0, 0, width, height);
  }

  drawMesh(pen, width, height) {
    const clip = this.clip;
    if (!this.triangles) {
      this.triangles = fetch(media(clip.clip, "triangles"))
        .then((answer) => (answer.ok ? answer.arrayBuffer() : new ArrayBuffer(0)))
        .then((content) => {
          if (this.clip !== clip) return;
          this.triangles = new Uint32Array(content);
          this.draw();
        });
    }
    const found = this.meshes.at(this.frame);
    const ready = found && this.triangles instanceof Uint32Array;
    $("waiting").hidden = Boolean(ready);
    if (!ready) return;
    pen.globalAlpha = MESH_OPACITY;
    drawMesh(pen, found, this.triangles, width, height);
    pen.globalAlpha = 1;
    this.meshDrawn = true;
  }
}
