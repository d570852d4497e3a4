"""`cradle bench hostile`: thousands of damaged files, each refused for one reason or kept whole."""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.core.reasons import Reason
from pipeline.media import child
from tests.bench._figures import Figure, report
from tests.hostile import files, mutations
from tests.hostile.judging import LIMITS, assert_whole, outcome

QUICK = replace(LIMITS, min_s=0.1)
LONGEST_S, MOST_KB = 10.0, 1_000_000
_SEEDS: list[tuple[str, bytes]] = []
ACCIDENTS = {Reason.TIMED_OUT, Reason.WORKER_CRASHED, Reason.MEASURE_FAILED}


@dataclass(frozen=True)
class Came:
    """What came of one file."""

    name: str
    what: str
    """`kept`, a reason, or `raised`."""
    right: bool
    """Whether it is what a file of its kind may come to, and whole where it was kept."""
    cpu_s: float
    words: str = ""


def main(argv: Sequence[str]) -> int:
    """Damage, judge and print; 0 where every figure is reached."""
    parser = argparse.ArgumentParser(prog="cradle bench hostile", description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--mutations", type=int, default=5000)
    parser.add_argument(
        "--first",
        type=int,
        default=0,
        help="the first mutation's number; only 0 takes the files made by hand as well",
    )
    parser.add_argument("--workers", type=int, default=multiprocessing.cpu_count())
    arguments = parser.parse_args(argv)
    jobs: list[str | int] = [] if arguments.first else [*files.HOSTILE]
    jobs += range(arguments.first, arguments.first + arguments.mutations)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="cradle-") as folder:
        seeds = mutations.seeds(Path(folder))
    with multiprocessing.Pool(arguments.workers, _seed, (seeds,), maxtasksperchild=200) as pool:
        came, peaks_kb = zip(*pool.imap_unordered(_judged, jobs, chunksize=8), strict=True)
    print(Counter(it.what for it in came))
    for it in came:
        if not it.right:
            print(f"{it.name}: {it.what}, {it.cpu_s:.1f} s\n{it.words}")
    wrong = [it for it in came if not it.right]
    figures = [
        Figure("files", len(came), arguments.mutations, ">="),
        Figure("raised something", sum(it.what == "raised" for it in came), 0),
        Figure("stopped by a clock or crashed", sum(it.what in ACCIDENTS for it in came), 0),
        Figure("kept and not whole, or another outcome than theirs", len(wrong), 0),
        Figure("the longest, processor time", max(it.cpu_s for it in came), LONGEST_S, unit="s"),
        Figure("the most memory", max(peaks_kb) / 1e6, MOST_KB / 1e6, unit="GB"),
        Figure("all of it", time.perf_counter() - began, unit="s"),
    ]
    return report("hostile files", figures, arguments.json)


def _seed(files: Sequence[tuple[str, bytes]]) -> None:
    """Give a worker what is to be damaged; it is made once."""
    _SEEDS[:] = files


def _judged(job: str | int) -> tuple[Came, int]:
    with tempfile.TemporaryDirectory(prefix="cradle-") as folder:
        sent, out = Path(folder, "sent"), Path(folder, "out")
        sent.mkdir()
        out.mkdir()
        name, expected = _make(job, sent)
        began_s = _worked_s()
        try:
            result = outcome(sent / name, out, QUICK if expected is None else LIMITS)
            if isinstance(result, tuple):
                assert_whole(out, result[2])
            right = expected in (None, result)
            came = Came(str(job), _word(result), right, _worked_s() - began_s)
        except Exception:
            words = traceback.format_exc()
            came = Came(str(job), "raised", False, _worked_s() - began_s, words)
    return came, child.used.most_kb


def _make(job: str | int, sent: Path) -> tuple[str, files.Outcome | None]:
    if isinstance(job, str):
        make, expected = files.HOSTILE[job]
        make(sent / job)
        return job, expected
    content, name = mutations.mutation(_SEEDS, job)
    (sent / name).write_bytes(content)
    return name, None


def _word(result: files.Outcome) -> str:
    return "kept" if isinstance(result, tuple) else str(result)


def _worked_s() -> float:
    return child.used.processor_s
