"""Work over a Ray cluster: warm actors, as many as fit, and no clip lost with a process or a node.

Every node has the project's folder, its store and its environment under the same paths; a
measurement is published there by one rename, as on one machine, so what a dead node had finished
is kept.
"""

from __future__ import annotations

import logging
import math
import os
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.core import seal, worker
from pipeline.core.backends import pick_device
from pipeline.core.errors import CradleError
from pipeline.core.reasons import Reason
from pipeline.core.store import Failure
from pipeline.core.worker import Worked

if TYPE_CHECKING:
    from pipeline.core.runner import Batch, Needs, Run

_LOOK_S = 1.0
_FAILED_STARTS = 3
_START_S = 240.0
_LOST_NODES = 5
_GB = 10**9
_ASKED = "; one that was started where ~/.ray/auth_token lies wants RAY_AUTH_MODE=token here, too"


class _Hand:
    """An actor: one process somewhere, whose models stay warm from clip to clip."""

    def __init__(self, ours: Mapping[str, str]) -> None:
        # Not as an environment of Ray's: that takes a new process and an agent's word, and there
        # are processes that wait. Nothing is imported yet that would have read these.
        os.environ.update(ours)
        seal.inherit()

    def node(self) -> str:
        """Where it runs."""
        import ray

        return str(ray.get_runtime_context().get_node_id())

    def work(self, batch: Batch) -> list[tuple[str, Worked]]:
        """See `worker.work`."""
        return worker.work(batch)


def _of(step: str) -> type[_Hand]:
    """A hand that Ray's dashboard calls by the step that it is hired for."""
    return type(step, (_Hand,), {})


@dataclass
class _Flight:
    """What a hand is at: tasks, or (none) still starting."""

    hand: Any
    batch: Batch


def joined(run: Run) -> Any:
    """The module ray, connected to the cluster at `run.address`, or to one of its own.

    Raises:
        CradleError: Ray is not installed, or there is no such cluster.
    """
    seal.quiet()
    # Its own cluster is this stage's pool: work in it is no less urgent than in one.
    os.environ.setdefault("RAY_worker_niceness", "0")
    try:
        import ray
    except ImportError:
        raise CradleError(
            "run.executor: ray is not installed: `uv sync --extra ray`, or choose process"
        ) from None
    if not ray.is_initialized():
        cores = run.workers if run.address is None and run.workers != "auto" else None
        try:
            ray.init(
                run.address or "local",
                num_cpus=cores,
                log_to_driver=False,
                logging_level=logging.ERROR,
                namespace="cradle",
            )
        except Exception as error:  # Ray has no narrower one for a node that does not start.
            where = run.address or "of its own"
            asks = "" if "RAY_AUTH_MODE" in os.environ else _ASKED
            raise CradleError(f"run.address: no Ray cluster {where}: {error}{asks}") from None
    return ray


class Crew:
    """Hands, hired while there is work and room for more; they stay warm from step to step.

    Raises:
        CradleError: Ray is not installed, or there is no such cluster.
    """

    def __init__(self, run: Run, needs: Needs) -> None:
        self._ray, self._run = joined(run), run
        self._wanted = self._of_a_node(needs)
        # What a process of a pool inherits: the seal, the key of sealed media, who stays quiet.
        ours = {name: x for name, x in os.environ.items() if name.startswith(worker.OURS)}
        self._ours = {**seal.QUIET, **ours}
        self._nodes: dict[Any, str] = {}
        self._flying: dict[Any, _Flight] = {}
        self._idle: list[Any] = []

    def fits(self, needs: Needs) -> bool:
        """Whether its hands have what another step needs, and no more."""
        return self._of_a_node(needs) == self._wanted

    def _of_a_node(self, needs: Needs) -> dict[str, float]:
        """What a node gives for each hand, by Ray's names."""
        memory = round(needs.memory_gb * _GB)
        return {"CPU": needs.cores, "memory": memory, "GPU": self._share(needs)}

    def _share(self, needs: Needs) -> float:
        """Of a GPU, for each hand; none where cores of nodes without one would stay idle for it."""
        if pick_device(self._run.device) == "cpu":
            return 0.0
        has = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        without = any(it.get("CPU", 0) >= needs.cores and not it.get("GPU") for it in has)
        return 0.0 if needs.spare and without else needs.gpu

    def work(self, batches: Sequence[Batch]) -> Iterator[tuple[str, Worked]]:
        """Work through the tasks of a step; in whatever way that ends early, everyone goes.

        Raises:
            CradleError: no node has what is needed, or nothing starts there.
        """
        step = batches[0][0].step
        self._deaths: Counter[str] = Counter()
        self._failed_starts = 0
        self._began_s = time.monotonic()
        self._hiring = self._ray.remote(_of(step)).options(
            num_cpus=self._wanted["CPU"],
            memory=self._wanted["memory"],
            num_gpus=self._wanted["GPU"],
            max_restarts=0,
        )
        try:
            yield from self._through(deque(batches), step)
        except BaseException:
            self.end()
            raise

    def _through(self, ahead: deque[Batch], step: str) -> Iterator[tuple[str, Worked]]:
        """Results as they come; what a node took with it is worked on again elsewhere."""
        while ahead or any(flight.batch for flight in self._flying.values()):
            self._hire(ahead)
            while ahead and self._idle:
                hand, batch = self._idle.pop(), ahead.popleft()
                whole = [task.whole() for task in batch]
                # A hand may have been hired for another step, and is called by that.
                called = hand.work.options(name=f"{step}.work")
                self._flying[called.remote(whole)] = _Flight(hand, batch)
            ready, _ = self._ray.wait(list(self._flying), num_returns=1, timeout=_LOOK_S)
            if not self._nodes and time.monotonic() - self._began_s > _START_S:
                raise CradleError(
                    f"run.executor: no worker has started on the Ray cluster in {_START_S:g} s; "
                    "the logs of its nodes (/tmp/ray/session_latest/logs) say why"
                )
            for reference in ready:
                yield from self._landed(reference, ahead)

    def end(self) -> None:
        """Let everyone go; what is in flight publishes nothing."""
        for hand in [*self._idle, *(flight.hand for flight in self._flying.values())]:
            self._ray.kill(hand)
        self._idle, self._flying = [], {}

    def _hire(self, ahead: Sequence[Batch]) -> None:
        room = self._room()
        starting = sum(not flight.batch for flight in self._flying.values())
        hired = len(self._idle) + len(self._flying)
        for _ in range(min(room - hired, len(ahead) - len(self._idle) - starting)):
            hand = self._hiring.remote(self._ours)
            self._flying[hand.node.remote()] = _Flight(hand, ())

    def _room(self) -> int:
        """How many hands the cluster has room for, if nobody else works there."""
        room = sum(
            min(
                math.floor(node["Resources"].get(name, 0) / x)
                for name, x in self._wanted.items()
                if x
            )
            for node in self._ray.nodes()
            if node["Alive"]
        )
        if not room and not self._flying:
            asked = ", ".join(f"{x:g} {name}" for name, x in self._wanted.items() if x)
            raise CradleError(f"run.executor: no node of the Ray cluster has {asked}")
        return room if self._run.workers == "auto" else min(room, self._run.workers)

    def _landed(self, reference: Any, ahead: deque[Batch]) -> Iterator[tuple[str, Worked]]:
        flight = self._flying.pop(reference)
        try:
            found = self._ray.get(reference)
        except self._ray.exceptions.RayActorError as error:
            yield from self._lost(flight, ahead, error)
            return
        except self._ray.exceptions.RayTaskError as error:
            # A worker raises only what ends the run, such as a full disk; not where it stood.
            raise error.cause from None
        self._idle.append(flight.hand)
        if not flight.batch:
            self._nodes[flight.hand] = found
            self._failed_starts = 0
        else:
            yield from found

    def _lost(
        self, flight: _Flight, ahead: deque[Batch], error: Exception
    ) -> Iterator[tuple[str, Worked]]:
        """A process that died twice under one clip is that clip's doing; a node's end is not."""
        if not flight.batch:
            self._failed_starts += 1
            if self._failed_starts > _FAILED_STARTS:
                raise CradleError(f"run.executor: no worker starts on the Ray cluster: {error}")
            return
        alive = {node["NodeID"] for node in self._ray.nodes() if node["Alive"]}
        why = "clip" if self._nodes[flight.hand] in alive else "node"
        for task in flight.batch:
            self._deaths[f"{why} {task.clip}"] += 1
            if self._deaths[f"{why} {task.clip}"] < {"clip": 2, "node": _LOST_NODES}[why]:
                ahead.append([task])
                continue
            detail = "the process died twice while working on this clip"
            if why == "node":
                detail = f"{_LOST_NODES} nodes were lost while working on this clip"
            yield task.clip, Worked(Failure(Reason.WORKER_CRASHED, detail))
