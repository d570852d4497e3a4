"""Content that somebody took back, known by its digest under whatever address it comes again.

What a clip shows is only known once it was had. Its media then give way to a word that says so,
under the same key: nothing is kept, and nothing is fetched a second time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress

from pipeline import media
from pipeline.core.errors import ClipFailed
from pipeline.core.reasons import Reason
from pipeline.core.runner import Job, Measured, Step
from pipeline.core.store import Failure, Store
from pipeline.sources.catalogue import Takedown

STEP = "media"
_SHOWN = 16
_SAME = "the same content as what was taken back, sha256 "


def withdraw(store: Store, done: Measured, takedowns: Iterable[Takedown]) -> None:
    """Turn every measurement of content that was taken back into a failure that says so."""
    buried = _digests(takedowns)
    for clip, entry in list(done.entries.items()):
        info = media.MediaInfo.read(entry.path)
        known = sorted(buried & {info.digest, info.source_digest})
        if known:
            done.entries.pop(clip)
            done.failures[clip] = _replace(store, entry.key, known[0])


def reconsider(
    store: Store, step: Step, jobs: Sequence[Job], takedowns: Iterable[Takedown]
) -> None:
    """Forget that content was withdrawn where no row of the takedowns says so any more."""
    said = {f"{_SAME}{digest[:_SHOWN]}" for digest in _digests(takedowns)}
    for job in jobs:
        key = step.key(job.digest)
        found = store.find(STEP, key)
        withdrawn = isinstance(found, Failure) and found.reason is Reason.WITHDRAWN
        if withdrawn and found.detail not in said:
            store.forget(STEP, key)


def _digests(takedowns: Iterable[Takedown]) -> set[str]:
    return {digest for taken in takedowns for digest in taken.digest}


def _replace(store: Store, key: str, digest: str) -> Failure:
    # No more of the digest than tells it from others: a search for the whole of it finds no trace.
    error = ClipFailed(Reason.WITHDRAWN, f"{_SAME}{digest[:_SHOWN]}")
    store.forget(STEP, key)
    with suppress(ClipFailed), store.publish(STEP, key):
        raise error
    return Failure.of(error)
