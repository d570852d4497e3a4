// The reviewing story: a queue, a clip, a word about it, the next.
import { ask } from "./api.js";
import { $, el, many, named } from "./dom.js";
import { funnel, reasons, specials } from "./funnel.js";
import { Player } from "./player.js";
import { said } from "./said.js";
import { Sliders } from "./sliders.js";
import { Table } from "./table.js";
import { Timeline } from "./timeline.js";
import { headline, words } from "./why.js";

const reviewer = $("reviewer");
const only = { reason: "", stage: "", special: "" };
let data;
let order = [];
let sorted = { by: null, up: true };
let current = null;
let flips = new Map();

const text = (cell, value) => {
  cell.textContent = value;
};
const reasonCell = (cell, value) => cell.replaceChildren(...named(value));
const keptCell = (cell, value, index) => {
  cell.textContent = value ? value.toFixed(2) : "";
  const flip = flips.get(data.clip[index]);
  if (flip) cell.replaceChildren(el("em", { kind: flip, text: flip }));
};
const worthCell = (cell, value, index) => {
  const bar = el("i", { kind: "worth" });
  bar.style.width = `${Math.min(100, data.worth[index] * 40)}%`;
  cell.replaceChildren(value, bar);
};
const COLUMNS = [
  ["clip", text, "clip"],
  ["vocalization", text, "kind"],
  ["source", text, "source"],
  ["reason", reasonCell, "reason"],
  ["words", text, "in words"],
  ["stage", text, "decided by"],
  ["kept_s", keptCell, "kept, s"],
  ["ground", worthCell, "worth a look as"],
  ["verdicts", text, "said"],
];
const table = new Table($("rows"), $("space"), COLUMNS, go);
const player = new Player((frame) => timeline.at(frame));
const timeline = new Timeline({ seek: (frame) => player.seek(frame), chosen });
const sliders = new Sliders({
  clip: () => current?.clip ?? "",
  show: (spans, limits) => current && timeline.foresee(spans, limits),
  which: (would) => {
    flips = new Map(would ? [...would.enters.map((clip) => [clip, "enters"]), ...would.leaves.map((clip) => [clip, "leaves"])] : []);
    if (data && !current) filter();
  },
});

// The list.

const me = () => reviewer.value.trim();
let my = "";
const judgedByMe = (index) => my !== "" && data.reviewers[index].includes(my);
const SPECIAL = {
  stale: ["stale verdicts", (index) => data.stale[index]],
  disagree: ["reviewers disagree", (index) => data.split[index]],
  second: ["judged by others, not by you", (index) => my !== "" && data.reviewers[index].length > 0 && !judgedByMe(index)],
  mine: ["judged by you", judgedByMe],
  enters: ["would enter", (index) => flips.get(data.clip[index]) === "enters"],
  leaves: ["would leave", (index) => flips.get(data.clip[index]) === "leaves"],
};

function filter() {
  const wanted = $("search").value.trim().toLowerCase();
  const special = SPECIAL[only.special]?.[1];
  my = me();
  order = [];
  for (let index = 0; index < data.clip.length; index++) {
    if (only.reason && data.reason[index] !== only.reason) continue;
    if (only.stage && (data.stage[index] !== only.stage || data.state[index] === "kept")) continue;
    if (wanted && !data.searched[index].includes(wanted)) continue;
    if (special && !special(index)) continue;
    order.push(index);
  }
  sort();
  $("shown").textContent = `${many(order.length)} of ${many(data.clip.length)}`;
  $("all").hidden = !wanted && !sorted.by && !Object.values(only).some(Boolean);
  for (const [name, box] of [["reason", "reasons"], ["stage", "funnel"]]) {
    for (const chip of $(box).children) {
      chip.classList.toggle("on", chip.dataset[name] === only[name]);
      chip.ariaPressed = String(chip.dataset[name] === only[name]);
    }
  }
  const all = [...data.clip.keys()];
  specials(Object.entries(SPECIAL).map(([name, [says, holds]]) => [name, says, all.filter(holds).length]), only.special, (name) => choose("special", name));
  table.show(data, order);
}

function sort() {
  if (sorted.by) {
    const column = data[sorted.by];
    const sign = sorted.up ? 1 : -1;
    order.sort((a, b) => sign * (column[a] < column[b] ? -1 : column[a] > column[b] ? 1 : 0) || a - b);
  } else if (my) {
    // In the queue, what this reviewer has judged comes last.
    const done = order.filter((index) => judgedByMe(index) && !data.stale[index]);
    if (done.length) order = [...order.filter((index) => !judgedByMe(index) || data.stale[index]), ...done];
  }
  for (const head of $("head").children) {
    const by = head.dataset.by === sorted.by;
    head.ariaSort = by ? (sorted.up ? "ascending" : "descending") : "none";
  }
}

function choose(kind, name) {
  only[kind] = only[kind] === name ? "" : name;
  table.cursor = 0;
  $("rows").scrollTop = 0;
  filter();
}

function agree(pairs) {
  $("agreement").textContent = pairs
    .map((p) => `${p.one} and ${p.other}: ${p.agreed} of ${p.clips} alike, kappa ${p.kappa === null ? "unknown" : p.kappa.toFixed(2)}`)
    .join("; ");
}

async function load() {
  const content = await ask("api/rows");
  data = content.columns;
  data.searched = data.clip.map((clip, i) => `${clip} ${data.source[i]} ${data.vocalization[i]} ${data.reason[i]} ${data.words[i]} ${data.verdicts[i]}`.toLowerCase());
  const kept = data.state.filter((state) => state === "kept").length;
  $("count").textContent = `${many(kept)} of ${many(data.clip.length)} clips kept`;
  funnel(content.funnel, data.clip.length, (stage) => choose("stage", stage));
  reasons(data, content.meaning, (reason) => choose("reason", reason));
  agree(content.agreement);
  filter();
}

// A clip.

function go(clip) {
  location.hash = encodeURIComponent(clip);
}

async function open(clip) {
  let content;
  try {
    content = await ask(`api/clip/${encodeURIComponent(clip)}`);
  } catch (error) {
    $("count").textContent = error.message;
    location.hash = "";
    return;
  }
  current = content;
  $("list").hidden = true;
  $("clip").hidden = $("judge").hidden = $("why").hidden = false;
  panel();
  $("name").textContent = clip;
  $("verdict-now").replaceChildren(...named(content.reason));
  const place = order.findIndex((index) => data.clip[index] === clip);
  $("place").textContent = place < 0 ? "" : `${many(place + 1)} of ${many(order.length)}`;
  $("note").value = $("told").textContent = "";
  $("keep").disabled = $("drop").disabled = !content.decides;
  if (!content.decides) $("told").textContent = "select decided nothing about it, so no word changes it";
  facts(content.facts);
  headline($("headline"), content);
  $("words").replaceChildren(el("p", { kind: "soft", text: "asking the ledgers" }));
  timeline.show(content);
  player.open(content);
  lines(content.said);
  sliders.foresee();
  document.activeElement?.blur();
  if (place >= 0) table.cursor = place;
  const story = await ask(`api/clip/${encodeURIComponent(clip)}/words`).catch((error) => error);
  if (current !== content) return;
  if (story instanceof Error) $("words").textContent = story.message;
  else words($("words"), story, point);
}

function facts(known) {
  $("facts").replaceChildren(
    ...Object.entries(known).map(([name, value]) => el("div", {}, el("dt", { text: name.replaceAll("_", " ") }), el("dd", { text: value }))),
  );
}

function point(start, end) {
  timeline.choose([start, end]);
  player.seek(start);
}

function chosen(span) {
  $("whole").hidden = !span;
  const seconds = (frame) => (frame / current.fps).toFixed(2);
  $("of").textContent = span ? `Of frames ${span[0]}-${span[1] - 1} (${seconds(span[0])}-${seconds(span[1])} s)` : "Of the whole clip";
}

function lines(said_) {
  current.said = said_;
  said($("said"), said_, { me: me(), clip: current, again: (line) => write(line, line), back: takeBack, choose: point });
}

function who() {
  if (me()) return me();
  $("told").textContent = "say who you are first: your initials, above";
  reviewer.focus();
  return null;
}

async function say(verdict, on = false) {
  if (!current?.decides) return;
  const [start_frame, end_frame] = timeline.span ?? [null, null];
  const reason = $("note").value.trim() || `${verdict === "keep" ? "kept" : "dropped"} on looking`;
  if ((await write({ verdict, reason, start_frame, end_frame })) && on) step(1);
}

async function write({ verdict, reason, start_frame, end_frame }) {
  const name = who();
  if (!name) return false;
  return tell("api/verdict", { clip: current.clip, verdict, reviewer: name, reason, start_frame, end_frame }, `${verdict}: written`);
}

async function takeBack(line) {
  const name = who();
  if (!name) return;
  const { verdict, reviewer: by, reason, start_frame, end_frame, date } = line;
  await tell("api/take-back", { clip: current.clip, verdict, reviewer: by, reason, start_frame, end_frame, date, by: name }, "taken back");
}

async function tell(path, body, done) {
  const of = current;
  const [note, { span }] = [$("note").value, timeline];
  $("note").value = $("told").textContent = "";
  timeline.choose(null);
  try {
    const answer = await ask(path, body);
    agree(answer.agreement);
    if (current !== of) return true;
    timeline.keeps(answer.kept);
    lines(answer.said);
    sliders.foresee();
    $("told").textContent = done;
    return true;
  } catch (error) {
    $("told").textContent = `${of.clip}, nothing was written: ${error.message}`;
    if (current === of && !$("note").value) $("note").value = note;
    if (current === of && !timeline.span) timeline.choose(span);
    return false;
  }
}

function undo() {
  const mine = current.said.filter((line) => line.reviewer === me());
  if (mine.length) takeBack(mine[mine.length - 1]);
  else $("told").textContent = "you have said nothing of this clip";
}

function step(by) {
  const place = order.findIndex((index) => data.clip[index] === current?.clip);
  const next = order[place + by];
  if (next !== undefined) go(data.clip[next]);
}

function back() {
  if (location.hash) location.hash = "";
}

async function list() {
  player.close();
  current = null;
  $("clip").hidden = $("judge").hidden = $("why").hidden = true;
  $("list").hidden = false;
  panel();
  filter();
  table.move(table.cursor);
  $("table").focus({ preventScroll: true });
  // Others may have spoken in the meantime, or this reviewer.
  await load();
}

async function look() {
  if (!current?.shown) return;
  if (player.key) {
    player.uncover(null);
    timeline.uncover(null);
    return;
  }
  const name = who();
  if (!name) return;
  const of = current;
  const { key } = await ask("api/look", { clip: of.clip, reviewer: name });
  if (current !== of) return;
  player.uncover(key);
  timeline.uncover(key);
}

function panel(toggle = false) {
  if (toggle) {
    $("sliders").hidden = !$("sliders").hidden;
    $("what-if").ariaExpanded = String(!$("sliders").hidden);
    sessionStorage.setItem("what-if", $("sliders").hidden ? "" : "open");
  }
  $("side").hidden = !current && $("sliders").hidden;
  document.body.classList.toggle("sided", !$("side").hidden);
}

// The hand.

function extend(by) {
  const [start, end] = timeline.span ?? [player.frame, player.frame + 1];
  const frame = Math.max(0, Math.min(current.frames - 1, player.frame + by));
  const from = player.frame === start && end - start > 1 ? end - 1 : start;
  timeline.choose([Math.min(from, frame), Math.max(from, frame) + 1]);
  player.seek(frame);
}

function edge(begins) {
  const [start, end] = timeline.span ?? [0, current.frames];
  const { frame } = player;
  if (begins) timeline.choose([frame, Math.max(end, frame + 1)]);
  else timeline.choose([Math.min(start, frame), frame + 1]);
}

const CLIP_KEYS = {
  k: () => say("keep"),
  d: () => say("drop"),
  K: () => say("keep", true),
  D: () => say("drop", true),
  n: () => $("note").focus(),
  u: undo,
  j: () => step(1),
  p: () => step(-1),
  f: look,
  l: () => player.toggle("landmarks"),
  m: () => player.meshes && player.toggle("mesh"),
  v: () => player.clip?.shown?.stem && player.toggle("stem"),
  r: () => timeline.chooseRun(player.frame),
  "[": () => edge(true),
  "]": () => edge(false),
  " ": () => player.play(),
  Escape: () => (timeline.span ? timeline.choose(null) : back()),
};
const LIST_KEYS = {
  "/": () => $("search").focus(),
  ArrowDown: () => table.move(table.cursor + 1),
  ArrowUp: () => table.move(table.cursor - 1),
  PageDown: () => table.move(table.cursor + 20),
  PageUp: () => table.move(table.cursor - 20),
  Home: () => table.move(0),
  End: () => table.move(order.length - 1),
  Enter: () => table.openCursor(),
  Escape: everything,
};
const EVERYWHERE = { t: () => panel(true), "?": () => $("help").showModal() };

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  if (current && event.key.startsWith("Arrow") && current.frames) {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by) return event.shiftKey ? () => extend(by) : () => player.seek(player.frame + by);
  }
  if (event.key === "Enter" && event.target.matches("button")) return null;
  return (current ? CLIP_KEYS : LIST_KEYS)[event.key] ?? EVERYWHERE[event.key] ?? null;
}

addEventListener("keydown", (event) => {
  if (!data || $("help").open) return;
  const typing = event.target.matches("input:not([type=range]), textarea");
  if (typing) {
    if (event.key === "Escape" || (event.key === "Enter" && event.target === $("search"))) {
      event.target.blur();
      event.preventDefault();
    }
    return;
  }
  if (event.target.matches("input[type=range]") && event.key.startsWith("Arrow")) return;
  if (event.key === " " && event.target.matches("button")) event.target.blur();
  const act = key(event);
  if (!act) return;
  event.preventDefault();
  act();
});

function everything() {
  Object.assign(only, { reason: "", stage: "", special: "" });
  $("search").value = "";
  sorted = { by: null, up: true };
  filter();
}

$("head").append(
  ...COLUMNS.map(([name, , title]) => {
    const head = el("button", {
      text: title,
      data: { by: name },
      on: () => {
        sorted = { by: name, up: sorted.by === name ? !sorted.up : true };
        filter();
      },
    });
    head.role = "columnheader";
    return head;
  }),
);
$("search").addEventListener("input", () => {
  table.cursor = 0;
  filter();
});
for (const [id, act] of Object.entries({
  back,
  look,
  keep: () => say("keep"),
  drop: () => say("drop"),
  next: () => step(1),
  previous: () => step(-1),
  whole: () => timeline.choose(null),
  all: everything,
  "what-if": () => panel(true),
  keys: () => $("help").showModal(),
  close: () => $("help").close(),
})) {
  $(id).addEventListener("click", act);
}
reviewer.value = sessionStorage.getItem("reviewer") ?? "";
reviewer.addEventListener("input", () => {
  sessionStorage.setItem("reviewer", reviewer.value);
  if (current) lines(current.said);
  else if (data) filter();
});
$("sliders").hidden = !sessionStorage.getItem("what-if");

function route() {
  const clip = decodeURIComponent(location.hash.slice(1));
  if (clip) return open(clip);
  return current ? list() : undefined;
}

addEventListener("hashchange", route);
load().then(() => {
  panel();
  return route();
}, (error) => ($("count").textContent = error.message));
