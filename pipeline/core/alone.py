"""One run at a time of one stage in one project."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.core.errors import CradleError


@contextmanager
def alone(store: Path, name: str) -> Iterator[None]:
    """Keep others from running the stage `name` over the same store while the block runs.

    Raises:
        CradleError: somebody does already.
    """
    store.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (store / f".{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CradleError(
                "another run of this stage is at work in this folder; wait until it has ended, "
                "and nothing of it is done twice"
            ) from None
        yield
