"""What a clip looks and sounds like, in a few kB: enough to know it again, and to show nothing.

    print.npz    pictures (n, windows) uint64, marks (m,) uint32, times (m,) uint32

A picture, every `EVERY`th, is the signs of its first cosines, over the whole frame and over windows
into it: what somebody cut the edges off is like a window. A mark of the sound is a pair of peaks of
the spectrogram, so neither a level nor a codec changes it; its time is that of the first peak.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import media

FILE = "print.npz"
EVERY = 5
"""Of the frames, which are 30 a second."""
TIMES_A_SECOND = 50
"""Spectra of the sound."""
_SIDE_PX = 64
_COSINES = 8
_RATE_HZ = 16_000
_SPECTRUM = 1024
_FLOOR_DB = 60.0
_LOWEST = 8
_NEAR_BINS, _NEAR_TIMES = 10, 5
_FAN = 8
_AHEAD = 63
_ASIDE = 96

Pictures = NDArray[np.uint64]
Marks = NDArray[np.uint32]


@dataclass(frozen=True)
class Fingerprint:
    """What one clip looks and sounds like."""

    pictures: Pictures
    """(n, windows): of every `EVERY`th frame; the first window is the whole frame."""
    marks: Marks
    """(m,): pairs of peaks, ascending."""
    times: Marks
    """(m,): when each pair begins, `TIMES_A_SECOND`."""

    @classmethod
    def read(cls, folder: Path) -> Fingerprint:
        """Read what `measure` left in `folder`."""
        with np.load(folder / FILE) as file:
            return cls(file["pictures"], file["marks"], file["times"])


def measure(out: Path, inputs: Mapping[str, Any]) -> None:
    """Write the fingerprint of normalised media into `out`.

    Args:
        out: an empty folder.
        inputs: `media`, the folder that `media.normalise` wrote.
    """
    found = fingerprint(Path(inputs["media"]))
    with (out / FILE).open("wb") as file:
        np.savez(file, pictures=found.pictures, marks=found.marks, times=found.times)


def fingerprint(folder: Path) -> Fingerprint:
    """The fingerprint of the normalised media in `folder`.

    Raises:
        ClipFailed: they cannot be decoded.
    """
    sound, rate_hz = media.read_sound(folder / media.SOUND_16K)
    assert rate_hz == _RATE_HZ
    frames = media.read_frames(folder / media.VIDEO, (_SIDE_PX, _SIDE_PX), EVERY)
    marks, times = of_sound(sound)
    return Fingerprint(of_pictures(frames), marks, times)


def of_pictures(frames: Iterable[NDArray[np.uint8]]) -> Pictures:
    """The signs of the first cosines of frames, each (64, 64, 3), over every window."""
    across, down = _windows()
    grey = np.array([frame.mean(axis=2) for frame in frames]).reshape(-1, 1, _SIDE_PX, _SIDE_PX)
    found = down @ grey @ across.transpose(0, 2, 1)
    bits = (found > 0).reshape(len(grey), len(across), _COSINES**2)
    # The mean brightness has no sign.
    bits[..., 0] = False
    return np.packbits(bits, axis=-1).view(np.uint64)[..., 0]


@cache
def _windows() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cosines (windows, 8, 64) across and down; the first window is the whole."""
    spans = [((0.0, 1.0), (0.0, 1.0))]
    for share in (0.9, 0.8):
        places = [(start, start + share) for start in (0.0, (1 - share) / 2, 1 - share)]
        spans += [(x, y) for x in places for y in places]
        spans += [(x, (0.0, 1.0)) for x in places] + [((0.0, 1.0), y) for y in places]
    across = np.stack([_cosines(*x) for x, _ in spans])
    down = np.stack([_cosines(*y) for _, y in spans])
    return across, down


def _cosines(start: float, end: float) -> NDArray[np.float64]:
    """The first cosines (8, 64) over a part of the side, each pixel weighed by its share in it."""
    edges = np.linspace(0, 1, _SIDE_PX + 1)
    inside = np.clip((edges - start) / (end - start), 0, 1)
    order = np.arange(1, _COSINES)[:, None]
    waves = np.diff(np.sin(np.pi * order * inside), axis=1) / (np.pi * order)
    return np.vstack([np.diff(inside)[None], waves])


def of_sound(samples: NDArray[np.float32]) -> tuple[Marks, Marks]:
    """Marks and their times, ascending, of mono sound at 16 kHz."""
    bins, times = _peaks(_spectra_db(samples))
    first, second = _pairs(bins, times)
    later = times[second] - times[first]
    marks = (bins[first] // 2) << 16 | (bins[second] // 2) << 6 | later
    order = np.lexsort((times[first], marks))
    return marks[order].astype(np.uint32), times[first][order].astype(np.uint32)


def _spectra_db(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    hop = _RATE_HZ // TIMES_A_SECOND
    padded = np.pad(samples, (0, _SPECTRUM))
    pieces = np.lib.stride_tricks.sliding_window_view(padded, _SPECTRUM)[::hop]
    window = np.hanning(_SPECTRUM).astype(np.float32)
    level = np.abs(np.fft.rfft(pieces * window, axis=1)).astype(np.float32)
    return 20 * np.log10(level + 1e-6)


def _peaks(level: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    from scipy.ndimage import maximum_filter

    around = maximum_filter(level, (2 * _NEAR_TIMES + 1, 2 * _NEAR_BINS + 1))
    loud = level > max(float(level.max()) - _FLOOR_DB, -60.0)
    loud[:, :_LOWEST] = False
    times, bins = np.nonzero((level == around) & loud)
    return bins, times


def _pairs(
    bins: NDArray[np.int64], times: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each peak with the next few that follow it nearby."""
    first, second = [], []
    for start in range(len(bins)):
        end = int(np.searchsorted(times, times[start] + _AHEAD, "right"))
        ahead = np.arange(start + 1, end)
        near = (np.abs(bins[ahead] - bins[start]) <= _ASIDE) & (times[ahead] > times[start])
        chosen = ahead[near][:_FAN]
        first += [start] * len(chosen)
        second += list(chosen)
    return np.array(first, np.int64), np.array(second, np.int64)
