"""A plan tells what a run would measure, and measures nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.core.plan import Planner, look
from pipeline.core.runner import Run, Runner, Step
from pipeline.core.stage import Stage
from pipeline.core.store import Store
from tests.core import steps
from tests.core.test_runner import jobs, times_measured


def planned(tmp_path: Path, run: Any) -> tuple[Planner, bool]:
    planner = Planner(Store(tmp_path / "store"), Run(workers=1))
    stage = Stage("double", Run(), None, tmp_path, planner.store, planner)
    return planner, look(planner, stage, run)


def test_it_tells_what_is_missing_and_measures_nothing(tmp_path: Path) -> None:
    step = Step("double", steps.double)
    Runner(Store(tmp_path / "store"), Run(executor="serial")).measure(
        step, jobs(tmp_path, range(3))
    )

    def stage(at_work: Stage[Any]) -> None:
        at_work.runner.measure(step, jobs(tmp_path, range(5)))
        raise AssertionError("what is missing cannot be gone on with")

    planner, whole = planned(tmp_path, stage)
    assert not whole
    assert planner.steps["double"].missing == {"clip_3", "clip_4"}
    assert len(planner.steps["double"].keys) == 5
    assert times_measured(tmp_path) == {str(value): 1 for value in range(3)}


def test_a_stage_that_misses_nothing_goes_on_to_its_next_step_and_writes_nothing(
    tmp_path: Path,
) -> None:
    first, second = Step("double", steps.double), Step("again", steps.double)
    runner = Runner(Store(tmp_path / "store"), Run(executor="serial"))
    for step in (first, second):
        runner.measure(step, jobs(tmp_path, range(2)))
    kept = tmp_path / "data" / "double"
    kept.mkdir(parents=True)
    (kept / "table").write_text("of the last run")

    def stage(at_work: Stage[Any]) -> None:
        done = at_work.runner.measure(first, jobs(tmp_path, range(2)))
        assert sorted(done.entries) == ["clip_0", "clip_1"]
        at_work.runner.measure(second, jobs(tmp_path, range(2)))
        at_work.fresh_out()

    planner, whole = planned(tmp_path, stage)
    assert whole
    assert [len(step.keys) for step in planner.steps.values()] == [2, 2]
    assert (kept / "table").read_text() == "of the last run"


def test_what_measuring_has_cost_tells_what_it_would(tmp_path: Path) -> None:
    step = Step("double", steps.double)
    ran = jobs(tmp_path, range(4))
    store = Store(tmp_path / "store")
    Runner(store, Run(executor="serial")).measure(step, ran)
    other = Step("double", steps.double, params={"other": 1})

    def stage(at_work: Stage[Any]) -> None:
        at_work.runner.measure(other, ran)

    planner, _ = planned(tmp_path, stage)
    seconds = planner.steps["double"].seconds
    assert seconds is not None
    assert 0 < seconds < 10

    def unknown(at_work: Stage[Any]) -> None:
        at_work.runner.measure(Step("misbehave", steps.misbehave), ran)

    planner, _ = planned(tmp_path, unknown)
    assert planner.steps["misbehave"].seconds is None
