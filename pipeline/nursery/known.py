"""What is known to be right about frames of synthetic clips, as far as their truth is still stored.

    known = of_frames(everything.nursery, store)
    known["nursery_hand_01"]      (F,) at 30 fps: whether each frame should be kept

It is only ever compared with what was decided: by `cradle what-if`, the report and the benchmarks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.core.store import Entry, Store
from pipeline.nursery import catalogue, truth
from pipeline.nursery.params import Nursery

FPS = 30.0


def of_frames(wanted: Nursery, store: Store) -> dict[str, NDArray[np.bool_]]:
    """By clip, whether each frame (F,) at FPS is good."""
    found = {}
    step = catalogue.step(wanted)
    for job in catalogue.jobs(wanted):
        entry = store.find(step.name, step.key(job.digest))
        if isinstance(entry, Entry):
            known = truth.read(entry.path)
            found[job.clip] = np.asarray(known.good, bool)[known.frames_at(FPS)]
    return found
