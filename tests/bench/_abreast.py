"""Work that hangs on nothing but its own task, done by all cores, its results in order."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import starmap
from typing import Any, TypeVar

from pipeline.core.worker import die_with_parent

Result = TypeVar("Result")
_TURNS = 32
"""Results a core that are waited for at once."""


def abreast(
    work: Callable[..., Result],
    tasks: Sequence[tuple[Any, ...]],
    together: int = 1,
    worth: int = 2,
) -> Iterator[Result]:
    """Do tasks in as many processes as there are cores; fewer than are `worth` it in this one.

    A result that nobody has taken keeps later ones from being begun, so that memory does not
    hold them all.

    Args:
        work: importable by its name.
        tasks: what it is given each time, in the order of the results.
        together: so many go to a process at once.
        worth: begin processes for no fewer tasks.
    """
    cores = len(os.sched_getaffinity(0))
    if cores == 1 or len(tasks) < worth:
        yield from starmap(work, tasks)
        return
    # A process that forks from this one would find the locks of its threads as they were.
    context = multiprocessing.get_context("spawn")
    ahead = _TURNS * cores * together
    with ProcessPoolExecutor(cores, context, die_with_parent) as pool:
        for first in range(0, len(tasks), ahead):
            given = zip(*tasks[first : first + ahead], strict=True)
            yield from pool.map(work, *given, chunksize=together)
