"""What a run has cost, so that a plan can say how long another would take.

    data/.store/costs.json
    {"steps": {"face": {"cost": 195.0, "seconds": 208.1, "clips": 39.0}, ...},
     "sizes": {"select": {"40": 1.2, "1000": 3.4}, "select_tables": {"1000": 2.1}, ...}}

Steps by units of their cost. What takes a while however few clips there are, by how many there
were: a stage besides measuring, and a step that makes tables. It is a note beside the measurements:
no result depends on it, and whoever deletes it loses a guess.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

FILE = "costs.json"
_FADING = 0.5
_AN_OCTAVE = 2
"""How many numbers of clips are remembered from one to twice as many; a line through two that are
nearly the same would go anywhere."""

Rows = dict[str, dict[str, float]]


class Costs:
    """Seconds of one core by units of cost, of each step, newer runs before older ones."""

    def __init__(self, root: Path) -> None:
        self._path = root / FILE
        self._steps, self._sizes = _read(self._path)

    def note(self, step: str, cost: float, seconds: float, clips: int) -> None:
        """Add what a run has cost: `cost` units of work over `clips`, in `seconds` of one core."""
        if cost <= 0:
            return
        new = {"cost": cost, "seconds": seconds, "clips": float(clips)}
        old = self._steps.get(step, dict.fromkeys(new, 0.0))
        self._steps[step] = {name: _FADING * old[name] + new[name] for name in new}
        self._write()

    def note_size(self, name: str, clips: int, seconds: float) -> None:
        """Remember what a stage took besides measuring, or a step of tables, over so many clips."""
        if clips <= 0:
            return
        near = _octave(clips)
        others = {n: s for n, s in self._sizes.get(name, {}).items() if _octave(int(n)) != near}
        self._sizes[name] = {**others, str(clips): seconds}
        self._write()

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

    def lines(self) -> dict[str, tuple[float, float] | None]:
        """Seconds that each stage or step of tables takes at all, and by clip; None where one size
        alone tells."""
        return {name: _line(sizes) for name, sizes in self._sizes.items()}

    def beside_s(self, stage: str) -> float | None:
        """Seconds that a stage took besides measuring, over the most clips that it saw."""
        sizes = self._sizes.get(stage)
        return sizes[max(sizes, key=int)] if sizes else None

    def _write(self) -> None:
        content = {"steps": self._steps, "sizes": self._sizes}
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = self._path.with_name(f".tmp-{os.getpid()}-{FILE}")
        temporary.write_text(json.dumps(content, indent=1, sort_keys=True), encoding="utf-8")
        temporary.replace(self._path)


def _octave(clips: int) -> int:
    return round(_AN_OCTAVE * math.log2(clips))


def _line(sizes: Mapping[str, float]) -> tuple[float, float] | None:
    if len(sizes) < 2:
        return None
    clips, seconds = np.array([int(size) for size in sizes]), np.array(list(sizes.values()))
    slope = max(0.0, float(np.polyfit(clips, seconds, 1)[0]))
    return max(0.0, float((seconds - slope * clips).mean())), slope


def _read(path: Path) -> tuple[Rows, Rows]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        steps = {
            step: {name: float(row[name]) for name in ("cost", "seconds", "clips")}
            for step, row in content["steps"].items()
            if float(row["cost"]) > 0 and float(row["clips"]) > 0
        }
        sizes = {
            name: {str(int(size)): float(seconds) for size, seconds in row.items() if int(size) > 0}
            for name, row in content["sizes"].items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        # It only ever helps to guess.
        return {}, {}
    return steps, sizes
