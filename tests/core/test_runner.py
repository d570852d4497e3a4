"""The runner loses no clip and gives the same result in any number of processes."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Collection
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pipeline.core import processes, seal
from pipeline.core.backends import BackendInfo
from pipeline.core.costs import Costs
from pipeline.core.runner import Job, Measured, Needs, Run, Runner, Step, Together
from pipeline.core.store import Store
from tests.core import steps


def runner(tmp_path: Path, **run: object) -> Runner:
    return Runner(Store(tmp_path / "store"), Run.model_validate(run))


def jobs(tmp_path: Path, values: range) -> list[Job]:
    diary = tmp_path / "diary"
    diary.mkdir(exist_ok=True)
    return [
        Job(f"clip_{value}", {"value": value, "diary": str(diary)}, str(value)) for value in values
    ]


def times_measured(tmp_path: Path) -> dict[str, int]:
    return {path.name: len(path.read_text()) for path in (tmp_path / "diary").iterdir()}


@pytest.mark.parametrize("run", [{"executor": "serial"}, {"workers": 1}, {"workers": 3}])
def test_what_was_measured_is_remembered(tmp_path: Path, run: dict[str, object]) -> None:
    step = Step("double", steps.double)
    first = runner(tmp_path, **run).measure(step, jobs(tmp_path, range(4)))
    second = runner(tmp_path, **run).measure(step, jobs(tmp_path, range(5)))
    assert (first.measured, first.remembered) == (4, 0)
    assert (second.measured, second.remembered) == (1, 4)
    assert times_measured(tmp_path) == {str(value): 1 for value in range(5)}
    assert (second.entries["clip_3"].path / "value.txt").read_text() == "6"


@pytest.mark.parametrize("run", [{"executor": "serial"}, {"workers": 2}])
def test_late_inputs_are_made_for_what_is_measured_alone(
    tmp_path: Path, run: dict[str, object]
) -> None:
    asked = []

    def late(value: int) -> dict[str, int]:
        asked.append(value)
        return {"value": value}

    def of(values: range) -> list[Job]:
        diary = {"diary": jobs(tmp_path, range(1))[0].inputs["diary"]}
        return [Job(f"clip_{n}", diary, str(n), late=partial(late, n)) for n in values]

    step = Step("double", steps.double)
    runner(tmp_path, **run).measure(step, of(range(3)))
    done = runner(tmp_path, **run).measure(step, of(range(4)))
    assert sorted(asked) == [0, 1, 2, 3]
    assert (done.entries["clip_3"].path / "value.txt").read_text() == "6"


def test_the_number_of_processes_changes_nothing(tmp_path: Path) -> None:
    def keys(done: Measured) -> list[tuple[str, str]]:
        return [(clip, entry.key) for clip, entry in done.entries.items()]

    results = []
    for workers in (1, 2, 4):
        folder = tmp_path / str(workers)
        folder.mkdir()
        done = runner(folder, workers=workers).measure(
            Step("double", steps.double), jobs(folder, range(9))
        )
        results.append(keys(done))
    assert results[0] == results[1] == results[2]
    assert [clip for clip, _ in results[0]] == sorted(clip for clip, _ in results[0])


def test_what_is_soon_done_waits_for_no_cluster(tmp_path: Path) -> None:
    nowhere = runner(tmp_path, executor="ray", address="127.0.0.1:1", workers=100)
    done = nowhere.measure(Step("double", steps.double), jobs(tmp_path, range(4)), near=True)
    nowhere.close()
    assert sorted(done.entries) == [f"clip_{number}" for number in range(4)]


def test_each_misfortune_costs_one_clip_and_has_a_name(tmp_path: Path) -> None:
    done = runner(tmp_path, workers=2, timeout_s=1.0).measure(
        Step("misbehave", steps.misbehave), jobs(tmp_path, range(8))
    )
    failures = {clip: failure.reason for clip, failure in done.failures.items()}
    assert failures == steps.MISFORTUNES
    assert sorted(done.entries) == ["clip_0", "clip_5", "clip_6", "clip_7"]
    assert "who would have thought" in done.failures["clip_2"].detail


def test_a_named_failure_is_remembered_and_an_accident_is_tried_again(tmp_path: Path) -> None:
    step = Step("misbehave", steps.misbehave)
    wanted = [job for job in jobs(tmp_path, range(4)) if job.clip in {"clip_2", "clip_3"}]
    runner(tmp_path, executor="serial").measure(step, wanted)
    again = runner(tmp_path, executor="serial").measure(step, wanted)
    assert (again.remembered, again.measured) == (1, 1)
    assert again.failures["clip_3"].detail == "only sound"


def test_the_key_depends_on_all_that_the_content_depends_on() -> None:
    backend = BackendInfo("task", "name", "digest", "MIT", embedded=True)
    keys = {
        Step("double", steps.double).key("input"),
        Step("double", steps.double).key("other input"),
        Step("other", steps.double).key("input"),
        Step("double", steps.double, {"size": 1}).key("input"),
        Step("double", steps.double, {"size": 2}).key("input"),
        Step("double", steps.double, backend=backend).key("input"),
    }
    assert len(keys) == 6


def test_a_sealed_process_and_its_workers_reach_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRADLE_SEALED", "1")
    done = runner(tmp_path, workers=1).measure(
        Step("call_home", steps.call_home), [Job("clip", {}, "x")]
    )
    assert "no stage after download may touch the network" in done.failures["clip"].detail


def test_the_seal_names_what_it_refuses() -> None:
    with pytest.raises(seal.SealedError, match="connect"):
        seal._refuse("socket.connect", (None, ("127.0.0.1", 80)))
    seal._refuse("socket.connect", (None, "/tmp/a.socket"))


def test_the_same_content_is_measured_once_however_many_clips_are_of_it(tmp_path: Path) -> None:
    twice = [
        *jobs(tmp_path, range(2)),
        *(replace(job, clip=f"same_{job.clip}") for job in jobs(tmp_path, range(2))),
    ]
    done = runner(tmp_path, workers=2).measure(Step("double", steps.double), twice)
    assert (done.measured, done.remembered) == (4, 0)
    assert done.entries["same_clip_1"] == done.entries["clip_1"]
    assert times_measured(tmp_path) == {"0": 1, "1": 1}


def test_processes_stay_warm_from_step_to_step_and_are_let_go(tmp_path: Path) -> None:
    at_work = runner(tmp_path, workers=1)
    told = [
        at_work.measure(Step(name, steps.tell_the_process), [Job("clip", {}, "x")])
        for name in ("first", "second")
    ]
    first, second = (int((it.entries["clip"].path / "process").read_text()) for it in told)
    assert first == second
    at_work.close()
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


def test_processes_are_told_what_was_set_since_the_first_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reached(name: str) -> str:
        done = runner(tmp_path, workers=1).measure(
            Step(name, steps.call_home), [Job("clip", {}, "x")]
        )
        return done.failures["clip"].detail

    assert "may touch the network" not in reached("before")
    with monkeypatch.context() as sealed:
        sealed.setenv("CRADLE_SEALED", "1")
        assert "may touch the network" in reached("sealed")
    assert "may touch the network" not in reached("after")


def test_processes_share_what_the_first_step_imports(tmp_path: Path) -> None:
    at_work = runner(tmp_path, workers=2)
    done = at_work.measure(
        Step("first", steps.tell_the_process), [Job(str(n), {}, str(n)) for n in range(4)]
    )
    told = {(entry.path / "parent").read_text() for entry in done.entries.values()}
    assert len(told) == 1
    assert str(os.getpid()) not in told
    at_work.close()


@pytest.mark.parametrize("run", [{"executor": "serial"}, {"workers": 2}])
def test_what_is_noted_is_the_work_and_not_the_start_of_processes(
    tmp_path: Path, run: dict[str, object]
) -> None:
    at_work = runner(tmp_path, **run)
    at_work.measure(Step("late", steps.late), jobs(tmp_path, range(8)))
    at_work.close()
    noted = Costs(tmp_path / "store").expected_s("late", 8.0)
    assert noted is not None
    assert 0.08 < noted < 0.45
    assert at_work.working_s < 0.45 < at_work.measuring_s


def companions(tmp_path: Path) -> dict[int, list[int]]:
    """With whom each value was measured."""
    told = (tmp_path / "diary").glob("*.together")
    return {int(path.stem): json.loads(path.read_text()) for path in told}


@pytest.mark.parametrize("run", [{"executor": "serial"}, {"workers": 2}])
def test_clips_are_measured_together_up_to_a_cost_and_published_alone(
    tmp_path: Path, run: dict[str, object]
) -> None:
    costs = [1.0, 4.0, 2.0, 2.0, 9.0, 0.0, 1.0]
    wanted = [
        replace(job, cost=cost) for job, cost in zip(jobs(tmp_path, range(7)), costs, strict=True)
    ]
    step = Step("double", steps.double, together=Together(steps.double_together, 4.0))
    done = runner(tmp_path, **run).measure(step, wanted)
    assert sorted(done.entries) == [f"clip_{value}" for value in range(7)]
    # The dearest first; what is dearer than the most goes alone.
    assert companions(tmp_path) == {2: [2, 3], 3: [2, 3], 0: [0, 5, 6], 5: [0, 5, 6], 6: [0, 5, 6]}
    assert (done.entries["clip_3"].path / "value.txt").read_text() == "6"
    # How it was measured is no part of what it is.
    again = runner(tmp_path, **run).measure(Step("double", steps.double), wanted)
    assert (again.remembered, again.measured) == (7, 0)


def test_clips_measured_together_leave_something_for_every_process(tmp_path: Path) -> None:
    step = Step("double", steps.double, together=Together(steps.double_together, 1e9))
    runner(tmp_path, workers=2).measure(step, jobs(tmp_path, range(6)))
    assert {len(others) for others in companions(tmp_path).values()} == {3}


@pytest.mark.parametrize(("device", "most"), [("cpu", 3), ("cuda", 2)])
def test_no_more_processes_share_a_gpu_than_it_has_room_for(
    tmp_path: Path, device: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    flying: list[int] = []
    wait = processes.wait

    def noted(sent: Collection[Future[Any]], **how: Any) -> Any:
        # However soon some of them are done: a machine may be busy with other things.
        flying.append(len(sent))
        return wait(sent, **how)

    monkeypatch.setattr(processes, "wait", noted)
    step = Step("double", steps.double, needs=Needs(gpu=0.4))
    here = runner(tmp_path, workers=3, device=device)
    done = here.measure(step, jobs(tmp_path, range(6)))
    here.close()
    assert len(done.entries) == 6
    assert max(flying) == most


@pytest.mark.parametrize(("device", "with_whom"), [("cpu", set()), ("cuda", {3})])
def test_clips_are_measured_together_for_as_many_processes_as_share_a_gpu(
    tmp_path: Path, device: str, with_whom: set[int]
) -> None:
    together = Together.on(device, steps.double_together, 1e9)
    step = Step("double", steps.double, needs=Needs(gpu=0.4), together=together)
    here = runner(tmp_path, workers=3, device=device)
    here.measure(step, jobs(tmp_path, range(6)))
    here.close()
    assert {len(others) for others in companions(tmp_path).values()} == with_whom


@pytest.mark.parametrize(
    ("gpu", "room"), [(0.0, sys.maxsize), (0.02, 50), (0.2, 5), (0.4, 2), (0.6, 1), (3.0, 1)]
)
def test_a_share_says_how_many_find_room(gpu: float, room: int) -> None:
    assert Needs(gpu=gpu).on_a_gpu == room


@pytest.mark.parametrize("at_once", [2.0, 3.0, 8.0])
def test_of_clips_measured_together_each_meets_its_own_misfortune(
    tmp_path: Path, at_once: float
) -> None:
    together = Together(steps.misbehave_together, at_once)
    done = runner(tmp_path, workers=1, timeout_s=1.0).measure(
        Step("misbehave", steps.misbehave, together=together), jobs(tmp_path, range(8))
    )
    failures = {clip: failure.reason for clip, failure in done.failures.items()}
    assert failures == steps.MISFORTUNES
    assert sorted(done.entries) == ["clip_0", "clip_5", "clip_6", "clip_7"]
