"""What a clip looks and sounds like, in a few kB: enough to know it again, and to show nothing.

    print.npz    pictures (n, windows) uint64, marks (m,) uint32, times (m,) uint32

Pictures are as `media.looks` tells. A mark of the sound is a pair of peaks of the spectrogram, so
neither a level nor a codec changes it; its time is that of the first peak.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import media

FILE = "print.npz"
TIMES_A_SECOND = 50
"""Spectra of the sound."""
_RATE_HZ = 16_000
_SPECTRUM = 1024
_FLOOR_DB = 60.0
_LOWEST = 8
_NEAR_BINS, _NEAR_TIMES = 10, 5
_FAN = 8
_AHEAD = 63
_ASIDE = 96

Marks = NDArray[np.uint32]


@dataclass(frozen=True)
class Fingerprint:
    """What one clip looks and sounds like."""

    pictures: media.Looks
    """(n, windows), as `media.read_looks` gives them."""
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
    """The fingerprint of the normalised media in `folder`."""
    sound, rate_hz = media.read_sound(folder / media.SOUND_16K)
    assert rate_hz == _RATE_HZ
    marks, times = of_sound(sound)
    return Fingerprint(media.read_looks(folder), marks, times)


def of_sound(samples: NDArray[np.float32]) -> tuple[Marks, Marks]:
    """Marks and their times, ascending, of mono sound at 16 kHz."""
    bins, times = _peaks(_spectra_db(samples))
    first, second = _pairs(bins, times)
    later = times[second] - times[first]
    marks = (bins[first] // 2) << 16 | (bins[second] // 2) << 6 | later
    order = np.lexsort((times[first], marks))
    return marks[order].astype(np.uint32), times[first][order].astype(np.uint32)


def _spectra_db(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    from scipy import fft

    hop = _RATE_HZ // TIMES_A_SECOND
    padded = np.pad(samples, (0, _SPECTRUM))
    pieces = np.lib.stride_tricks.sliding_window_view(padded, _SPECTRUM)[::hop]
    window = np.hanning(_SPECTRUM).astype(np.float32)
    level = np.abs(fft.rfft(pieces * window, axis=1))
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
    # Of peaks at one time none follows another.
    begins = np.searchsorted(times, times, "right").tolist()
    ends = np.searchsorted(times, times + _AHEAD, "right").tolist()
    found = [np.zeros(0, np.int64)]
    for height, begin, end in zip(bins.tolist(), begins, ends, strict=True):
        aside = np.abs(bins[begin:end] - height)
        found.append(np.flatnonzero(aside <= _ASIDE)[:_FAN] + begin)
    return np.repeat(np.arange(len(bins)), list(map(len, found[1:]))), np.concatenate(found)
