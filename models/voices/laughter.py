"""Laughter made of a voice that cries: short bursts of it, one breath after another.

    laughing(voice, 6.0, rng)      # (96000,), other bursts, rates and pauses every time

What is known of infants' laughter: bouts of a few bursts, three to seven a second, each short and
of its own pitch, slower and softer towards the end, breath between them and pauses to draw it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE = 16000
_EDGE = 160

Array = NDArray[np.float32]


def laughing(voice: Array, span_s: float, rng: np.random.Generator) -> Array:
    """Let a voice (n,) laugh for `span_s`."""
    sounding = _sounding(voice)
    track = np.zeros(round(span_s * RATE), np.float32)
    rate_hz, duty, breath_db = rng.uniform(3.0, 7.0), rng.uniform(0.3, 0.75), rng.uniform(-35, -12)
    at_s = rng.uniform(0, 0.5)
    while at_s < span_s:
        for number in range(1 + rng.poisson(rng.uniform(2, 7))):
            step_s = rng.normal(1, 0.12) * (1 + 0.03 * number) / rate_hz
            burst = _burst(sounding, max(0.03, duty * step_s), rng)
            _add(track, at_s, burst * np.float32(0.93**number * rng.uniform(0.6, 1.0)))
            rest = _breath(max(0.02, (1 - duty) * step_s), rng)
            _add(track, at_s + duty * step_s, rest * np.float32(10 ** (breath_db / 20)))
            at_s += step_s
        if rng.random() < 0.3:
            _add(track, at_s + 0.05, _burst(sounding, rng.uniform(0.15, 0.6), rng))
        at_s += rng.exponential(0.4) + 0.15
    return track


def _sounding(voice: Array) -> Array:
    levels = np.abs(voice[: len(voice) // _EDGE * _EDGE]).reshape(-1, _EDGE).max(1)
    loud = voice[: len(levels) * _EDGE][np.repeat(levels > 0.15 * levels.max(), _EDGE)]
    return loud if len(loud) > RATE else np.resize(loud, RATE)


def _burst(sounding: Array, span_s: float, rng: np.random.Generator) -> Array:
    """A piece of the voice that glides, rises fast and dies away."""
    samples = round(span_s * RATE)
    octaves = rng.uniform(-0.4, 0.4) + rng.uniform(-0.5, 0.3) * np.linspace(0, 1, samples)
    places = np.cumsum(2**octaves)
    start = rng.integers(0, max(1, len(sounding) - int(places[-1]) - 2))
    piece = np.interp(start + places, np.arange(len(sounding)), sounding)
    along = np.linspace(0, 1, samples)
    shape = np.minimum(along / rng.uniform(0.08, 0.35), 1) * (1 - along) ** rng.uniform(0.3, 1.2)
    size = 0.3 / max(float(np.abs(piece).max()), 1e-3)
    return np.asarray(size * piece * shape, np.float32)


def _breath(span_s: float, rng: np.random.Generator) -> Array:
    noise = rng.standard_normal(max(2, round(span_s * RATE)), np.float32)
    return np.asarray(
        0.2 * np.convolve(noise, [0.6, 0.4], "same") * np.hanning(len(noise)), np.float32
    )


def _add(track: Array, at_s: float, part: Array) -> None:
    start = round(at_s * RATE)
    room = track[start : start + len(part)]
    room += part[: len(room)]
