"""One clip on the desk: its words, and every gate over time with its threshold."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.audit import words
from pipeline.audit.review.desk import Desk
from pipeline.audit.why import FrameRun, explain
from pipeline.core.reasons import Reason
from pipeline.core.tables import floats
from pipeline.dataset import turning
from pipeline.dataset.gates import FRAME_GATES, VOICE_GATES, Floats
from pipeline.dataset.measures import FPS, Tables
from pipeline.dataset.turning import Change

FACTS = ("source", "licence", "consent", "vocalization", "age_months", "synthetic", "duration_s")
DIGITS = 4


def of_clip(desk: Desk, clip: str) -> dict[str, Any]:
    """All that the page shows of a clip beside picture and sound.

    Raises:
        CradleError: there is no such clip.
    """
    alone = desk.tables.alone(clip) if clip in desk.place else None

    def mend(run: FrameRun) -> list[Change] | None:
        if alone is None or run.stage != "select":
            return None
        return turning.mend(alone, desk.thresholds, run.start_frame, run.end_frame)

    points = [] if alone is None else turning.turning_points(alone, desk.thresholds)
    story = explain(desk.account, clip, points, mend)
    about = desk.account.about("download", clip)
    shown: dict[str, Any] = {
        "clip": clip,
        "reason": story.reason,
        "words": words.in_words(story),
        "fps": FPS,
        "frames": story.frames,
        "facts": {name: str(about[name]) for name in FACTS if name in about},
        "runs": [
            [run.start_frame, run.end_frame, run.reason, words.of_run(run)]
            for run in story.runs
            if run.stage == "select" or run.reason != Reason.KEPT
        ],
        "said": [
            [word.reviewer, word.verdict, word.reason, word.date, word.stale]
            for word in desk.tables.overrides
            if word.clip == clip
        ],
        "gates": [],
        "voice": [],
        "tracks": _tracks(desk, clip),
    }
    if alone is not None:
        limits = desk.thresholds
        shown["kept"] = desk.what_if({}, clip)["kept"]
        shown["cuts"] = np.flatnonzero(alone.cut).tolist()
        shown["gates"] = [
            [gate.measure, gate.threshold, gate.op, getattr(limits, gate.threshold), _plain(values)]
            for gate in FRAME_GATES
            for values in [alone.frames[gate.measure]]
        ]
        shown["voice"] = [
            [
                gate.measure,
                gate.threshold,
                gate.op,
                getattr(limits, gate.threshold),
                *_plain(values),
            ]
            for gate in VOICE_GATES
            for values in [alone.voice[gate.measure]]
        ]
        shown["events"] = _events(alone)
    return shown


def _events(alone: Tables) -> list[list[float]]:
    edges = [alone.events[name].round(3) for name in ("start_s", "end_s")]
    return np.stack(edges, 1).tolist()


def _tracks(desk: Desk, clip: str) -> dict[str, list[float | None]]:
    voices = desk.account.frames("isolate", clip)
    names = [name for name in ("infant", "adult") if name in voices.column_names]
    return {name: _plain(floats(voices, name)) for name in names}


def _plain(values: Floats) -> list[float | None]:
    # JSON has no word for what was not measured but null.
    return [None if np.isnan(value) else float(f"{value:.{DIGITS}g}") for value in values]
