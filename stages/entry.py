"""What every stage's entry does: read params, run, say one line, exit truly."""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from pipeline.core import disk, forking, seal, worker
from pipeline.core.alone import alone
from pipeline.core.costs import Costs
from pipeline.core.errors import CradleError
from pipeline.core.runner import Runner
from pipeline.core.stage import Stage, Summary
from pipeline.core.store import Store

INTERRUPTED = 130


def main(name: str, run: Callable[[Stage[Any]], Summary]) -> None:
    """Run one stage in the current folder and end the process with its exit code."""
    seal.quiet()
    # A stage that outlived a killed `dvc repro` would write into what the next one makes.
    worker.die_with_parent()
    if name != "download":
        seal.seal()
    try:
        print(perform(name, run, Path.cwd(), forks=True), flush=True)
    except CradleError as error:
        sys.exit(f"{name}: {error}")
    except OSError as error:
        about = disk.told(error, Path.cwd())
        if about is None:
            raise
        sys.exit(f"{name}: {about}")
    except KeyboardInterrupt:
        print(f"{name}: interrupted; what was measured is kept", file=sys.stderr, flush=True)
        # Not sys.exit: pools and codecs may wait for work that nobody wants any more.
        os._exit(INTERRUPTED)


def perform(
    name: str, run: Callable[[Stage[Any]], Summary], root: Path, forks: bool = False
) -> str:
    """Run one stage in `root` and return its line; its workers may be copies of who `forks`.

    Raises:
        CradleError: what a person can mend; params.yaml is checked whole before any work.
    """
    began = time.perf_counter()
    everything = _everything(root)
    if forks and everything.run.executor != "serial":
        forking.ready()
    runner = Runner(Store(root / "data" / ".store"), everything.run)
    stage = Stage(name, getattr(everything, name), everything, root, runner.store, runner)
    with alone(runner.store.root, name), closing(runner):
        summary = run(stage)
        spent_s = time.perf_counter() - began
        costs = Costs(runner.store.root)
        costs.note_stage(name, summary.seen, spent_s - runner.measuring_s)
        if runner.working_s > 0:
            costs.note_start(name, runner.measuring_s - runner.working_s)
        return summary.line(name, spent_s)


def _everything(root: Path) -> Any:
    # Imported by name: checking the sections of other stages can stop this one early, but cannot
    # change what it makes, so those models are no dependency of its outs.
    return importlib.import_module("pipeline.params").load(root)
