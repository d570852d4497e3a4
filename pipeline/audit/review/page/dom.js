// Elements made of strangers' text: whatever is given is set as text, never as markup.
export const $ = (id) => document.getElementById(id);

export function el(name, { text, title, kind, data, on } = {}, ...children) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (title) made.title = title;
  if (kind) made.className = kind;
  Object.assign(made.dataset, data);
  if (on) made.addEventListener("click", on);
  made.append(...children);
  return made;
}

export function named(reason, text = reason.replaceAll("_", " ")) {
  return [el("i", { kind: `swatch r-${reason}` }), text];
}

const SVG = "http://www.w3.org/2000/svg";

export function shape(name, attributes, parent) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent?.append(made);
  return made;
}

export const many = (number) => number.toLocaleString("en");
export const digits = (value) => Number(value.toPrecision(3)).toString();
