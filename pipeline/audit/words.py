"""A clip's story, and a frame's, as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pipeline.audit.read import FRAME_JUDGES, Account
from pipeline.audit.why import FPS, FrameRun, Mend, Rule, Step, Story, frame_runs, mended, rule_of
from pipeline.core.errors import CradleError
from pipeline.core.reasons import Reason, State
from pipeline.core.tables import values
from pipeline.dataset.turning import DIGITS

MOST_RUNS = 12
HOPELESS = "no change of thresholds was found, alone or together, that would have kept it"


def in_words(story: Story) -> str:
    """Tell a story in a screenful."""
    return "".join(printable(line) + "\n" for line in _lines(story))


def printable(line: str) -> str:
    """A line without what moves a terminal's cursor or turns its writing around.

    Strangers may have put such into a site's answer, or into a reason in data/overrides.csv.
    """
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in line
    )


def _lines(story: Story) -> Iterator[str]:
    if story.state == State.KEPT:
        yield f"{story.clip}: kept" + (f" as {story.vocalization}" if story.vocalization else "")
    else:
        yield f"{story.clip}: {story.state} at {story.stage}, {story.reason}"
        yield f"  {story.explanation}"
    yield from (f"  {line}" for line in map(_step, story.steps))
    if story.spans:
        said = ", ".join(f"{a}-{b - 1} ({_seconds(a, b)})" for a, b in story.spans)
        yield f"  spans      frames {said}"
    dropped = [run for run in story.runs if Reason.named(run.reason) is not Reason.KEPT]
    if dropped:
        yield ""
        yield f"frames that were not simply kept, of {story.frames}:"
        longest = sorted(dropped, key=lambda run: run.start_frame - run.end_frame)[:MOST_RUNS]
        for run in sorted(longest, key=lambda run: (run.stage, run.start_frame)):
            yield f"  {of_run(run)}"
        if len(dropped) > MOST_RUNS:
            yield f"  and {len(dropped) - MOST_RUNS} shorter runs"
    closest = [f"{rule}, by {rule.margin:.{DIGITS}g}" for rule in story.closest]
    yield from _part("what came closest to dropping a frame:", closest)
    one = "the smallest change of one threshold that would have turned it:"
    yield from _part(one, story.turning[:3])
    several = "no one threshold would have turned it; these together would have kept a stretch:"
    yield from _part(several, story.together)
    if story.hopeless:
        yield ""
        yield HOPELESS


def _part(title: str, lines: Sequence[str]) -> Iterator[str]:
    """A title and its lines, where there are any."""
    if lines:
        yield ""
        yield title
        yield from (f"  {line}" for line in lines)


def of_run(run: FrameRun) -> str:
    """One run of frames in a line."""
    line = (
        f"frames {run.start_frame}-{run.end_frame - 1} ({_seconds(run.start_frame, run.end_frame)})"
    )
    line += f" {run.stage}: {run.reason}"
    if run.rule is not None:
        line += f", {_spread(run.rule, run.best)}"
    if run.changes:
        line += f"; kept at {' with '.join(map(str, run.changes))}"
    elif run.kept_at is not None and run.rule is not None:
        line += f"; this rule passes at {_towards(run.rule.op)} {run.kept_at:g}"
    return line


def _spread(rule: Rule, best: float | None) -> str:
    text = str(rule)
    if rule.measured is None or best is None:
        return text
    low, high = f"{rule.measured:.{DIGITS}g}", f"{best:.{DIGITS}g}"
    return text if low == high else text.replace(low, f"{low} to {high}", 1)


def _towards(op: str) -> str:
    """A lower limit lets a value pass when it is at most that value, an upper one at least."""
    return "<=" if op in (">=", ">") else ">="


def _step(step: Step) -> str:
    words = [] if step.reason == Reason.KEPT else [step.reason]
    if step.rule is not None:
        words.append(str(step.rule))
        if step.rule.margin is not None and not step.rule.holds:
            words.append(f"short of it by {-step.rule.margin:.{DIGITS}g}")
    line = f"{step.stage:10} {step.state:12}{', '.join(words)}"
    if step.detail:
        line += f" [{step.detail}]"
    if step.backend:
        line += f" {step.backend} {step.backend_digest[:8]}"
    return line.rstrip()


def _seconds(start: int, end: int) -> str:
    return f"{start / FPS:.2f}-{end / FPS:.2f} s"


@dataclass(frozen=True)
class Moment:
    """One frame: what was measured there and what was made of it."""

    clip: str
    frame: int
    measured: dict[str, float | str | None]
    judged: list[FrameRun]

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "clip": self.clip,
            "frame": self.frame,
            "time_s": self.frame / FPS,
            "measured": self.measured,
            "judged": [
                {
                    "stage": run.stage,
                    "reason": run.reason,
                    "rule": None if run.rule is None else vars(run.rule),
                    "frames": [run.start_frame, run.end_frame],
                    "kept_at": run.kept_at,
                    "changes": None if run.changes is None else [vars(c) for c in run.changes],
                }
                for run in self.judged
            ],
        }


def at_frame(account: Account, clip: str, frame: int, mend: Mend | None = None) -> Moment:
    """Tell of one frame.

    Raises:
        CradleError: the clip has no such frame.
    """
    frames = int(account.about("download", clip).get("frames", 0))
    if not 0 <= frame < frames:
        raise CradleError(f"{clip} has frames 0 to {frames - 1}, not {frame}")
    judged = [
        replace(mended(alone, mend), start_frame=run.start_frame, end_frame=run.end_frame)
        for stage in FRAME_JUDGES
        for run, alone in _exactly(account, stage, clip, frame)
    ]
    measured: dict[str, float | str | None] = {}
    for stage in ("landmarks", "isolate"):
        for row in _rows(account, stage, clip, frame):
            measured |= {k: _cell(v) for k, v in row.items() if k not in ("clip", "frame")}
    return Moment(clip, frame, measured, judged)


def _cell(value: Any) -> float | str | None:
    if value is None or value != value:
        return None
    return value if isinstance(value, str) else float(value)


def _rows(account: Account, stage: str, clip: str, frame: int) -> list[dict[str, Any]]:
    """What a stage wrote of one frame: a row, or none."""
    rows = account.frames(stage, clip)
    if not len(rows):
        return []
    here = np.flatnonzero(values(rows["frame"], np.int64) == frame)
    return [row for place in here for row in rows.slice(int(place), 1).to_pylist()]


def _exactly(
    account: Account, stage: str, clip: str, frame: int
) -> Iterator[tuple[FrameRun, FrameRun]]:
    """The run that holds a frame, and that frame by itself with the rule as it was there."""
    for run in frame_runs(account, stage, clip):
        if run.start_frame <= frame < run.end_frame:
            (exact,) = _rows(account, stage, clip, frame)
            yield run, FrameRun(stage, frame, frame + 1, run.reason, rule_of(exact), None)


def of_moment(moment: Moment) -> str:
    """Tell of one frame in words."""
    lines = [f"{moment.clip}, frame {moment.frame} at {moment.frame / FPS:.2f} s"]
    lines += [f"  in {of_run(run)}" for run in moment.judged] or ["  never judged"]
    for name, value in moment.measured.items():
        lines.append(f"  {name:16} {_shown(value)}")
    return "\n".join(lines) + "\n"


def _shown(value: float | str | None) -> str:
    if value is None:
        return "not measured"
    return f"{value:.4g}" if isinstance(value, float) else value or "nothing"
