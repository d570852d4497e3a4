"""What a run has cost, so that a plan can say how long another would take.

    data/.store/costs.json
    {"steps": {"face": {"cost": 195.0, "seconds": 208.1, "clips": 39.0}, ...},
     "runs": {"heard": {"31 39": 0.6, "64 1000": 2.1}, ...},
     "stages": {"select": {"40": 1.2, "1000": 3.4}, ...},
     "starts": {"fit": 4.1, ...}}

Steps by units of their cost, and run by run by how many parts of how many clips they made; stages
by how many clips they saw, in seconds besides measuring, and for how long they waited until
processes had started, whatever there was to measure. It is a note beside the measurements: no
result depends on it, and whoever deletes it loses a guess.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FILE = "costs.json"
_FADING = 0.5

_APART = 2.0
Rows = dict[str, dict[str, float]]


class Costs:
    """Seconds of one core by units of cost, of each step, newer runs before older ones."""

    def __init__(self, root: Path) -> None:
        self._path = root / FILE
        self._steps, self._stages, self._runs, self._starts = _read(self._path)

    def note(self, step: str, cost: float, seconds: float, clips: int, parts: int = 0) -> None:
        """Add what a run has cost: `cost` units of work over `clips`, in `seconds` of one core.

        Where several clips were worked on at once, `parts` says how many times that was.
        """
        if cost <= 0:
            return
        _put(self._runs.setdefault(step, {}), f"{parts or clips} {clips}", seconds)
        new = {"cost": cost, "seconds": seconds, "clips": float(clips)}
        old = self._steps.get(step, dict.fromkeys(new, 0.0))
        self._steps[step] = {name: _FADING * old[name] + new[name] for name in new}
        self._write()

    def note_stage(self, stage: str, clips: int, seconds: float) -> None:
        """Remember what a stage took besides measuring, over so many clips."""
        if clips <= 0:
            return
        _put(self._stages.setdefault(stage, {}), str(clips), seconds)
        self._write()

    def note_start(self, stage: str, seconds: float) -> None:
        """Remember for how long a stage that measured waited for its processes to start."""
        self._starts[stage] = max(0.0, seconds)
        self._write()

    def start_s(self, stage: str) -> float:
        """How long a stage waits for its processes to start, where it measures."""
        return self._starts.get(stage, 0.0)

    def expected_s(self, step: str, cost: float) -> float | None:
        """Seconds of one core that `cost` units would take; None where none were noted."""
        if cost <= 0:
            return 0.0
        known = self._steps.get(step)
        return known["seconds"] / known["cost"] * cost if known else None

    def per_clip(self) -> dict[str, float]:
        """Seconds of one core by clip, of every step that was noted."""
        return {name: it["seconds"] / it["clips"] for name, it in self._steps.items()}

    def cost_per_clip(self, step: str) -> float:
        """Units of cost by clip; 0 where none were noted."""
        known = self._steps.get(step)
        return known["cost"] / known["clips"] if known else 0.0

    def of_parts(self, step: str) -> tuple[float, float] | None:
        """Seconds of one core by part of a table, and by clip in it; None where runs were alike."""
        return _plane(self._runs.get(step, {}))

    def stages(self) -> dict[str, tuple[float, float] | None]:
        """Seconds that each stage takes at all, and by clip; None where sizes were alike."""
        return {name: _line(sizes) for name, sizes in self._stages.items()}

    def beside_s(self, stage: str) -> float | None:
        """Seconds that a stage took besides measuring, over the most clips that it saw."""
        sizes = self._stages.get(stage)
        return sizes[max(sizes, key=int)] if sizes else None

    def _write(self) -> None:
        content = {
            "steps": self._steps,
            "runs": self._runs,
            "stages": self._stages,
            "starts": self._starts,
        }
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = self._path.with_name(f".tmp-{os.getpid()}-{FILE}")
        temporary.write_text(json.dumps(content, indent=1, sort_keys=True), encoding="utf-8")
        temporary.replace(self._path)


def _line(sizes: Mapping[str, float]) -> tuple[float, float] | None:
    clips, seconds = np.array([int(size) for size in sizes]), np.array(list(sizes.values()))
    if not _apart(clips):
        return None
    slope = max(0.0, float(np.polyfit(clips, seconds, 1)[0]))
    return max(0.0, float((seconds - slope * clips).mean())), slope


def _put(sizes: dict[str, float], size: str, seconds: float) -> None:
    """Remember the last run of each order of size, so that what is known stays far apart."""
    for other in [other for other in sizes if _order(other) == _order(size)]:
        del sizes[other]
    sizes[size] = seconds


def _order(size: str) -> list[int]:
    return [int(number).bit_length() for number in size.split()]


def _apart(sizes: NDArray) -> bool:
    """Whether they differ by enough to tell what comes with size from what comes by chance."""
    return len(sizes) > 1 and sizes.max() >= _APART * sizes.min()


def _plane(runs: Mapping[str, float]) -> tuple[float, float] | None:
    sizes = np.array([[int(number) for number in size.split()] for size in runs], float)
    if not len(sizes) or not _apart(sizes[:, 1] / sizes[:, 0]):
        return None
    seconds = np.maximum(list(runs.values()), 1e-6)
    # Small runs are to be told as well as large ones: what is off is counted by its share.
    shares = sizes / seconds[:, None]
    found = np.linalg.lstsq(shares, np.ones(len(runs)), rcond=None)[0]
    if found.min() < 0:
        # Nothing takes less than no time; then the other alone explains it.
        only = int(found.argmax())
        found = np.zeros(2)
        found[only] = shares[:, only].sum() / np.square(shares[:, only]).sum()
    return float(found[0]), float(found[1])


def _read(path: Path) -> tuple[Rows, Rows, Rows, dict[str, float]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        steps = {
            step: {name: float(row[name]) for name in ("cost", "seconds", "clips")}
            for step, row in content["steps"].items()
            if float(row["cost"]) > 0 and float(row["clips"]) > 0
        }
        stages = {
            stage: {str(int(size)): float(seconds) for size, seconds in sizes.items()}
            for stage, sizes in content["stages"].items()
        }
        runs = {
            step: {size: float(it) for size, it in sizes.items() if min(_order(size)) > 0}
            for step, sizes in content.get("runs", {}).items()
        }
        starts = {stage: float(seconds) for stage, seconds in content.get("starts", {}).items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, IndexError):
        # It only ever helps to guess.
        return {}, {}, {}, {}
    return steps, stages, runs, starts
