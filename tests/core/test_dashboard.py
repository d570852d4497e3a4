"""Ray's dashboard, asked as it is without any token, tells of every step what is done."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from pipeline.core.runner import Run, Runner, Step
from pipeline.core.store import Store
from tests.core import steps
from tests.core.on_ray import MARKS, ray
from tests.core.test_runner import jobs

pytestmark = MARKS
pytest.importorskip("aiohttp_cors", reason="no dashboard: uv sync --extra dashboard")

_TOLD_S = 30.0
"""The dashboard hears of what is done some seconds later."""


@pytest.fixture
def head(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A node with a dashboard, whose processes find the measure functions of the tests."""
    # Where a token may lie, which would be asked for.
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 2,
            "include_dashboard": True,
            "dashboard_host": "127.0.0.1",
            "object_store_memory": 80 * 2**20,
        },
    )
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def test_a_run_can_be_watched(tmp_path: Path, head: Any) -> None:
    wanted = Run(executor="ray", address=head.address, device="cpu")
    at_work = Runner(Store(tmp_path / "store"), wanted)
    done = at_work.measure(Step("double", steps.double), jobs(tmp_path, range(5)))
    assert len(done.entries) == 5
    place = f"http://{head.webui_url}"
    [job] = [it for it in _asked(f"{place}/api/jobs/") if it["status"] == "RUNNING"]
    assert "pytest" in job["entrypoint"]
    until = time.monotonic() + _TOLD_S
    while (told := _tasks(place)).get("double.work") != {"FINISHED": 5}:
        assert time.monotonic() < until, told
    actors = _asked(f"{place}/logical/actors")["data"]["actors"].values()
    assert {it["actorClass"] for it in actors} == {"double"}


def _tasks(place: str) -> dict[str, dict[str, int]]:
    """How many there are of each kind, by state."""
    found = _asked(f"{place}/api/v0/tasks/summarize")["data"]["result"]["result"]
    summary = found["node_id_to_summary"]["cluster"]["summary"]
    return {name: it["state_counts"] for name, it in summary.items()}


def _asked(address: str) -> Any:
    with urlopen(address, timeout=10) as answer:
        return json.load(answer)
