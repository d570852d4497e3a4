// Drawings over a clip's time, each as wide as all the others.
import { digits, el, shape } from "./dom.js";

export const WIDTH = 1000;
export const HEIGHT = 100;
const MOST_POINTS = 2000;

// A row of the timeline: what it is, the drawing, and what it says at a moment.
export function lane(box, title, kind, below = "") {
  const label = el("span", { kind: "label" }, title);
  if (below) label.append(el("small", { text: below }));
  const track = el("div", { kind: `track ${kind}` });
  const value = el("span", { kind: "value" });
  box.append(label, track, value);
  return { label, track, value };
}

export function canvas(track) {
  const drawn = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  track.append(drawn);
  return drawn;
}

export function block(drawn, start, end, frames, kind, y = 0, height = HEIGHT) {
  const scale = WIDTH / frames;
  return shape("rect", { x: start * scale, width: Math.max(1, (end - start) * scale), y, height, class: kind }, drawn);
}

// A line through values, broken where there is none; the extremes of long clips stay in sight.
export function path(values, top) {
  const step = Math.max(1, Math.ceil(values.length / MOST_POINTS));
  const scale = WIDTH / Math.max(1, values.length);
  let drawn = "";
  let up = true;
  for (let at = 0; at < values.length; at += step) {
    let value = null;
    for (let frame = at; frame < Math.min(at + step, values.length); frame++) {
      if (values[frame] !== null && (value === null || values[frame] < value)) value = values[frame];
    }
    if (value !== null) drawn += `${up ? "M" : "L"}${((at + step / 2) * scale).toFixed(1)} ${height(value, top).toFixed(1)}`;
    up = value === null;
  }
  return drawn;
}

export const height = (value, top) => HEIGHT - HEIGHT * Math.min(1, Math.max(0, value / top));

export const fails = (gate, value, limit = gate.limit) =>
  value === null ? !gate.unmeasured_passes : gate.op === ">=" ? value < limit : value > limit;

export const sign = (op) => (op === ">=" ? "≥" : "≤");

// How far inside its rule a gate is at its worst, as a share of the limit; negative where it fails.
export function room(gate) {
  let least = Infinity;
  for (const value of gate.values) {
    if (value === null) {
      if (!gate.unmeasured_passes) least = Math.min(least, -1);
    } else {
      const gap = gate.op === ">=" ? value - gate.limit : gate.limit - value;
      least = Math.min(least, gap / Math.max(Math.abs(gate.limit), 1e-6));
    }
  }
  return least;
}

// One gate over time: the threshold as a line, what breaks it in another colour.
export function gateLane(box, gate, frames) {
  const known = gate.values.filter((value) => value !== null);
  const top = Math.max(gate.limit, ...known.reduce((found, value) => [Math.max(found[0], value)], [0]), 1e-6) * 1.08;
  const made = lane(box, gate.measure.replaceAll("_", " ").replace(" abs deg", ", degrees"), "gate", `${sign(gate.op)} ${digits(gate.limit)}`);
  const drawn = canvas(made.track);
  const level = height(gate.limit, top);
  shape("rect", { x: 0, width: WIDTH, y: gate.op === ">=" ? level : 0, height: gate.op === ">=" ? HEIGHT - level : level, class: "wrong" }, drawn);
  shape("path", { d: path(gate.values, top), class: "curve" }, drawn);
  shape("path", { d: path(gate.values.map((value) => (value !== null && fails(gate, value) ? value : null)), top), class: "curve broken" }, drawn);
  shape("path", { d: `M0 ${level}H${WIDTH}`, class: "limit" }, drawn);
  const other = shape("path", { d: "", class: "limit other" }, drawn);
  const small = made.label.querySelector("small");
  const broken = gate.values.some((value) => fails(gate, value));
  made.label.classList.toggle("broken", broken);
  for (let frame = 0; frame < gate.values.length; frame++) {
    if (gate.values[frame] !== null) continue;
    let end = frame;
    while (end < gate.values.length && gate.values[end] === null) end++;
    block(drawn, frame, end, frames, "unmeasured");
    frame = end;
  }
  return {
    ...made,
    say: (frame) => {
      const value = gate.values[frame] ?? null;
      made.value.textContent = value === null ? "not measured" : digits(value);
      made.value.classList.toggle("broken", fails(gate, value));
    },
    foresee: (limit) => {
      other.setAttribute("d", limit === undefined ? "" : `M0 ${height(limit, top)}H${WIDTH}`);
      small.textContent = `${sign(gate.op)} ${digits(gate.limit)}${limit === undefined ? "" : ` → ${digits(limit)}`}`;
    },
  };
}

// A measure of the whole clip, as a bar with its threshold as a tick.
export function voiceLane(box, gate) {
  const [value] = gate.values;
  const top = Math.max(gate.limit * 2, Math.abs(value ?? 0), 1e-6) * 1.05;
  const made = lane(box, gate.measure.replaceAll("_", " "), "bar", `${sign(gate.op)} ${digits(gate.limit)}`);
  const drawn = canvas(made.track);
  const broken = fails(gate, value);
  shape("rect", { x: 0, width: (WIDTH * Math.min(top, Math.max(0, value ?? 0))) / top, y: 30, height: 40, class: broken ? "bar broken" : "bar" }, drawn);
  shape("path", { d: `M${(WIDTH * gate.limit) / top} 0V${HEIGHT}`, class: "tick" }, drawn);
  const other = shape("path", { d: "", class: "tick other" }, drawn);
  made.value.textContent = value === null ? "not measured" : digits(value);
  for (const part of [made.label, made.value]) part.classList.toggle("broken", broken);
  return {
    ...made,
    say: () => {},
    foresee: (limit) => other.setAttribute("d", limit === undefined ? "" : `M${(WIDTH * limit) / top} 0V${HEIGHT}`),
  };
}
