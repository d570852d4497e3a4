"use strict";
const clips = [...document.querySelectorAll(".clip")];
const search = document.getElementById("search");
const shown = document.getElementById("shown");
const chips = [...document.querySelectorAll("[data-filter]")];
// A row says most of what it is searched by; what lies beneath a summary is not searched.
const texts = clips.map((clip) =>
  `${clip.dataset.search} ${clip.matches("details") ? "" : clip.textContent}`.toLowerCase());
let wanted = "";

function show() {
  const text = search.value.trim().toLowerCase();
  let count = 0;
  clips.forEach((clip, number) => {
    const fits = (!wanted || clip.dataset.reason === wanted) && texts[number].includes(text);
    clip.hidden = !fits;
    count += fits;
  });
  shown.textContent = count === clips.length ? "" : `${count} of ${clips.length} shown`;
  for (const chip of chips) chip.classList.toggle("on", chip.dataset.filter === wanted);
}

for (const chip of chips) {
  chip.addEventListener("click", () => {
    wanted = wanted === chip.dataset.filter ? "" : chip.dataset.filter;
    show();
    if (!chip.closest("#states")) document.getElementById("clips").scrollIntoView();
  });
}
search.addEventListener("input", show);
document.getElementById("all").addEventListener("click", () => {
  wanted = search.value = "";
  show();
});
document.getElementById("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});
function open() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && target.matches("details")) target.open = true;
}
addEventListener("hashchange", open);
open();
