// What reviewers said of a clip; what was said of other measurements can be said anew or taken back.
import { el } from "./dom.js";

export function said(box, lines, { me, clip, again, back, choose }) {
  box.replaceChildren(
    ...lines.map((line) => {
      const where = line.start_frame === null ? "the whole clip" : `frames ${line.start_frame}-${line.end_frame - 1}`;
      const made = el(
        "li",
        { kind: line.stale ? "stale" : "" },
        el("b", { kind: line.verdict, text: line.verdict }),
        line.start_frame === null ? el("span", { text: where }) : el("button", { kind: "link", text: where, on: () => choose(line.start_frame, line.end_frame) }),
        el("span", { kind: "soft", text: `${line.reviewer}, ${line.date}` }),
        el("q", { text: line.reason }),
      );
      if (line.stale) {
        const still = clip.stale_overrides === "apply" ? "it still holds" : "it no longer holds";
        made.append(el("p", { kind: "warn", text: `Stale: the clip was measured anew since, and ${still}.` }));
        made.append(el("button", { text: "say it again", title: "the same verdict, on what is measured now", on: () => again(line) }));
      }
      if (line.stale || line.reviewer === me) made.append(el("button", { text: "take back", on: () => back(line) }));
      return made;
    }),
  );
}
