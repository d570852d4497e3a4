"""Sound as it comes, from a file, a WAV stream or raw samples: mono at 16 kHz in pieces.

with opened(Path("cry.wav")) as sound:
    for piece in sound: ...           # (n,) float32 at 16 kHz

sound = streamed(sys.stdin.buffer)    # a WAV, or raw 16 bit where its rate is told
sound.troubles                        # after the end: what was wrong with it
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from math import gcd
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.signal import firwin, resample_poly

from pipeline.core.errors import CradleError
from pipeline.generator.features import RATE_HZ

Floats = NDArray[np.float32]

PIECE_S = 5.0
"""Of a file at a time."""
RATES_HZ = (4_000, 384_000)
MOST_CHANNELS = 64
_AT_ONCE = 1 << 14
_LONGEST_HEADER = 1 << 20
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_UNKNOWN_SIZES = (0, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
"""What writers put for the length of a stream that has not ended."""


class SoundError(CradleError):
    """What came is not sound, or not enough of it."""


class Bytes(Protocol):
    """An open stream of bytes, such as sys.stdin.buffer."""

    def read(self, size: int, /) -> bytes:
        """So many bytes; fewer only at the end."""

    def read1(self, size: int, /) -> bytes:
        """As many as are there, at most so many; none only at the end."""


class Resampler:
    """Brings a mono sound to 16 kHz piece by piece, as if it were whole (a windowed sinc).

    A sample waits for 10 samples of the lower rate after it, under 3 ms.
    """

    def __init__(self, rate_hz: int) -> None:
        shared = gcd(rate_hz, RATE_HZ)
        self._up, self._down = RATE_HZ // shared, rate_hz // shared
        most = max(self._up, self._down)
        self._reach = -(-10 * most // self._up)
        self._filter = firwin(20 * most + 1, 1 / most, window=("kaiser", 5.0)) if most > 1 else None
        self._sound = np.zeros(0, np.float32)
        self._start = self._done = 0

    def push(self, sound: Floats) -> Floats:
        """Take (n,) more samples; the resampled ones that no later sample can change."""
        if self._filter is None:
            return sound
        self._sound = np.concatenate([self._sound, sound])
        known = self._start + len(self._sound) - self._reach
        return self._until(max(self._done, known * self._up // self._down))

    def finish(self) -> Floats:
        """Take it that there are no more samples."""
        return self._until(-(-(self._start + len(self._sound)) * self._up // self._down))

    def _until(self, stop: int) -> Floats:
        if self._filter is None or stop <= self._done:
            return np.zeros(0, np.float32)
        made = resample_poly(
            self._sound.astype(np.float64), self._up, self._down, window=self._filter
        )
        first = self._start * self._up // self._down
        piece = made[self._done - first : stop - first].astype(np.float32)
        self._done = stop
        needed = self._done * self._down // self._up - self._reach
        start = max(self._start, needed // self._down * self._down)
        self._sound, self._start = self._sound[start - self._start :].copy(), start
        return piece


def opened_pieces(pieces: Iterator[NDArray], rate_hz: int) -> Iterator[Floats]:
    """Bring pieces (n,) or (n, channels) to mono at 16 kHz; what is no number counts as silence."""
    resampler = Resampler(rate_hz)
    for piece in pieces:
        mono = piece.mean(axis=1, dtype=np.float32) if piece.ndim == 2 else piece
        mono = np.nan_to_num(mono.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
        yield resampler.push(mono)
    yield resampler.finish()


@contextmanager
def opened(path: Path) -> Iterator[Iterator[Floats]]:
    """Open a sound file of any length; it is never held whole.

    Raises:
        SoundError: it is not there, or not sound.
    """
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            _check(str(path), file.samplerate, file.channels)
            blocks = file.blocks(round(PIECE_S * file.samplerate), dtype="float32", always_2d=True)
            yield opened_pieces(blocks, file.samplerate)
    except soundfile.LibsndfileError as error:
        raise SoundError(f"{path}: {error}") from None


class Streamed:
    """Sound from a stream of bytes; iterate once."""

    def __init__(self, bytes_: Bytes, name: str, raw_rate_hz: int | None = None) -> None:
        """Read the header.

        Args:
            bytes_: a WAV from its first byte on, or raw samples.
            name: what to call it in an error.
            raw_rate_hz: of raw samples, which are 16 bit, little-endian, one channel; None for WAV.

        Raises:
            SoundError: it is not a WAV, or one of a kind that is not known.
        """
        self.troubles: list[str] = []
        self._bytes, self._name = bytes_, name
        if raw_rate_hz is None:
            self.rate_hz, self._channels, self._kind, self._left = _header(bytes_, name)
        else:
            self.rate_hz, self._channels, self._kind, self._left = raw_rate_hz, 1, "<i2", None
        _check(name, self.rate_hz, self._channels)

    def __iter__(self) -> Iterator[Floats]:
        """Yield mono pieces at 16 kHz as they come; afterwards `troubles` says what was wrong."""
        yield from opened_pieces(self._pieces(), self.rate_hz)

    def _pieces(self) -> Iterator[NDArray]:
        width = _width(self._kind) * self._channels
        rest = b""
        while self._left is None or self._left > 0:
            try:
                came = self._bytes.read1(min(self._left or _AT_ONCE, _AT_ONCE))
            except OSError as error:
                self.troubles.append(f"{self._name} broke off: {error}")
                return
            if not came:
                break
            self._left = None if self._left is None else self._left - len(came)
            rest += came
            whole = len(rest) // width * width
            if whole:
                yield _samples(rest[:whole], self._kind).reshape(-1, self._channels)
            rest = rest[whole:]
        self._note(len(rest))

    def _note(self, rest: int) -> None:
        if self._left:
            words = f"ended {self._left} bytes before its header said it would"
            self.troubles.append(f"{self._name} {words}")
        elif rest:
            self.troubles.append(f"{self._name} ended in the middle of a sample")


def _header(bytes_: Bytes, name: str) -> tuple[int, int, str, int | None]:
    """Read a WAV up to its samples: rate, channels, kind of number, bytes that follow."""
    start = bytes_.read(12)
    if not start:
        raise SoundError(f"{name}: nothing came; send a WAV, or raw samples with --raw-rate")
    if start[:4] not in (b"RIFF", b"RF64") or start[8:12] != b"WAVE":
        raise SoundError(
            f"{name}: begins with {start[:12]!r}, which is no WAV; for raw 16 bit samples of one "
            f"channel say their rate with --raw-rate"
        )
    known: tuple[int, int, str] | None = None
    read = 0
    while True:
        chunk = bytes_.read(8)
        if len(chunk) < 8:
            raise SoundError(f"{name}: the WAV ended before its samples began")
        size = struct.unpack("<I", chunk[4:])[0]
        if chunk[:4] == b"data":
            if known is None:
                raise SoundError(f"{name}: the WAV does not say what its samples are")
            return *known, None if size in _UNKNOWN_SIZES or start[:4] == b"RF64" else size
        read += size
        if read > _LONGEST_HEADER:
            raise SoundError(f"{name}: no samples in the first {_LONGEST_HEADER} bytes of the WAV")
        body = bytes_.read(size + size % 2)
        if chunk[:4] == b"fmt ":
            known = _format(body, name)


def _format(body: bytes, name: str) -> tuple[int, int, str]:
    if len(body) < 16:
        raise SoundError(f"{name}: the WAV ended before its samples began")
    tag, channels, rate_hz, _, _, bits = struct.unpack("<HHIIHH", body[:16])
    if tag == _EXTENSIBLE and len(body) >= 26:
        tag = struct.unpack("<H", body[24:26])[0]
    kinds = {
        (_PCM, 8): "u1",
        (_PCM, 16): "<i2",
        (_PCM, 24): "i3",
        (_PCM, 32): "<i4",
        (_FLOAT, 32): "<f4",
        (_FLOAT, 64): "<f8",
    }
    if (tag, bits) not in kinds:
        raise SoundError(
            f"{name}: a WAV of format {tag} with {bits} bits; 8, 16, 24 or 32 bit PCM and 32 or 64 "
            f"bit float are known"
        )
    return rate_hz, channels, kinds[tag, bits]


def _check(name: str, rate_hz: int, channels: int) -> None:
    low, high = RATES_HZ
    if not low <= rate_hz <= high:
        raise SoundError(f"{name}: {rate_hz} Hz; from {low} to {high} are allowed")
    if not 1 <= channels <= MOST_CHANNELS:
        raise SoundError(f"{name}: {channels} channels; from 1 to {MOST_CHANNELS} are allowed")


def _width(kind: str) -> int:
    return int(kind[-1])


def _samples(content: bytes, kind: str) -> Floats:
    """Decode samples to -1..1."""
    if kind == "i3":
        low = np.frombuffer(content, np.uint8).reshape(-1, 3)
        wide = np.pad(low, ((0, 0), (1, 0))).copy().view("<i4")[:, 0]
        return (wide / 2.0**31).astype(np.float32)
    values = np.frombuffer(content, kind)
    if kind == "u1":
        return ((values.astype(np.float32) - 128) / 128).astype(np.float32)
    if kind in ("<i2", "<i4"):
        return (values / 2.0 ** (8 * _width(kind) - 1)).astype(np.float32)
    return values.astype(np.float32)
