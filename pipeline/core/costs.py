"""What a run has cost, so that a plan can say how long another would take.

    data/.store/costs.json
    {"steps": {"face": {"cost": 195.0, "seconds": 208.1, "clips": 39.0}, ...},
     "parts": {"heard": [64.0, 1000.0, 15990.0, 2.1, 33.4], ...},
     "stages": {"select": {"40": 1.2, "1000": 3.4}, ...},
     "starts": {"fit": 4.1, ...}}

Steps by units of their cost; of parts of tables also what tells time by the part from time by the
clip: sums over parts of 1, clips, clips squared, seconds, and clips times seconds. Stages by how
many clips they saw, in seconds besides measuring, and for how long they waited until processes had
started, whatever there was to measure. It is a note beside the measurements: no result depends on
it, and whoever deletes it loses a guess.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FILE = "costs.json"
_FADING = 0.5

_APART = 2.0
_FEW_PARTS = 8
Rows = dict[str, dict[str, float]]


class Costs:
    """Seconds of one core by units of cost, of each step, newer runs before older ones."""

    def __init__(self, root: Path) -> None:
        self._path = root / FILE
        self._steps, self._stages, self._parts, self._starts = _read(self._path)

    def note(
        self,
        step: str,
        cost: float,
        seconds: float,
        clips: int,
        parts: Sequence[tuple[int, float]] = (),
    ) -> None:
        """Add what a run has cost: `cost` units of work over `clips`, in `seconds` of one core.

        Where several clips were worked on at once, `parts` tells how many, and for how long.
        """
        if cost <= 0:
            return
        sums = [
            sum(it)
            for it in zip(*((1.0, n, n * n, took, n * took) for n, took in parts), strict=True)
        ]
        if sums:
            before = self._parts.get(step, [0.0] * len(sums))
            self._parts[step] = [_FADING * old + x for old, x in zip(before, sums, strict=True)]
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
        """Seconds of one core by part of a table and by clip in it; None where parts were alike."""
        count, clips, squares, seconds, products = self._parts.get(step, [0.0] * 5)
        spread = count * squares - clips**2
        if count < _FEW_PARTS or spread < 1e-6 * count * squares:
            return None
        by_clip = (count * products - clips * seconds) / spread
        by_part = (seconds - by_clip * clips) / count
        # Nothing takes less than no time; then the other alone explains it.
        if by_clip < 0:
            return seconds / count, 0.0
        return (by_part, by_clip) if by_part >= 0 else (0.0, products / squares)

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
            "parts": self._parts,
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
    order = int(size).bit_length()
    for other in [other for other in sizes if int(other).bit_length() == order]:
        del sizes[other]
    sizes[size] = seconds


def _apart(sizes: NDArray) -> bool:
    """Whether they differ by enough to tell what comes with size from what comes by chance."""
    return len(sizes) > 1 and sizes.max() >= _APART * sizes.min()


def _read(path: Path) -> tuple[Rows, Rows, dict[str, list[float]], dict[str, float]]:
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
        parts = {
            step: [float(it) for it in sums]
            for step, sums in content.get("parts", {}).items()
            if len(sums) == 5
        }
        starts = {stage: float(seconds) for stage, seconds in content.get("starts", {}).items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, IndexError):
        # It only ever helps to guess.
        return {}, {}, {}, {}
    return steps, stages, parts, starts
