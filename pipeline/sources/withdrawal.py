"""Content that somebody took back, known by its digest under whatever address it comes again.

What a clip shows is only known once it was had. Its media then give way to a word that says so,
under the same key: nothing is kept, and nothing is fetched a second time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from pipeline import media
from pipeline.core.errors import ClipFailed
from pipeline.core.reasons import Reason
from pipeline.core.runner import Job, Measured, Step
from pipeline.core.store import Failure, Store
from pipeline.sources.catalogue import Takedown

_SHOWN = 16
_SAME = "the same content as what was taken back, sha256 "


def withdraw(done: Measured, takedowns: Iterable[Takedown]) -> dict[str, Failure]:
    """Turn every measurement of content that was taken back into a failure that says so.

    Returns:
        By key, what is to take the place of measurements in the store; see `bury`.
    """
    buried = _digests(takedowns)
    found: dict[str, Failure] = {}
    for clip, entry in list(done.entries.items()) if buried else []:
        info = media.MediaInfo.read(entry.path)
        known = sorted(buried & {info.digest, info.source_digest})
        if known:
            # No more of the digest than tells it from others: a search for it finds no trace.
            done.entries.pop(clip)
            found[entry.key] = Failure(Reason.WITHDRAWN, f"{_SAME}{known[0][:_SHOWN]}")
            done.failures[clip] = found[entry.key]
    return found


def bury(store: Store, step: Step, withdrawn: Mapping[str, Failure]) -> None:
    """Remove what was withdrawn from the store, and leave the word that it was."""
    for key, failure in withdrawn.items():
        store.forget(step.name, key)
        with suppress(ClipFailed), store.publish(step.name, key):
            raise ClipFailed(failure.reason, failure.detail)


def reconsidered(
    store: Store, step: Step, jobs: Sequence[Job], takedowns: Iterable[Takedown]
) -> list[Job]:
    """The jobs, with another key where no row of the takedowns withdraws their content any more."""
    said = {f"{_SAME}{digest[:_SHOWN]}" for digest in _digests(takedowns)}
    return [_given_back(job) if _outdated(store, step, job, said) else job for job in jobs]


def _outdated(store: Store, step: Step, job: Job, said: set[str]) -> bool:
    found = store.find(step.name, step.key(job.digest))
    if not isinstance(found, Failure) or found.reason is not Reason.WITHDRAWN:
        return False
    return found.detail not in said


def _given_back(job: Job) -> Job:
    digest = hashlib.sha256(f"{job.digest} given back".encode()).hexdigest()
    return replace(job, digest=digest)


def _digests(takedowns: Iterable[Takedown]) -> set[str]:
    return {digest for taken in takedowns for digest in taken.digest}
