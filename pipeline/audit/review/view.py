"""One clip on the desk: every gate over time with its threshold, and the ledgers' words."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.audit import words
from pipeline.audit.otherwise import tell
from pipeline.audit.review.desk import Desk
from pipeline.audit.why import FPS, Step, explain
from pipeline.core.reasons import Reason
from pipeline.dataset.gates import FRAME_GATES, VOICE_GATES, Floats

FACTS = ("source", "licence", "consent", "vocalization", "age_months", "synthetic", "duration_s")
DIGITS = 4


def of_clip(desk: Desk, clip: str) -> dict[str, Any]:
    """What is measured of a clip and what was made of it, frame by frame.

    Raises:
        CradleError: there is no such clip.
    """
    # The way through the stages is in the ledgers at hand; frames are read one by one below.
    story = explain(desk.account, clip, frames=False)
    about = desk.account.about("download", clip)
    shown: dict[str, Any] = {
        "clip": clip,
        "stage": story.stage,
        "state": story.state,
        "reason": story.reason,
        "explanation": story.explanation,
        "fps": FPS,
        "frames": story.frames,
        "facts": {name: str(about[name]) for name in FACTS if name in about},
        "blocks": _blocks(desk, clip),
        "said": desk.said_of(clip),
        "kept": desk.kept_of(clip),
        "decides": clip in desk.place,
        "stale_overrides": desk.thresholds.stale_overrides,
        "events": _events(desk, clip),
        "tracks": _tracks(desk, clip),
        "gates": [],
        "voice": [],
    }
    if clip in desk.place:
        alone, limits = desk.tables.alone(clip), desk.thresholds
        shown["cuts"] = np.flatnonzero(alone.cut).tolist()
        for name, gates, columns in (
            ("gates", FRAME_GATES, alone.frames),
            ("voice", VOICE_GATES, alone.voice),
        ):
            shown[name] = [
                {
                    "measure": gate.measure,
                    "threshold": gate.threshold,
                    "op": gate.op,
                    "limit": float(getattr(limits, gate.threshold)),
                    "reason": gate.reason,
                    "unmeasured_passes": gate.unmeasured_passes,
                    "values": _plain(columns[gate.measure]),
                }
                for gate in gates
            ]
    return shown


def in_words(desk: Desk, clip: str) -> dict[str, Any]:
    """What the ledgers say of a clip, stage by stage, and what would have turned it.

    Raises:
        CradleError: there is no such clip.
    """
    alone = desk.tables.alone(clip) if clip in desk.place else None
    story = tell(desk.account, clip, alone, desk.thresholds)
    return {
        "steps": [[step.stage, step.state, step.reason, *_of_step(step)] for step in story.steps],
        "runs": [
            [run.stage, run.start_frame, run.end_frame, run.reason, words.of_run(run)]
            for run in story.runs
            if run.reason != Reason.KEPT
        ],
        "closest": [f"{rule}, by {rule.margin:.3g}" for rule in story.closest],
        "turning": story.turning[:4],
        "together": story.together,
        "hopeless": words.HOPELESS if story.hopeless else "",
    }


def _of_step(step: Step) -> list[str]:
    said = [str(step.rule)] if step.rule is not None else []
    if step.rule is not None and step.rule.margin is not None and not step.rule.holds:
        said.append(f"short of it by {-step.rule.margin:.3g}")
    said += [step.detail] if step.detail else []
    return [", ".join(said), f"{step.backend} {step.backend_digest[:8]}".strip()]


def _blocks(desk: Desk, clip: str) -> list[list[Any]]:
    """First frame, end and reason of frames alike: select's, and over them what fit dropped."""
    drawn = []
    for stage in ("select", "fit"):
        frames = desk.account.frames(stage, clip)
        if not len(frames):
            continue
        reason, number = np.asarray(frames["reason"], object), np.asarray(frames["frame"], int)
        begins = np.flatnonzero(
            np.append(True, (reason[1:] != reason[:-1]) | (np.diff(number) != 1))
        )
        ends = np.append(begins[1:], len(frames)) - 1
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
            if stage == "select" or reason[begin] not in (Reason.KEPT, Reason.BRIDGED):
                drawn.append([int(number[begin]), int(number[end]) + 1, str(reason[begin]), stage])
    return drawn


def _events(desk: Desk, clip: str) -> list[list[Any]]:
    """Start and end in seconds, who sounds, of which kind, and what the tagger calls it."""
    events = desk.account.of_clip("isolate", "events", clip)
    if not len(events):
        return []
    kinds = events["type"] if "type" in events.column_names else [None] * len(events)
    named = events["heard_as"] if "heard_as" in events.column_names else [None] * len(events)
    columns = (events["start_s"], events["end_s"], events["who"], kinds, named)
    return [
        [
            round(float(start), 3),
            round(float(end), 3),
            str(who),
            kind if isinstance(kind, str) else "",
            heard_as if isinstance(heard_as, str) else "",
        ]
        for start, end, who, kind, heard_as in zip(
            *(np.asarray(c, object) for c in columns), strict=True
        )
    ]


def _tracks(desk: Desk, clip: str) -> dict[str, list[float | None]]:
    voices = desk.account.frames("isolate", clip)
    names = [name for name in ("infant", "adult") if name in voices.column_names]
    return {name: _plain(np.asarray(voices[name], float)) for name in names}


def _plain(values: Floats) -> list[float | None]:
    # JSON has no word for what was not measured but null.
    return [None if np.isnan(value) else float(f"{value:.{DIGITS}g}") for value in values]
