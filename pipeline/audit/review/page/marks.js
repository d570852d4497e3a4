// What is drawn over the picture: landmarks coloured by what is seen of them, and the fitted mesh.
import { share } from "./reel.js";

const SEEN = [64, 224, 128];
const HIDDEN = [255, 64, 64];
const LEVELS = 12;
const COLOURS = Array.from({ length: LEVELS }, (_, level) => {
  const part = level / (LEVELS - 1);
  return `rgb(${SEEN.map((value, axis) => Math.round(value * part + HIDDEN[axis] * (1 - part))).join()})`;
});

export function landmarks(content, count) {
  const points = content.byteLength / count / 5;
  return {
    points,
    places: new Uint16Array(content, 0, count * points * 2),
    seen: new Uint8Array(content, count * points * 4),
  };
}

export function drawLandmarks(pen, { points, places, seen, place }, width, height) {
  const radius = Math.max(1.1, Math.hypot(width, height) / 460);
  const levels = Array.from({ length: LEVELS }, () => new Path2D());
  for (let point = 0; point < points; point++) {
    const at = place * points + point;
    const x = share(places[2 * at]) * width;
    const y = share(places[2 * at + 1]) * height;
    if (Number.isNaN(x)) continue;
    const path = levels[Math.min(LEVELS - 1, Math.floor((seen[at] / 256) * LEVELS))];
    path.moveTo(x + radius, y);
    path.arc(x, y, radius, 0, 7);
  }
  levels.forEach((path, level) => {
    pen.fillStyle = COLOURS[level];
    pen.fill(path);
  });
}

export function mesh(content, count) {
  return { vertices: content.byteLength / count / 6, places: new Uint16Array(content) };
}

const LIGHT = [-0.35, -0.55, -0.76].map((value, _, all) => value / Math.hypot(...all));
const SHADES = Array.from({ length: 20 }, (_, level) => {
  const part = 0.35 + (0.65 * level) / 19;
  return `rgb(${[226, 214, 200].map((value) => Math.round(value * part)).join()})`;
});

// Painter's algorithm: triangles that face us, from the furthest to the nearest.
export function drawMesh(pen, { vertices, places, place }, triangles, width, height) {
  const long = Math.max(width, height);
  const spot = new Float32Array(vertices * 3);
  const begin = place * vertices * 3;
  if (Number.isNaN(share(places[begin]))) return;
  for (let vertex = 0; vertex < vertices; vertex++) {
    const from = begin + 3 * vertex;
    spot[3 * vertex] = share(places[from]) * width;
    spot[3 * vertex + 1] = share(places[from + 1]) * height;
    spot[3 * vertex + 2] = (share(places[from + 2]) - 0.5) * long;
  }
  const facing = [];
  for (let at = 0; at < triangles.length; at += 3) {
    const [a, b, c] = [3 * triangles[at], 3 * triangles[at + 1], 3 * triangles[at + 2]];
    const [ux, uy, uz] = [spot[b] - spot[a], spot[b + 1] - spot[a + 1], spot[b + 2] - spot[a + 2]];
    const [vx, vy, vz] = [spot[c] - spot[a], spot[c + 1] - spot[a + 1], spot[c + 2] - spot[a + 2]];
    const normal = [uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx];
    if (normal[2] >= 0) continue;
    const size = Math.hypot(...normal) || 1;
    const lit = Math.max(0, (normal[0] * LIGHT[0] + normal[1] * LIGHT[1] + normal[2] * LIGHT[2]) / size);
    facing.push({ a, b, c, depth: spot[a + 2] + spot[b + 2] + spot[c + 2], shade: Math.round(lit * (SHADES.length - 1)) });
  }
  facing.sort((one, other) => other.depth - one.depth);
  pen.lineWidth = 0.7;
  for (const { a, b, c, shade } of facing) {
    pen.beginPath();
    pen.moveTo(spot[a], spot[a + 1]);
    pen.lineTo(spot[b], spot[b + 1]);
    pen.lineTo(spot[c], spot[c + 1]);
    pen.closePath();
    pen.fillStyle = pen.strokeStyle = SHADES[shade];
    pen.fill();
    // Hairlines of the background would show between triangles otherwise.
    pen.stroke();
  }
}
