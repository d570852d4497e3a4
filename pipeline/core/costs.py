"""What measuring has cost, so that a plan can say how long it would take.

    data/.store/costs.json    {"face": {"cost": 195.0, "seconds": 208.1}, ...}

It is a note beside the measurements: no result depends on it, and whoever deletes it loses a guess.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

FILE = "costs.json"
_FADING = 0.5


class Costs:
    """Seconds of one core by units of cost, of each step, newer runs before older ones."""

    def __init__(self, root: Path) -> None:
        self._path = root / FILE
        self._known = _read(self._path)

    def note(self, step: str, cost: float, seconds: float) -> None:
        """Add what a run has cost: `cost` units of work in `seconds` of one core."""
        if cost <= 0:
            return
        old = self._known.get(step, {"cost": 0.0, "seconds": 0.0})
        self._known[step] = {
            "cost": _FADING * old["cost"] + cost,
            "seconds": _FADING * old["seconds"] + seconds,
        }
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = self._path.with_name(f".tmp-{os.getpid()}-{FILE}")
        temporary.write_text(json.dumps(self._known, indent=1, sort_keys=True), encoding="utf-8")
        temporary.replace(self._path)

    def expected_s(self, step: str, cost: float) -> float | None:
        """Seconds of one core that `cost` units would take; None where none were noted."""
        if cost <= 0:
            return 0.0
        known = self._known.get(step)
        return known["seconds"] / known["cost"] * cost if known else None


def _read(path: Path) -> dict[str, dict[str, float]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {
            step: {"cost": float(row["cost"]), "seconds": float(row["seconds"])}
            for step, row in content.items()
            if float(row["cost"]) > 0
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        # It only ever helps to guess.
        return {}
