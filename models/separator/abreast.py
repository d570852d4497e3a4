"""Processes that learn as one: by the mean of what each would change for mixtures of its own."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path

import torch
from torch import distributed, multiprocessing, nn

_PATIENCE = timedelta(minutes=10)

_SIGNAL_WHERE_PARENT_ENDS = 1
"""PR_SET_PDEATHSIG of prctl(2)."""

Work = Callable[..., None]


def abreast(work: Work, count: int, meeting: Path, *given: object) -> None:
    """Let `count` processes do `work(rank, *given)`; `meeting` is where they find each other.

    One alone is this process.

    Raises:
        ProcessRaisedException: one of them failed; the others are ended.
    """
    if count == 1:
        work(0, *given)
        return
    meeting.unlink(missing_ok=True)
    multiprocessing.spawn(_met, (work, count, meeting, *given), count)


def _met(rank: int, work: Work, count: int, meeting: Path, *given: object) -> None:
    # Else they would work on unseen, beside the run that goes on from where this one was ended.
    ctypes.CDLL(None).prctl(_SIGNAL_WHERE_PARENT_ENDS, signal.SIGTERM)
    # They are all on this machine: nothing is to be heard of them outside.
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    where = f"file://{meeting.resolve()}"
    distributed.init_process_group(
        "gloo", init_method=where, rank=rank, world_size=count, timeout=_PATIENCE
    )
    try:
        work(rank, *given)
    finally:
        distributed.destroy_process_group()


def alike(step: int, folder: Path) -> None:
    """Go on only where all stand at the same step.

    Raises:
        ValueError: a run was ended while some had saved where they stand and others had not yet.
    """
    if not distributed.is_initialized():
        return
    steps = [torch.zeros(1, dtype=torch.int64) for _ in range(distributed.get_world_size())]
    distributed.all_gather(steps, torch.tensor([step]))
    found = sorted({int(each) for each in steps})
    if len(found) > 1:
        raise ValueError(
            f"{folder}: the processes' states are of steps {found}, where one is allowed: remove "
            "state-*.pt to begin again"
        )


def agree(weights: Iterable[nn.Parameter]) -> None:
    """Give every process the mean of the gradients that they have come to."""
    if not distributed.is_initialized():
        return
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    together = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(together)
    together /= distributed.get_world_size()
    parts = together.split([gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))
