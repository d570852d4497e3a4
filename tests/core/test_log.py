"""Every clip that was worked on has a line that a program can read, whatever became of it."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.core import log
from pipeline.core.runner import Run, Runner, Step
from pipeline.core.store import Store
from tests.core import steps
from tests.core.test_runner import jobs


def lines(store: Path) -> list[dict[str, object]]:
    found = sorted((store / log.FOLDER).glob("*.jsonl"))
    return [json.loads(line) for path in found for line in path.read_text().splitlines()]


def test_what_became_of_each_clip_is_written_down(tmp_path: Path) -> None:
    store = tmp_path / "store"
    asked = [job for job in jobs(tmp_path, range(6)) if job.clip not in ("clip_1", "clip_4")]
    Runner(Store(store), Run(workers=2)).measure(Step("misbehave", steps.misbehave), asked)
    said = {line["clip"]: line for line in lines(store)}
    assert {clip: line["outcome"] for clip, line in said.items()} == {
        "clip_0": "measured",
        "clip_2": "measure_failed",
        "clip_3": "no_video",
        "clip_5": "measured",
    }
    assert {line["step"] for line in said.values()} == {"misbehave"}
    assert all(len(str(line["key"])) == 64 for line in said.values())
    assert all(path.stat().st_mode & 0o077 == 0 for path in (store / log.FOLDER).iterdir())


def test_a_log_that_cannot_be_written_costs_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / log.FOLDER).write_text("in the way")
    done = Runner(Store(tmp_path / "store"), Run(executor="serial")).measure(
        Step("double", steps.double), jobs(tmp_path, range(1))
    )
    assert list(done.entries) == ["clip_0"]
