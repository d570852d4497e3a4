"""The same work over a Ray cluster of two nodes on this machine, and one of them killed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.core import backends, cluster, ledger, parts, vault
from pipeline.core.disk import DiskError
from pipeline.core.errors import CradleError
from pipeline.core.ledger import ClipRow
from pipeline.core.parts import Piece
from pipeline.core.reasons import Reason
from pipeline.core.runner import Job, Needs, Run, Runner, Step, Together
from pipeline.core.store import Store
from tests.core import steps, test_parts
from tests.core.on_ray import MARKS, ray
from tests.core.test_runner import jobs, times_measured

pytestmark = MARKS

_STORE_BYTES = 80 * 2**20


class Nodes:
    """A cluster whose head has no core, so that all work is done on the others."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self.cluster = Cluster(
            initialize_head=True,
            head_node_args={
                "num_cpus": 0,
                "include_dashboard": False,
                "object_store_memory": _STORE_BYTES,
            },
        )

    def add(self) -> Any:
        return self.cluster.add_node(num_cpus=1, memory=4 * 10**9, object_store_memory=_STORE_BYTES)


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    path = os.environ.get("PYTHONPATH", "")
    # Workers import the measure functions of the tests by name.
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path.cwd()), path])
    nodes = Nodes()
    nodes.add()
    nodes.add()
    yield nodes
    ray.shutdown()
    nodes.cluster.shutdown()
    os.environ["PYTHONPATH"] = path


def runner(tmp_path: Path, nodes: Nodes, **run: object) -> Runner:
    wanted = {"executor": "ray", "address": nodes.cluster.address, "device": "cpu", **run}
    return Runner(Store(tmp_path / "store"), Run.model_validate(wanted))


def test_a_cluster_gives_what_one_process_gives(tmp_path: Path, nodes: Nodes) -> None:
    step = Step("double", steps.double)
    done = runner(tmp_path, nodes).measure(step, jobs(tmp_path, range(9)))
    (tmp_path / "serial").mkdir()
    wanted = Runner(Store(tmp_path / "serial"), Run(executor="serial")).measure(
        step, jobs(tmp_path / "serial", range(9))
    )
    assert [(c, e.key) for c, e in done.entries.items()] == [
        (c, e.key) for c, e in wanted.entries.items()
    ]
    again = runner(tmp_path, nodes).measure(step, jobs(tmp_path, range(10)))
    assert (again.measured, again.remembered) == (1, 9)
    assert times_measured(tmp_path) == {str(value): 1 for value in range(10)}


def test_processes_stay_warm_from_step_to_step(tmp_path: Path, nodes: Nodes) -> None:
    at_work = runner(tmp_path, nodes)

    def who(name: str, needs: Needs) -> set[str]:
        step = Step(name, steps.tell_the_process, needs=needs)
        done = at_work.measure(step, [Job(str(n), {}, str(n)) for n in range(4)])
        return {(it.path / "process").read_text() for it in done.entries.values()}

    first = who("first", Needs())
    assert who("second", Needs(imports=("csv",))) <= first
    assert not who("third", Needs(memory_gb=0.5)) & first
    at_work.close()


@pytest.mark.parametrize("together", [None, Together(steps.misbehave_together, 3.0)])
def test_each_misfortune_costs_one_clip_and_has_the_same_name(
    tmp_path: Path, nodes: Nodes, together: Together | None
) -> None:
    done = runner(tmp_path, nodes, timeout_s=1.0).measure(
        Step("misbehave", steps.misbehave, together=together), jobs(tmp_path, range(8))
    )
    failures = {clip: failure.reason for clip, failure in done.failures.items()}
    assert failures == steps.MISFORTUNES
    assert sorted(done.entries) == ["clip_0", "clip_5", "clip_6", "clip_7"]


def test_workers_on_a_cluster_are_sealed(
    tmp_path: Path, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRADLE_SEALED", "1")
    done = runner(tmp_path, nodes).measure(
        Step("call_home", steps.call_home), [Job("clip", {}, "x")]
    )
    assert "no stage after download may touch the network" in done.failures["clip"].detail


def test_a_full_disk_on_a_cluster_ends_the_run_in_a_sentence(tmp_path: Path, nodes: Nodes) -> None:
    with pytest.raises(DiskError) as told:
        runner(tmp_path, nodes).measure(Step("fill", steps.fill_the_disk), [Job("clip", {}, "x")])
    assert "there is no room left" in str(told.value)
    assert "Traceback" not in str(told.value)


def test_workers_on_a_cluster_know_the_key_of_sealed_media(
    tmp_path: Path, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRADLE_MEDIA_KEY", str(tmp_path / "key"))
    vault.make_key(tmp_path / "key")
    done = runner(tmp_path, nodes).measure(Step("tell", steps.tell_the_key), [Job("clip", {}, "x")])
    assert (done.entries["clip"].path / "key.txt").read_text() == str(tmp_path / "key")


def test_a_step_that_fits_nowhere_is_refused_in_words(tmp_path: Path, nodes: Nodes) -> None:
    step = Step("double", steps.double, needs=Needs(cores=64))
    with pytest.raises(CradleError, match="no node of the Ray cluster has 64 CPU"):
        runner(tmp_path, nodes).measure(step, jobs(tmp_path, range(1)))


@pytest.mark.parametrize(
    ("device", "spare", "gpus", "share"),
    [
        ("cpu", False, [1, 1], 0.0),
        ("auto", False, [1, 1], 0.0),
        ("cuda", False, [1, 1], 0.2),
        ("cuda", True, [1, 1], 0.2),
        ("cuda", False, [1, 0], 0.2),
        ("cuda", True, [1, 0], 0.0),
    ],
)
def test_a_share_of_a_gpu_is_asked_for_where_models_run_on_one(
    device: str, spare: bool, gpus: list[int], share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backends, "_has_driver", lambda: False)
    has = [{"CPU": 4.0, "memory": 8e9, **({"GPU": float(n)} if n else {})} for n in gpus]
    # A head has neither, and is no node that would stay idle.
    known = [{"Alive": True, "Resources": it} for it in [*has, {"memory": 8e9}]]
    known.append({"Alive": False, "Resources": {"CPU": 4.0}})
    monkeypatch.setattr(cluster, "joined", lambda run: SimpleNamespace(nodes=lambda: known))
    crew = cluster.Crew(Run(executor="ray", device=device), Needs(gpu=0.2, spare=spare))
    assert crew._wanted["GPU"] == share
    # What asks for a share works only where there is one.
    assert crew._room() == (8 if not share else sum(4 for n in gpus if n))


def test_where_no_gpu_is_found_none_is_asked_for(
    tmp_path: Path, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backends, "_has_driver", lambda: False)
    step = Step("double", steps.double, needs=Needs(gpu=0.2))
    done = runner(tmp_path, nodes, device="auto").measure(step, jobs(tmp_path, range(2)))
    assert len(done.entries) == 2


def test_an_address_without_a_cluster_is_said(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", _refuse)
    with pytest.raises(CradleError, match=r"run\.address: no Ray cluster 127\.0\.0\.1:1: nobody"):
        cluster.joined(Run(executor="ray", address="127.0.0.1:1"))


def _refuse(*_: object, **__: object) -> None:
    raise ConnectionError("nobody there")


def test_a_cluster_on_which_nothing_starts_is_given_up(
    tmp_path: Path, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_START_S", 0.0)
    monkeypatch.setattr(cluster, "_LOOK_S", 0.0)
    with pytest.raises(CradleError, match="no worker has started"):
        runner(tmp_path, nodes).measure(Step("double", steps.double), jobs(tmp_path, range(1)))


def written(at_work: Runner, root: Path, step: Step) -> dict[str, bytes]:
    """What a stage would write: a ledger of what was measured, and a table in parts made of it."""
    done = at_work.measure(step, jobs(root, range(9)))
    pieces = {clip: Piece({"n": 2}, entry.key[:8]) for clip, entry in done.entries.items()}
    counted = Step("count", test_parts.count, {"diary": str(root / "parts")})
    out = root / "out"
    out.mkdir()
    parts.make(at_work, counted, pieces).copy(out / "frames.parquet", test_parts.SCHEMA)
    rows = [ClipRow(clip, Reason.KEPT) for clip in done.entries]
    rows += [ClipRow.of(clip, failure) for clip, failure in done.failures.items()]
    ledger.write_clips(out / "ledger.parquet", "landmarks", rows, [f"clip_{n}" for n in range(9)])
    return {str(it.relative_to(out)): it.read_bytes() for it in out.rglob("*") if it.is_file()}


def test_ledger_and_tables_are_the_same_bytes_whoever_works(
    tmp_path: Path, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if they were of many clips: those of few are made nearer.
    monkeypatch.setattr(parts, "_FEW", 0)
    monkeypatch.setattr(parts, "_NEAR", 0)
    told = []
    for name, run in (
        ("serial", {"executor": "serial"}),
        ("process", {"executor": "process", "workers": 2}),
        ("nodes", {"executor": "ray", "address": nodes.cluster.address, "device": "cpu"}),
    ):
        (tmp_path / name).mkdir()
        at_work = Runner(Store(tmp_path / name / "store"), Run.model_validate(run))
        told.append(written(at_work, tmp_path / name, Step("double", steps.double)))
        at_work.close()
    assert told[0] == told[1] == told[2]
    assert {Path(name).parent.name for name in told[0]} == {"ledger.parquet", "frames.parquet"}


def slow(out: Path, inputs: Mapping[str, Any]) -> None:
    """Says where it is, and waits until it is let go."""
    here = Path(inputs["diary"], f"{inputs['value']}.node")
    here.write_text(ray.get_runtime_context().get_node_id())
    while not Path(inputs["diary"], "go").exists():
        time.sleep(0.01)
    steps.double(out, inputs)


def test_a_killed_node_loses_only_what_was_in_flight(
    tmp_path: Path, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    doomed = nodes.add()
    diary = tmp_path / "diary"
    diary.mkdir()
    looked = cluster.Crew._hire

    def hire(crew: Any, ahead: Any) -> None:
        """Kills the node as soon as all three are at work, and lets the others go."""
        looked(crew, ahead)
        at_work = {path.read_text() for path in diary.glob("*.node")}
        if doomed.node_id in at_work and not (diary / "go").exists():
            nodes.cluster.remove_node(doomed, allow_graceful=False)
            (diary / "go").touch()

    monkeypatch.setattr(cluster.Crew, "_hire", hire)
    step = Step("slow", slow)
    told = written(runner(tmp_path, nodes), tmp_path, step)
    assert (diary / "go").exists()
    (tmp_path / "serial/diary").mkdir(parents=True)
    (tmp_path / "serial/diary/go").touch()
    monkeypatch.setattr(ray, "get_runtime_context", lambda: SimpleNamespace(get_node_id=str))
    serial = Runner(Store(tmp_path / "serial/store"), Run(executor="serial"))
    assert told == written(serial, tmp_path / "serial", step)
    (diary / "go").unlink()
    assert all(
        count == 1 for name, count in times_measured(tmp_path).items() if not name.endswith(".node")
    )
