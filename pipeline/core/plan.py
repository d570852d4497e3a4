"""What a run would measure, told without measuring: the stages' own code over a runner that looks.

plan = Planner(store, run)
look(plan, stage)                    # the stage runs up to where it would measure or write
plan.steps["face"].missing           # clips that `dvc repro` would measure
plan.steps["face"].keys              # measurements that it would find, or make
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NoReturn

from pipeline.core.costs import Costs
from pipeline.core.runner import Job, Measured, Runner, Step
from pipeline.core.stage import Stage
from pipeline.core.store import Store


@dataclass
class Planned:
    """One step's part of a plan."""

    keys: dict[str, str] = field(default_factory=dict)
    """Measurements that the step asks for, by key, and of which clip each is."""
    missing: set[str] = field(default_factory=set)
    """Clips whose measurement is not there."""
    seconds: float | None = 0.0
    """What they would cost of one core, by what such clips have cost before; None: not known."""


class Planner(Runner):
    """A runner that measures nothing, and remembers what it was asked for."""

    def __init__(self, store: Store, run: Any) -> None:
        super().__init__(store, run)
        self.steps: dict[str, Planned] = {}
        self.costs = Costs(store.root)

    def measure(
        self, step: Step, jobs: Iterable[Job], here: bool = False, near: bool = False
    ) -> Measured:
        """What is remembered; the stage cannot go on where anything is missing."""
        planned = self.steps.setdefault(step.name, Planned())
        done, missing = Measured(), []
        for job in jobs:
            key = step.key(job.digest)
            planned.keys[key] = job.clip
            known = self.store.find(step.name, key)
            if known is None:
                missing.append(job)
            else:
                done.remembered += 1
                done.add(job.clip, known)
        planned.missing |= {job.clip for job in missing}
        planned.seconds = self.costs.expected_s(step.name, sum(job.cost for job in missing))
        if missing:
            raise _Enough
        return done.sort()


class _Enough(Exception):
    """Nothing more can be told of a stage."""


class _Looked(Stage[Any]):
    """A stage that stops where it would write."""

    def fresh_out(self) -> NoReturn:
        raise _Enough


def look(plan: Planner, stage: Stage[Any], run: Callable[[Stage[Any]], Any]) -> bool:
    """Let a stage plan what it would measure; whether all of it could be told.

    Where a step misses a clip, what later steps of the same stage would do with it is not known.
    """
    before = {name: len(step.missing) for name, step in plan.steps.items()}
    with suppress(_Enough):
        run(_Looked(stage.name, stage.params, stage.everything, stage.root, plan.store, plan))
    return all(len(step.missing) == before.get(name, 0) for name, step in plan.steps.items())
