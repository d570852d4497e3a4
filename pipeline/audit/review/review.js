// The reviewing story: a queue, a clip, a word about it, the next.
import { ClipPage } from "./clip.js";
import { Table } from "./table.js";

const base = location.pathname;
const $ = (id) => document.getElementById(id);
const page = new ClipPage(base, $("player"), $("timeline"));
const reviewer = $("reviewer");
let data;
let order = [];
let reason = "";
let sorted = { by: null, up: true };
let current = null;

const text = (cell, value) => (cell.textContent = value);
const soft = (cell, value) => {
  cell.className = "soft";
  cell.textContent = value;
};
const named = (cell, value) => {
  const mark = document.createElement("i");
  mark.className = `swatch r-${value}`;
  cell.append(mark, ` ${value}`);
};
const COLUMNS = [
  ["clip", text, "clip"],
  ["vocalization", soft, "kind"],
  ["source", soft, "source"],
  ["stage", soft, "decided by"],
  ["reason", named, "reason"],
  ["kept_s", soft, "kept, s"],
  ["ground", soft, "worth a look as"],
  ["verdicts", text, "said"],
  ["words", soft, "in words"],
];
const table = new Table($("table"), $("space"), COLUMNS, open);

async function ask(path, body) {
  const options = body && {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  };
  const answer = await fetch(base + path, options);
  const content = await answer.json();
  if (!answer.ok) throw new Error(content.error ?? answer.statusText);
  return content;
}

function filter() {
  const wanted = $("search").value.trim().toLowerCase();
  order = [];
  for (let index = 0; index < data.clip.length; index++) {
    if ((!reason || data.reason[index] === reason) && (!wanted || data.searched[index].includes(wanted))) order.push(index);
  }
  if (sorted.by) {
    const column = data[sorted.by];
    const sign = sorted.up ? 1 : -1;
    order.sort((a, b) => sign * (column[a] < column[b] ? -1 : column[a] > column[b] ? 1 : a - b));
  }
  $("shown").textContent = `${order.length.toLocaleString()} of ${data.clip.length.toLocaleString()}`;
  for (const chip of $("funnel").children) chip.classList.toggle("on", chip.dataset.reason === reason);
  table.show(data, order);
}

function funnel(meaning) {
  const counts = new Map();
  for (const name of data.reason) counts.set(name, (counts.get(name) ?? 0) + 1);
  const chips = [...counts].sort((a, b) => b[1] - a[1]).map(([name, count]) => {
    const chip = document.createElement("button");
    chip.dataset.reason = name;
    chip.title = meaning[name] ?? "";
    named(chip, name);
    const many = document.createElement("b");
    many.textContent = count.toLocaleString();
    chip.append(many);
    chip.addEventListener("click", () => {
      reason = reason === name ? "" : name;
      filter();
    });
    return chip;
  });
  $("funnel").replaceChildren(...chips);
}

function agree(pairs) {
  $("agreement").textContent = pairs
    .map((p) => `${p.one} and ${p.other}: ${p.agreed} of ${p.clips} alike, kappa ${p.kappa === null ? "unknown" : p.kappa.toFixed(2)}`)
    .join("; ");
}

async function load() {
  const content = await ask("api/rows");
  data = content.columns;
  data.searched = data.clip.map((clip, i) => `${clip} ${data.source[i]} ${data.vocalization[i]} ${data.reason[i]} ${data.words[i]}`.toLowerCase());
  const kept = data.state.filter((state) => state === "kept").length;
  $("count").textContent = `${kept.toLocaleString()} of ${data.clip.length.toLocaleString()} clips kept`;
  funnel(content.meaning);
  agree(content.agreement);
  filter();
}

async function open(clip) {
  const content = await ask(`api/clip/${encodeURIComponent(clip)}`);
  current = content;
  $("list").hidden = true;
  $("clip").hidden = false;
  $("name").textContent = clip;
  $("verdict-now").replaceChildren();
  named($("verdict-now"), content.reason);
  $("words").textContent = content.words;
  $("note").value = "";
  $("told").textContent = "";
  said(content.said);
  $("facts").replaceChildren(
    ...Object.entries(content.facts).map(([name, value]) => {
      const row = document.createElement("div");
      const [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
      dt.textContent = name.replaceAll("_", " ");
      dd.textContent = value;
      row.append(dt, dd);
      return row;
    }),
  );
  $("strip").hidden = $("covered").hidden = !content.media;
  if (content.media) strip();
  page.show(content);
  document.activeElement?.blur();
  foresee();
}

function strip() {
  $("strip").src = `${base}media/${encodeURIComponent(current.clip)}/strip.jpg?${current.bare ? "bare" : "blurred"}`;
  $("look").hidden = current.bare;
}

function said(rows) {
  $("said").replaceChildren(
    ...rows.map(([who, verdict, why, date, stale]) => {
      const line = document.createElement("li");
      line.textContent = `${verdict}, says ${who} on ${date}: ${why}${stale ? " (stale: measured anew since)" : ""}`;
      return line;
    }),
  );
}

function who() {
  if (reviewer.value.trim()) return reviewer.value.trim();
  $("told").textContent = "say who you are first: your initials, above";
  reviewer.focus();
  return null;
}

async function say(verdict) {
  const name = who();
  if (!name || !current) return;
  $("told").textContent = "";
  const why = $("note").value.trim() || `${verdict === "keep" ? "kept" : "dropped"} on looking`;
  try {
    const { clip } = current;
    const answer = await ask("api/verdict", { clip, verdict, reviewer: name, reason: why });
    agree(answer.agreement);
    const index = data.clip.indexOf(clip);
    data.verdicts[index] += `${data.verdicts[index] ? ", " : ""}${name} ${verdict}`;
    await open(clip);
    $("told").textContent = `${verdict}: written`;
  } catch (error) {
    $("told").textContent = error.message;
  }
}

function step(by) {
  const place = order.findIndex((index) => data.clip[index] === current?.clip);
  const next = order[place + by];
  if (next !== undefined) open(data.clip[next]);
}

function back() {
  page.media?.pause();
  current = null;
  $("clip").hidden = true;
  $("list").hidden = false;
  filter();
}

async function look() {
  const name = who();
  if (!name || !current?.media) return;
  await ask("api/look", { clip: current.clip, reviewer: name });
  current.bare = true;
  strip();
  page.play(current);
}

let waiting = false;
let again = false;
async function foresee() {
  if (waiting) {
    again = true;
    return;
  }
  waiting = true;
  const changed = {};
  for (const slider of document.querySelectorAll("#sliders input")) {
    slider.previousElementSibling.textContent = slider.value;
    if (slider.dataset.moved) changed[slider.name] = Number(slider.value);
  }
  const moved = Object.keys(changed).length > 0;
  try {
    const would = await ask("api/what-if", { changed, clip: current?.clip ?? "" });
    $("would").textContent = moved
      ? `${would.clips[0]} → ${would.clips[1]} clips (${would.entering} enter, ${would.leaving} leave), ${would.minutes[0].toFixed(2)} → ${would.minutes[1].toFixed(2)} min`
      : "";
    page.foresee(moved ? (would.kept ?? []) : []);
  } catch (error) {
    $("would").textContent = error.message;
  }
  waiting = false;
  if (again) {
    again = false;
    foresee();
  }
}

for (const slider of document.querySelectorAll("#sliders input")) {
  slider.addEventListener("input", () => {
    slider.dataset.moved = "yes";
    foresee();
  });
}
$("reset").addEventListener("click", () => {
  for (const slider of document.querySelectorAll("#sliders input")) {
    slider.value = slider.dataset.now;
    delete slider.dataset.moved;
  }
  foresee();
});
$("head").append(
  ...COLUMNS.map(([name, , title]) => {
    const button = document.createElement("button");
    button.textContent = title;
    button.addEventListener("click", () => {
      sorted = { by: name, up: sorted.by === name ? !sorted.up : true };
      filter();
    });
    return button;
  }),
);
$("search").addEventListener("input", filter);
$("all").addEventListener("click", () => {
  reason = $("search").value = "";
  sorted = { by: null, up: true };
  filter();
});
for (const [id, act] of Object.entries({ back, look, keep: () => say("keep"), drop: () => say("drop"), next: () => step(1), previous: () => step(-1) })) $(id).addEventListener("click", act);
reviewer.value = sessionStorage.getItem("reviewer") ?? "";
reviewer.addEventListener("input", () => sessionStorage.setItem("reviewer", reviewer.value));

const KEYS = { k: () => say("keep"), d: () => say("drop"), j: () => step(1), p: () => step(-1), f: look, n: () => $("note").focus(), Escape: back, " ": () => page.media && (page.media.paused ? page.media.play() : page.media.pause()) };
addEventListener("keydown", (event) => {
  const typing = event.target.matches("input:not([type=range]), textarea");
  if (event.key === "Escape" && typing) event.target.blur();
  else if (event.ctrlKey || event.metaKey || event.altKey || typing) return;
  else if (event.key === "/" && !current) $("search").focus();
  else if (event.key === "Enter" && !current && order.length && !event.target.matches("button, summary")) open(data.clip[order[0]]);
  else if (current && KEYS[event.key]) KEYS[event.key]();
  else return;
  event.preventDefault();
});
load().catch((error) => ($("count").textContent = error.message));
