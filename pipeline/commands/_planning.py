"""What `dvc repro` would measure in this folder, told by the stages themselves."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.core.errors import StoreError
from pipeline.core.plan import Planner, look
from pipeline.core.stage import Stage
from pipeline.core.store import Store
from pipeline.params import load

STORE = Path("data/.store")
MEASURING = {
    "download": "pipeline.sources.download",
    "isolate": "pipeline.voice.isolate",
    "landmarks": "pipeline.face.landmarks",
    "fit": "pipeline.morph.fit_stage",
    "pack": "stages.pack",
}
"""Where the stages that measure are, in their order."""


def plan(root: Path) -> tuple[Planner, list[str]]:
    """Let every measuring stage plan; also those of whom not all could be told.

    A stage that lacks the tables of another, or measurements that those name, or comes after one
    that would measure, plans over what the last run left.

    Raises:
        CradleError: params.yaml or the catalogue is wrong.
    """
    everything = load(root)
    planner = Planner(Store(root / STORE), everything.run)
    unsure: list[str] = []
    for name in MEASURING:
        stage = Stage(name, getattr(everything, name), everything, root, planner.store, planner)
        try:
            whole = look(planner, stage, _run(name))
        except (FileNotFoundError, StoreError):
            whole = False
        if not whole or unsure:
            unsure.append(name)
    return planner, unsure


def _run(name: str) -> Callable[[Stage[Any]], Any]:
    run: Callable[..., Any] = importlib.import_module(MEASURING[name]).run
    if name == "download":
        return partial(run, nursery=importlib.import_module("pipeline.nursery.catalogue"))
    return run
