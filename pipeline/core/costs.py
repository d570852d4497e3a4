"""What a run has cost, so that a plan can say how long another would take.

    data/.store/costs.json
    {"steps": {"face": {"cost": 195.0, "seconds": 208.1, "clips": 39.0}, ...},
     "parts": {"heard": {"2": [64.0, 1000.0, 15990.0, 2.1, 33.4]}, ...},
     "stages": {"select": {"40": 1.2, "1000": 3.4}, ...},
     "starts": {"fit": 4.1, ...}}

Steps by units of their cost; of parts of tables also what tells time by the part from time by the
clip: sums over parts of 1, clips, clips squared, seconds, and clips times seconds, by how many
processes were at it. Stages by how many clips they saw, in seconds besides measuring, and for how
long they waited until processes had started, whatever there was to measure. It is a note beside the
measurements: no result depends on it, and whoever deletes it loses a guess.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pipeline.core.tables import PARTS

FILE = "costs.json"
_FADING = 0.5
_APART = 2
"""How many times as many clips tell what comes with clips from what comes by chance."""
_FEW_PARTS = 8
_LEAST_S = 1e-3
Rows = dict[str, dict[str, float]]
Sums = dict[str, dict[str, list[float]]]


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
        processes: int = 1,
    ) -> None:
        """Add what a run has cost: `cost` units of work over `clips`, in `seconds` of one core.

        Where several clips were worked on at once, `parts` tells how many, and for how long, and
        `processes` how many worked beside one another.
        """
        if cost <= 0:
            return
        sums = [
            sum(it)
            for it in zip(*((1.0, n, n * n, took, n * took) for n, took in parts), strict=True)
        ]
        if sums:
            # Kinds of runs are kept apart: small parts that the stage's own process makes alone,
            # beside larger ones of several processes, would say that clips take what parts do.
            known = self._parts.setdefault(step, {})
            before = known.get(str(processes), [0.0] * len(sums))
            known[str(processes)] = [_FADING * old + x for old, x in zip(before, sums, strict=True)]
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
        """Seconds of one core by part of a table and by clip in it; None where parts were alike.

        By the clip as all runs tell it, by the part as those with the most processes do: it is the
        part that is dearer where others work beside it, as they wait for one disk.
        """
        known = self._parts.get(step, {})
        told = {int(number): sums for number, sums in known.items() if sums[0] >= _FEW_PARTS}
        slopes = [it for it in map(_slope, told.values()) if it is not None]
        if not slopes:
            return None
        by_clip = sum(slope * weight for slope, weight in slopes)
        by_clip /= sum(weight for _, weight in slopes)
        count, clips, squares, seconds, products = told[max(told)]
        by_part = (seconds - by_clip * clips) / count
        # Nothing takes less than no time; then the other alone explains it.
        if by_clip < 0:
            return seconds / count, 0.0
        return (by_part, by_clip) if by_part >= 0 else (0.0, products / squares)

    def stages(self) -> dict[str, tuple[float, float] | None]:
        """Seconds that each stage takes at all, all parts of its tables being there, and by clip.

        None where the sizes of its runs were alike.
        """
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
    """Seconds at all and by clip, through runs of sizes that are far apart; None: too few.

    The clips that are first of a part of a table take what the part does, which later ones do not:
    three sizes or more tell it apart. No time is negative, and each scatters in proportion.
    """
    largest = max(map(int, sizes))
    used = [int(size) for size in sizes if int(size) * _APART <= largest]
    if not used:
        return None
    clips = np.array([*used, largest], dtype=float)
    seconds = np.maximum([sizes[str(size)] for size in (*used, largest)], _LEAST_S)
    there = PARTS * (1 - (1 - 1 / PARTS) ** clips) if len(used) > 1 else np.zeros(len(clips))
    # Here, as only a plan needs it, and every stage notes what it takes.
    from scipy.optimize import nnls

    terms = np.stack([np.ones(len(clips)), there, clips], 1)
    at_all, by_part, by_clip = nnls(terms / seconds[:, None], np.ones(len(clips)))[0]
    return float(at_all + PARTS * by_part), float(by_clip)


def _slope(sums: Sequence[float]) -> tuple[float, float] | None:
    """Seconds by clip within parts of one kind of run, and how much that says; None: nothing.

    Times scatter in proportion to themselves, so it is small parts of unlike sizes that say most.
    """
    count, clips, squares, seconds, products = sums
    spread = squares - clips**2 / count
    if spread < 1e-6 * squares or seconds <= 0:
        return None
    return (products - clips * seconds / count) / spread, spread * (count / seconds) ** 2


def _put(sizes: dict[str, float], size: str, seconds: float) -> None:
    """Remember the last run of each order of size, so that what is known stays far apart."""
    order = int(size).bit_length()
    for other in [other for other in sizes if int(other).bit_length() == order]:
        del sizes[other]
    sizes[size] = seconds


def _read(path: Path) -> tuple[Rows, Rows, Sums, dict[str, float]]:
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
            step: {
                str(int(number)): [float(it) for it in sums]
                for number, sums in known.items()
                if len(sums) == 5
            }
            for step, known in content.get("parts", {}).items()
            # Older notes tell nothing of how many processes there were.
            if isinstance(known, dict)
        }
        starts = {stage: float(seconds) for stage, seconds in content.get("starts", {}).items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, IndexError):
        # It only ever helps to guess.
        return {}, {}, {}, {}
    return steps, stages, parts, starts
