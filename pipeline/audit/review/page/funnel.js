// Where clips went: the stages in order, and below them every reason.
import { $, el, many, named } from "./dom.js";

export function funnel(stages, total, choose) {
  $("funnel").replaceChildren(
    ...stages.map(([stage, came, kept]) => {
      const bar = el("span", { kind: "bar" }, el("i"), el("i"));
      bar.children[0].style.width = `${(100 * kept) / Math.max(1, total)}%`;
      bar.children[1].style.width = `${(100 * (came - kept)) / Math.max(1, total)}%`;
      const lost = came - kept;
      const made = el(
        "button",
        { data: { stage }, title: `${many(came)} came, ${many(kept)} went on`, on: () => choose(stage) },
        el("span", { kind: "name", text: stage }),
        el("b", { text: many(kept) }),
        el("span", { kind: "lost", text: lost ? `−${many(lost)}` : "" }),
        bar,
      );
      made.disabled = !lost;
      return made;
    }),
  );
}

export function reasons(data, meaning, choose) {
  const counts = new Map();
  const states = new Map();
  data.reason.forEach((name, index) => {
    counts.set(name, (counts.get(name) ?? 0) + 1);
    states.set(name, data.state[index]);
  });
  const found = [...counts].sort((a, b) => (b[0] === "kept") - (a[0] === "kept") || b[1] - a[1]);
  $("reasons").replaceChildren(
    ...found.map(([name, count]) => {
      const state = states.get(name);
      const chip = el("button", { data: { reason: name }, title: meaning[name] ?? "", on: () => choose(name) }, ...named(name));
      if (!["kept", "rejected"].includes(state)) chip.append(el("small", { text: state }));
      chip.append(el("b", { text: many(count) }));
      return chip;
    }),
  );
}

export function specials(kinds, chosen, choose) {
  $("specials").replaceChildren(
    ...kinds
      .filter(([name, , count]) => count || name === chosen)
      .map(([name, words, count]) => {
        const chip = el("button", { kind: name === chosen ? "on" : "", data: { special: name }, text: words, on: () => choose(name) });
        chip.append(el("b", { text: many(count) }));
        return chip;
      }),
  );
}
