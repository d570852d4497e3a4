"""Sound of any length in constant memory: worked on in pieces, wherever the blocks end."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import tee
from math import gcd

import numpy as np

from pipeline.voice.backends import RATE, Wave


@dataclass(frozen=True)
class Piece:
    """What is heard of a sound at a time (n,), and from where to where of it is asked for."""

    heard: Wave
    first: int
    last: int

    def __len__(self) -> int:
        """How many samples are asked for."""
        return self.last - self.first

    @property
    def ends(self) -> bool:
        """Whether all is asked for until where nothing more is heard."""
        return self.last == len(self.heard)


Work = Callable[[Piece], Wave]
"""What is made of that of a piece which is asked for."""
Stream = Callable[[Iterable[Wave], Work], Iterator[Wave]]
"""One of the ways below to cut a sound."""

_FILTER = 64


def with_margins(blocks: Iterable[Wave], work: Work, chunk: int, margin: int) -> Iterator[Wave]:
    """Work through a sound in chunks of `chunk` samples that hear `margin` more on each side.

    Where `work` hears no further than that, the chunks together are what it gives of the whole.
    """
    source = iter(blocks)
    held, before, last = np.zeros(0, np.float32), 0, False
    while not last:
        held, ended = _filled(held, source, before + chunk + margin)
        last = ended and len(held) <= before + chunk + margin
        heard = held[: before + chunk + margin]
        if len(heard) > before:
            yield work(Piece(heard, before, len(heard) if last else before + chunk))
        gone = max(0, before + chunk - margin)
        held, before = held[gone:], before + chunk - gone


def overlapped(blocks: Iterable[Wave], work: Work, chunk: int, hop: int) -> Iterator[Wave]:
    """Work through a sound in chunks that start every `hop` samples and fade into one another.

    For what hears the whole of its chunk: how it is cut is then part of what it is. After its end
    the sound counts as silent.
    """
    fade = np.minimum(np.arange(1, chunk + 1), np.arange(chunk, 0, -1)).astype(np.float32)
    source = iter(blocks)
    held, total, weight = (np.zeros(n, np.float32) for n in (0, chunk, chunk))
    last = False
    while not last:
        held, ended = _filled(held, source, chunk)
        last = ended and len(held) <= hop
        heard = held[:chunk]
        total += fade * work(Piece(np.pad(heard, (0, chunk - len(heard))), 0, chunk))
        weight += fade
        yield (total[:hop] / weight[:hop])[: len(held)]
        held = held[hop:]
        total, weight = (np.pad(x[hop:], (0, hop)) for x in (total, weight))


def together(
    sounds: Sequence[Wave], stream: Stream, work: Callable[[Sequence[Piece]], Sequence[Wave]]
) -> list[Wave]:
    """Work through sounds (n,) as `stream` would through each, but on all their pieces at a time.

    `work` gives for each piece what the work of one would give.
    """
    asked: list[Piece] = []

    def note(piece: Piece) -> Wave:
        # How a sound is cut does not depend on what is made of it.
        asked.append(piece)
        return np.zeros(len(piece), np.float32)

    for sound in sounds:
        deque(stream([sound], note), maxlen=0)
    made = iter(work(asked))
    return [whole(stream([sound], lambda _: next(made))) for sound in sounds]


def whole(pieces: Iterable[Wave]) -> Wave:
    """All pieces (n,) as one."""
    return np.concatenate([*pieces, np.zeros(0, np.float32)])


def resampled(blocks: Iterable[Wave], rate: int) -> Iterator[Wave]:
    """A sound at `rate` Hz at that of this domain."""
    if rate == RATE:
        yield from blocks
        return
    # Here, not above: it takes a second to load, and stages ask this domain what it is first.
    from scipy.signal import resample_poly

    common = gcd(rate, RATE)
    up, down = RATE // common, rate // common
    margin = -(-_FILTER * max(up, down) // up // down) * down

    def work(piece: Piece) -> Wave:
        made = np.asarray(resample_poly(piece.heard, up, down), np.float32)
        return made[piece.first * up // down : None if piece.ends else piece.last * up // down]

    yield from with_margins(blocks, work, max(1, 10 * rate // down) * down, margin)


def beside(
    blocks: Iterable[Wave], stream: Callable[[Iterable[Wave]], Iterator[Wave]]
) -> Iterator[tuple[Wave, Wave]]:
    """What a sound is (n,) and what `stream` makes of it (n,), piece by piece."""
    given, kept = tee(blocks)
    held = np.zeros(0, np.float32)
    for made in stream(given):
        held, _ = _filled(held, kept, len(made))
        yield held[: len(made)], made
        held = held[len(made) :]


def _filled(held: Wave, source: Iterator[Wave], wanted: int) -> tuple[Wave, bool]:
    """Take blocks until there are more samples than `wanted`; whether the source has ended."""
    parts, have = [held], len(held)
    while have <= wanted:
        block = next(source, None)
        if block is None:
            return np.concatenate(parts), True
        parts.append(block)
        have += len(block)
    return np.concatenate(parts), False
