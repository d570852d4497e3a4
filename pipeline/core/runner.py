"""The one loop over clips: remembered where it can be, measured where it must be, never lost.

    step = Step("landmarks", measure, params={"max_faces": 3}, backend=FACES.info("mediapipe"))
    done = runner.measure(step, [Job("clip_1", {"video": path}, digest, cost=frames), ...])
    done.entries["clip_1"].path / "landmarks.npz"
    done.failures["clip_2"].reason

`measure(out: Path, inputs: Mapping)` is a function of a module; it writes its files into the folder
`out`, or raises ClipFailed. A step that keeps a device busier with several clips at a time says
how they are measured `together`.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from tqdm import tqdm

from pipeline.core import cluster, worker
from pipeline.core.backends import BackendInfo, pick_device
from pipeline.core.code import code_digest
from pipeline.core.costs import Costs
from pipeline.core.params import Params
from pipeline.core.processes import Processes
from pipeline.core.store import Entry, Failure, Store
from pipeline.core.worker import Worked

Measure = Callable[[Path, Mapping[str, Any]], None]
Write = Callable[[Path], None]
"""Writes one clip's files into a folder, or raises ClipFailed."""


class Run(Params):
    """How work is run; nothing here changes a result."""

    executor: Literal["serial", "process", "ray"] = "process"
    """`serial` keeps everything in one process, for debugging; `ray` works on a cluster."""
    address: str | None = None
    """Of a Ray cluster, or `auto` for the one that runs here; without it, Ray starts its own."""
    workers: int | Literal["auto"] = "auto"
    """Processes; `auto` is the number of cores, or as many as the cluster has room for."""
    device: str = "auto"
    """Where models run: auto, cpu, cuda, cuda:1, ..."""
    media_key: str = ""
    """A file, outside the project, of the key that pictures and sounds are sealed with; see
    `cradle store`. Without, they are as readable as their owner's files are."""
    timeout_s: float = 900.0
    """The longest that one step may work on one clip."""


@dataclass(frozen=True)
class Needs:
    """What one process needs for a step; a cluster gives as many as there is room for."""

    cores: float = 1.0
    memory_gb: float = 1.0
    gpu: float = 0.0
    """Share of a GPU, where models run on one: no more processes than have room are at it at a
    time."""
    spare: bool = False
    """Whether it does without its share where not every node has a GPU; see `backends.at_hand`."""
    imports: tuple[str, ...] = ()
    """Heavy modules that it imports late, which processes of one machine are forked with: so they
    are loaded once, and not by each."""

    @property
    def on_a_gpu(self) -> int:
        """How many processes one GPU has room for."""
        return max(1, int(1 / self.gpu + 1e-9)) if self.gpu else sys.maxsize


@dataclass(frozen=True)
class Together:
    """How several clips are measured at a time, each with what it would come to by itself."""

    measure: Callable[[Sequence[Mapping[str, Any]]], Sequence[Write]]
    """Of the inputs of each; a function of a module. Where it fails, each is measured alone."""
    cost: float
    """So many clips at a time as cost no more, in the unit of jobs."""

    @staticmethod
    def on(
        device: str, measure: Callable[[Sequence[Mapping[str, Any]]], Sequence[Write]], cost: float
    ) -> Together | None:
        """On a GPU, and not on cores.

        A core is kept busy by one clip, and a clip of its own gives the same bytes whoever is near.
        """
        return None if device == "cpu" else Together(measure, cost)


@dataclass(frozen=True)
class Step:
    """One kind of measurement."""

    name: str
    measure: Measure
    params: Mapping[str, Any] = field(default_factory=dict)
    """What the measurement reads of the parameters; never a threshold that only decides."""
    backend: BackendInfo | None = None
    needs: Needs = field(default_factory=Needs)
    together: Together | None = None

    def key(self, digest: str) -> str:
        """The name of a measurement in the store: everything that its content depends on."""
        content = {**self._identity, "input": digest}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @cached_property
    def _identity(self) -> dict[str, Any]:
        modules = [self.measure.__module__]
        if self.backend and self.backend.module:
            modules.append(self.backend.module)
        return {
            "step": self.name,
            "code": code_digest(modules),
            "backend": [self.backend.name, self.backend.digest] if self.backend else None,
            "params": dict(self.params),
        }


@dataclass(frozen=True, slots=True)
class Job:
    """One clip to be measured."""

    clip: str
    inputs: Mapping[str, Any]
    """Plain values and paths, handed to `measure`; paths do not enter the key, `digest` does."""
    digest: str
    """Of the content of everything in `inputs`."""
    cost: float = 1.0
    """In any unit; the dearest start first."""
    clips: int = 1
    """How many it stands for, where it is a part of a table."""
    late: Callable[[], Mapping[str, Any]] | None = None
    """Makes further inputs, which are there for only as long as they are worked on: those of all
    clips at once would be much of a stage's memory. It has to make the same each time."""


@dataclass
class Measured:
    """What became of every job, by clip, in the order of ids."""

    entries: dict[str, Entry] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)
    remembered: int = 0
    measured: int = 0

    def add(self, clip: str, result: Entry | Failure) -> None:
        """Take in one result."""
        if isinstance(result, Entry):
            self.entries[clip] = result
        else:
            self.failures[clip] = result

    def sort(self) -> Measured:
        """Forget the order in which work happened to finish."""
        self.entries = dict(sorted(self.entries.items()))
        self.failures = dict(sorted(self.failures.items()))
        return self


@dataclass(frozen=True, slots=True)
class Task:
    """A job with its place in the store; what travels to a worker."""

    clip: str
    step: str
    key: str
    measure: Measure
    inputs: Mapping[str, Any]
    store: Path
    timeout_s: float
    together: Callable[[Sequence[Mapping[str, Any]]], Sequence[Write]] | None = None
    imports: tuple[str, ...] = ()
    clips: int = 1
    late: Callable[[], Mapping[str, Any]] | None = None

    def whole(self) -> Task:
        """The task with all of its inputs, as a worker is handed it."""
        if self.late is None:
            return self
        return replace(self, inputs={**self.inputs, **self.late()}, late=None)


Batch = Sequence[Task]
"""Tasks of one step that a worker is handed at a time; mostly one."""


class Runner:
    """Runs steps over clips in one process or several, with the same results."""

    def __init__(self, store: Store, run: Run) -> None:
        self.store = store
        self.run = run
        self.measuring_s = 0.0
        """How long it has measured so far, on the clock."""
        self.working_s = 0.0
        """For how long of that its processes were at work; the rest they started, or waited."""
        self._processes: Processes | None = None
        self._crew: cluster.Crew | None = None

    @property
    def workers(self) -> int:
        """How many processes work at once."""
        if self.run.workers == "auto":
            return len(os.sched_getaffinity(0))
        return self.run.workers

    def measure(
        self, step: Step, jobs: Iterable[Job], here: bool = False, near: bool = False
    ) -> Measured:
        """Measure what the store does not hold yet, the dearest first.

        A clip that cannot be measured is a Failure; nothing that a clip does ends the run. What is
        done sooner than another process starts may be done `here`, if nothing strange is read, and
        what is done sooner than those of a cluster start, `near`: by processes of this machine.
        """
        self.store.sweep()
        done = Measured()
        alike: dict[str, list[Job]] = {}
        for job, key in sorted(
            self._unknown(step, jobs, done), key=lambda it: (-it[0].cost, it[0].clip)
        ):
            alike.setdefault(key, []).append(job)
        # Clips of the same content are measured once.
        same = {mine[0].clip: mine for mine in alike.values()}
        batches = self._batches(step, {key: mine[0] for key, mine in alike.items()})
        worked: list[tuple[Job, Worked]] = []
        began = time.perf_counter()
        found = self._execute(step, batches, here, near)
        for clip, it in self._progress(step.name, found, len(alike)):
            worked.append((same[clip][0], it))
            for job in same[clip]:
                done.measured += 1
                done.add(job.clip, it.found)
        self.measuring_s += time.perf_counter() - began
        self._note(step, worked)
        return done.sort()

    def close(self) -> None:
        """Let go of the processes that are kept warm."""
        if self._processes is not None:
            self._processes.end()
        self._let_go()

    def _let_go(self) -> None:
        if self._crew is not None:
            self._crew.end()
        self._crew = None

    def _unknown(
        self, step: Step, jobs: Iterable[Job], done: Measured
    ) -> Iterator[tuple[Job, str]]:
        """Jobs that the store holds nothing of, with their keys; no other is kept in memory."""
        for job in jobs:
            key = step.key(job.digest)
            known = self.store.find(step.name, key)
            if known is None:
                yield job, key
            else:
                done.remembered += 1
                done.add(job.clip, known)

    def _note(self, step: Step, worked: Sequence[tuple[Job, Worked]]) -> None:
        """Remember what the work has cost, for whoever asks what a run would."""
        seconds = _seconds(worked)
        processes = {it.process for _, it in worked if it.process}
        self.working_s += seconds / max(1, len(processes))
        cost, clips = sum(job.cost for job, _ in worked), sum(job.clips for job, _ in worked)
        parts = [(job.clips, it.seconds) for job, it in worked if it.warm]
        Costs(self.store.root).note(step.name, cost, seconds, clips, parts, max(1, len(processes)))

    def _batches(self, step: Step, jobs: Mapping[str, Job]) -> Sequence[Batch]:
        """What workers are handed, of jobs by key, the dearest first."""
        most = 0.0
        if step.together:
            # No more than leaves something for everybody.
            share = sum(job.cost for job in jobs.values()) / self._hands(step)
            most = min(step.together.cost, share)
        batches: list[list[Task]] = []
        left = 0.0
        for key, job in jobs.items():
            if not batches or not step.together or job.cost > left:
                batches.append([])
                left = most
            batches[-1].append(self._task(step, job, key))
            left -= job.cost
        return batches

    def _hands(self, step: Step) -> int:
        """How many processes are at a step at a time."""
        if self.run.executor == "serial":
            return 1
        if self.run.executor == "ray" or pick_device(self.run.device) == "cpu":
            return self.workers
        return min(self.workers, step.needs.on_a_gpu)

    def _task(self, step: Step, job: Job, key: str) -> Task:
        return Task(
            job.clip,
            step.name,
            key,
            step.measure,
            job.inputs,
            self.store.root,
            self.run.timeout_s,
            step.together.measure if step.together else None,
            step.needs.imports,
            job.clips,
            job.late,
        )

    def _execute(
        self, step: Step, batches: Sequence[Batch], here: bool, near: bool
    ) -> Iterator[tuple[str, Worked]]:
        if self.run.executor == "serial" or here or len(batches) == 0:
            ready = ([task.whole() for task in batch] for batch in batches)
            return (found for batch in ready for found in worker.work(batch))
        if self.run.executor == "ray" and not near:
            if self._crew is None or not self._crew.fits(step.needs):
                self._let_go()
                self._crew = cluster.Crew(self.run, step.needs)
            return self._crew.work(batches)
        # A number of workers that is meant for a cluster may be more than there is room for here.
        room = len(os.sched_getaffinity(0)) if near else self.workers
        self._processes = self._processes or Processes(min(self.workers, room))
        return self._processes.work(batches, self._hands(step))

    @staticmethod
    def _progress(
        name: str, results: Iterator[tuple[str, Worked]], total: int
    ) -> Iterator[tuple[str, Worked]]:
        quiet = not sys.stderr.isatty()
        yield from tqdm(results, desc=name, total=total, unit="clip", disable=quiet, leave=False)


def _seconds(worked: Sequence[tuple[Job, Worked]]) -> float:
    """Of one core, for the work alone.

    The first clip of a process waits for imports and models, which more clips do not take again: it
    counts as much as clips of its cost did once those were there, where there are any.
    """
    warm = [(job.cost, it.seconds) for job, it in worked if it.warm]
    cold = [(job.cost, it.seconds) for job, it in worked if not it.warm]
    cost, spent_s = sum(cost for cost, _ in warm), sum(seconds for _, seconds in warm)
    if cost <= 0:
        return spent_s + sum(seconds for _, seconds in cold)
    return spent_s + sum(min(seconds, spent_s / cost * mine) for mine, seconds in cold)
