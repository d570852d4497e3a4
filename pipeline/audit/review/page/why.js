// The ledgers' words on a clip: what decided, the way there, and what would have turned it.
import { el, named } from "./dom.js";

export function headline(box, clip) {
  const kept = clip.state === "kept";
  box.replaceChildren(
    el("p", { kind: "headline" }, ...named(clip.reason), el("span", { kind: "soft", text: kept ? "" : ` ${clip.state} at ${clip.stage}` })),
    el("p", { kind: "soft", text: clip.explanation }),
  );
}

export function words(box, story, choose) {
  const steps = story.steps.map(([stage, state, reason, said, backend]) =>
    el(
      "li",
      { kind: state === "kept" ? "" : "broken", title: backend },
      el("b", { text: stage }),
      el("span", { text: state === "kept" ? "kept" : `${state}: ${reason.replaceAll("_", " ")}` }),
      el("span", { kind: "soft", text: said }),
    ),
  );
  const runs = story.runs.map(([stage, start, end, reason, line]) => {
    const button = el("button", { kind: "run", on: () => choose(start, end) });
    const [where, what = ""] = split(line);
    button.append(el("i", { kind: `swatch r-${reason}` }), el("b", { text: where }), el("span", { text: what.replace(`${stage}: `, "") }));
    return el("li", {}, button);
  });
  box.replaceChildren(
    ...part("What would have turned it", story.turning.map((text) => el("li", { text }))),
    ...part("What would have kept a stretch of it, all together", story.together.map((text) => el("li", { text }))),
    ...part("What would have kept it", story.hopeless ? [el("li", { text: story.hopeless })] : []),
    ...part("Frames that were not simply kept", runs),
    ...part("What came closest to dropping a frame", story.closest.map((text) => el("li", { text }))),
    ...part("Its way through the stages", steps, "steps"),
  );
}

// "frames 41-77 (1.37-2.60 s) select: mouth_hidden, ..." into where and what.
function split(line) {
  const at = line.indexOf(") ");
  return at < 0 ? [line] : [line.slice(0, at + 1), line.slice(at + 2)];
}

function part(title, items, kind = "") {
  return items.length ? [el("h3", { text: title }), el("ul", { kind }, ...items)] : [];
}
