"""What a vocalization sounds like in numbers: rhythm, pitch and colour of one event.

    embed(stem, f0_hz, start_s, end_s)["rate_hz"]     bursts a second, by name
    vector(...)                                       the same as one row, in the order of `NAMES`

Nothing in it depends on level, on what lies above 3.8 kHz (phones keep none of it), or on any
network, so that what was learned over these numbers outlives the networks before it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from pipeline.voice.backends import RATE, TRACK_HZ, Samples, Track

CONTEXT_S = 2.0
"""A shorter event is heard with what is around it: one giggle has no rhythm."""

_FRAME, _HOP = 512, round(RATE / TRACK_HZ)
_LOW_HZ, _HIGH_HZ, _BANDS = 200.0, 3800.0, 16
_RANGE_DB = 30.0
_LOUD_DB = -12.0
_MODULATION_HZ = (0.5, 1.2, 2.0, 2.8, 3.6, 4.4, 5.4, 6.6, 9.0, 14.0)
_COLOURS = 6

Floats = NDArray[np.float64]

NAMES = (
    *(f"modulation_{low:g}_hz" for low in _MODULATION_HZ[:-1]),
    "modulation_depth_db",
    "loud_share",
    "burst_s",
    "rate_hz",
    "f0_octaves",
    "f0_range_octaves",
    "f0_slope_octaves_s",
    "f0_step_octaves",
    "voiced_share",
    "flatness",
    "flux_db",
    *(f"colour_{number}" for number in range(_COLOURS)),
    *(f"colour_spread_{number}" for number in range(_COLOURS)),
)


def vector(stem: Samples, f0_hz: Track, start_s: float, end_s: float) -> NDArray[np.float32]:
    """Numbers (len(NAMES),) of the event of an infant's stem (n,) at 16 kHz; see `embed`."""
    found = embed(stem, f0_hz, start_s, end_s)
    return np.array([found[name] for name in NAMES], np.float32)


def embed(stem: Samples, f0_hz: Track, start_s: float, end_s: float) -> Mapping[str, float]:
    """Numbers of one event by name.

    Args:
        stem: the infant's part (n,) at 16 kHz.
        f0_hz: its pitch (T,) at `TRACK_HZ`, nan where there is none.
        start_s: when the event begins.
        end_s: when it ends.
    """
    first, last = _window(start_s, end_s, len(f0_hz))
    bands = _bands_db(stem, first, last)
    levels = 10 * np.log10((10 ** (bands / 10)).sum(1))
    levels = np.maximum(levels - levels.max(), -_RANGE_DB)
    loud = levels > _LOUD_DB
    return {
        **_rhythm(levels, loud),
        **_melody(f0_hz[first:last].astype(np.float64), loud),
        **_colour(bands, levels > -_RANGE_DB / 2),
    }


def _window(start_s: float, end_s: float, steps: int) -> tuple[int, int]:
    missing = max(0.0, CONTEXT_S - (end_s - start_s)) / 2
    first = max(0, round((start_s - missing) * TRACK_HZ))
    last = min(steps, round((end_s + missing) * TRACK_HZ))
    return min(first, max(0, last - 1)), last


def _bands_db(stem: Samples, first: int, last: int) -> Floats:
    """Levels (last - first, bands) in dB of mel bands between 200 and 3800 Hz."""
    start = first * _HOP - _FRAME // 2
    wanted = (last - first - 1) * _HOP + _FRAME
    part = stem[max(0, start) : max(0, start + wanted)]
    part = np.pad(part, (max(0, -start), 0))
    part = np.pad(part, (0, max(0, wanted - len(part))))
    frames = np.lib.stride_tricks.sliding_window_view(part, _FRAME)[::_HOP]
    power = np.abs(fft.rfft(frames * np.hanning(_FRAME), axis=1)) ** 2
    return np.asarray(10 * np.log10(power @ _FILTERS + 1e-9))


def _filters() -> Floats:
    low, high = 2595 * np.log10(1 + np.array([_LOW_HZ, _HIGH_HZ]) / 700)
    edges = 700 * (10 ** (np.linspace(low, high, _BANDS + 2) / 2595) - 1)
    hz = np.fft.rfftfreq(_FRAME, 1 / RATE)[:, None]
    rise = (hz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - hz) / (edges[2:] - edges[1:-1])
    return np.maximum(0, np.minimum(rise, fall))


_FILTERS = _filters()


def _rhythm(levels: Floats, loud: NDArray[np.bool_]) -> dict[str, float]:
    """The modulation spectrum of the level (T,), and its bursts."""
    span_s = len(levels) / TRACK_HZ
    size = max(512, 1 << (len(levels) - 1).bit_length())
    swing = (levels - levels.mean()) * np.hanning(len(levels))
    power = np.abs(np.fft.rfft(swing, size)) ** 2
    hz = np.fft.rfftfreq(size, 1 / TRACK_HZ)
    edges = itertools.pairwise(_MODULATION_HZ)
    shares = [power[(hz >= low) & (hz < high)].sum() for low, high in edges]
    total = max(sum(shares), 1e-9)
    bursts = int((np.diff(np.pad(loud.astype(int), 1)) > 0).sum())
    names = NAMES[: len(shares)]
    return {
        **{
            name: float(np.log10(share / total + 1e-3))
            for name, share in zip(names, shares, strict=True)
        },
        "modulation_depth_db": float(levels.std()),
        "loud_share": float(loud.mean()),
        "burst_s": float(loud.sum() / TRACK_HZ / max(bursts, 1)),
        "rate_hz": bursts / span_s,
    }


def _melody(f0_hz: Floats, loud: NDArray[np.bool_]) -> dict[str, float]:
    """Median, range, slope and restlessness of the pitch; zeros where there is hardly any."""
    known = ~np.isnan(f0_hz)
    share = float((known & loud).sum() / max(1, loud.sum()))
    octaves = np.log2(f0_hz[known] / 400.0)
    if len(octaves) < 3:
        return dict.fromkeys(NAMES[13:17], 0.0) | {"voiced_share": share}
    times = np.flatnonzero(known) / TRACK_HZ
    neighbours = np.diff(np.flatnonzero(known)) == 1
    steps = np.abs(np.diff(octaves))[neighbours]
    low, high = np.quantile(octaves, [0.1, 0.9])
    return {
        "f0_octaves": float(np.median(octaves)),
        "f0_range_octaves": float(high - low),
        "f0_slope_octaves_s": slope(times, octaves),
        "f0_step_octaves": float(np.median(steps)) if len(steps) else 0.0,
        "voiced_share": share,
    }


def slope(times: Floats, values: Floats) -> float:
    """Least-squares slope of values over times."""
    centred = times - times.mean()
    return float(centred @ values / max(float(centred @ centred), 1e-9))


def _colour(bands: Floats, sounding: NDArray[np.bool_]) -> dict[str, float]:
    """Mean and spread of the cepstrum where it sounds, how flat it is, how fast it changes."""
    heard = bands[sounding]
    cepstra = fft.dct(heard, norm="ortho", axis=1)[:, 1 : _COLOURS + 1]
    mean, spread = cepstra.mean(0), cepstra.std(0)
    linear = 10 ** (heard / 10)
    flat = heard.mean(1) - 10 * np.log10(linear.mean(1))
    change = np.abs(np.diff(heard - heard.mean(1, keepdims=True), axis=0))
    return {
        "flatness": float(flat.mean()),
        "flux_db": float(change.mean()) if len(change) else 0.0,
        **{f"colour_{n}": float(mean[n]) for n in range(_COLOURS)},
        **{f"colour_spread_{n}": float(spread[n]) for n in range(_COLOURS)},
    }
