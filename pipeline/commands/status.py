"""`cradle status`: what is stored, what is stale, what `dvc repro` would do and for how long."""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from pipeline.commands._planning import plan
from pipeline.core.plan import Planned, Planner
from pipeline.params import STAGES

EXAMPLE = "cradle status"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--json", action="store_true", help="print it for a program")


def run(arguments: argparse.Namespace) -> int:
    """Look at the project in this folder; nothing is measured or written."""
    root = Path.cwd()
    # DVC reads its files for as long as the stages plan, so it does that beside them.
    with ProcessPoolExecutor(1, get_context("fork")) as beside:
        stale = beside.submit(_stale, root)
        planner, unsure = plan(root)
        stages = stale.result()
    steps = {
        name: _step(name, sizes, planner.steps.get(name))
        for name, sizes in _with_planned(planner).items()
    }
    said: dict[str, Any] = {"steps": steps, "not_told_whole": unsure, "stages": stages}
    said["seconds"] = _whole_s(said, planner)
    print(json.dumps(said, indent=2) if arguments.json else _words(said, planner.workers))
    return 0


def _whole_s(said: dict[str, Any], planner: Planner) -> float | None:
    """How long `dvc repro` would take on the clock at least; None where a cost is not known.

    Which stages come after one that runs may turn out to have nothing to do; they are counted.
    """
    costs = [step["core_seconds"] for step in said["steps"].values() if step["to_measure"]]
    first = min((STAGES.index(name) for name in said["stages"] if name in STAGES), default=None)
    if first is None or None in costs:
        return None if said["stages"] else 0.0
    beside = [planner.costs.beside_s(name) for name in STAGES[first:]]
    return sum(costs) / planner.workers + sum(it for it in beside if it is not None)


def _with_planned(planner: Planner) -> dict[str, dict[str, int]]:
    return {**{name: {} for name in planner.steps}, **planner.store.steps()}


def _step(name: str, sizes: dict[str, int], planned: Planned | None) -> dict[str, Any]:
    known = planned or Planned()
    stale = [size for key, size in sizes.items() if key not in known.keys]
    return {
        "stored": len(sizes),
        "bytes": sum(sizes.values()),
        # What no stage asked for: other parameters, other code, clips that are gone.
        "unused": len(stale) if planned else None,
        "unused_bytes": sum(stale) if planned else None,
        "to_measure": sorted(known.missing),
        "core_seconds": known.seconds,
    }


def _stale(root: Path) -> dict[str, list[str]]:
    """Why DVC would run each stage that it would run."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo(str(root)) as repo:
            # Recipes of models have graphs of their own, and `dvc repro` here runs none of them.
            found = repo.status(targets=["dvc.yaml"])
    except DvcException as error:
        return {"dvc": [str(error)]}
    return {name: sorted(_reasons(why)) for name, why in found.items()}


def _reasons(why: list[Any]) -> set[str]:
    said = set()
    for part in why:
        if isinstance(part, str):
            said.add(part)
            continue
        for what, changes in part.items():
            said |= {f"{what}: {_flat(name, change)}" for name, change in changes.items()}
    return said


def _flat(name: str, change: Any) -> str:
    if isinstance(change, dict):
        return ", ".join(f"{key} {value}" for key, value in sorted(change.items()))
    return f"{change} {name}"


def _words(said: dict[str, Any], workers: int) -> str:
    lines = [
        f"{'measured':12}{'stored':>8}{'MB':>10}{'unused':>8}{'MB':>10}{'to measure':>12}  cost"
    ]
    for name, step in said["steps"].items():
        unused = "-" if step["unused"] is None else f"{step['unused']:,}"
        unused_mb = "-" if step["unused"] is None else f"{step['unused_bytes'] / 1e6:,.1f}"
        lines.append(
            f"{name:12}{step['stored']:8,}{step['bytes'] / 1e6:10,.1f}{unused:>8}{unused_mb:>10}"
            f"{len(step['to_measure']):12,}  {_cost(step, workers)}"
        )
    if said["not_told_whole"]:
        lines.append(
            f"after these are measured more may follow: {', '.join(said['not_told_whole'])}"
        )
    lines.append("")
    if not said["stages"]:
        return "\n".join([*lines, "`dvc repro` would do nothing"])
    lines.append("`dvc repro` would run, and what comes after them:")
    lines += [f"  {name}: {'; '.join(why[:4])}" for name, why in said["stages"].items()]
    if said["seconds"] is not None:
        least = "at least " if said["not_told_whole"] else ""
        lines.append(f"{least}about {said['seconds']:,.0f} s, by what such work has taken here")
    return "\n".join(lines)


def _cost(step: dict[str, Any], workers: int) -> str:
    if not step["to_measure"]:
        return ""
    if step["core_seconds"] is None:
        return "not known yet"
    return f"about {step['core_seconds'] / workers:,.0f} s with {workers} workers"
