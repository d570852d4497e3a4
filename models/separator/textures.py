"""Noises of no particular thing: any source, shaped by any resonances, in any rhythm.

The nursery's noises are six things that its homes hold; a network that has heard only those takes
every other sound for a voice. Here steps, rain, engines, barks, birds, coughs, keys and what has no
name come from one recipe with random parts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import gaussian_filter1d

RATE = 16000

Array = NDArray[np.float32]


def texture(span_s: float, rng: np.random.Generator) -> Array:
    """One noise, (round(span_s * RATE),), loudest 0.5."""
    samples = round(span_s * RATE)
    wave = _layer(samples, rng)
    for _ in range(int(rng.integers(0, 3))):
        wave = wave + rng.uniform(0.1, 1.0) * _layer(samples, rng)
    return (0.5 * wave / max(float(np.abs(wave).max()), 1e-9)).astype(np.float32)


def _layer(samples: int, rng: np.random.Generator) -> NDArray:
    source = _SOURCES[rng.integers(len(_SOURCES))](samples, rng)
    shaped = fft.irfft(fft.rfft(source) * _resonances(samples, rng), samples)
    wave = shaped * _RHYTHMS[rng.integers(len(_RHYTHMS))](samples, rng)
    return wave / max(float(wave.std()), 1e-9)


def _rush(samples: int, rng: np.random.Generator) -> NDArray:
    return rng.standard_normal(samples)


def _crackle(samples: int, rng: np.random.Generator) -> NDArray:
    """Impulses at random times, from single clicks to rain."""
    wave = np.zeros(samples)
    count = max(1, int(10 ** rng.uniform(0, 3.3) * samples / RATE))
    wave[rng.integers(0, samples, count)] = rng.laplace(size=count)
    return wave


def _motor(samples: int, rng: np.random.Generator) -> NDArray:
    """Harmonics of a turning thing whose speed wanders a little."""
    turn_hz = 10 ** rng.uniform(1.3, 2.6) * (1 + _wander(samples, rng, 0.8, rng.uniform(0, 0.1)))
    return _harmonics(turn_hz, rng.uniform(0.2, 1.2), rng) + 0.1 * rng.standard_normal(samples)


def _animal(samples: int, rng: np.random.Generator) -> NDArray:
    """Calls below or above an infant's: barks, moos, crows, birds; rough or pure."""
    low = rng.random() < 0.5
    base_hz = rng.uniform(70, 260) if low else rng.uniform(1400, 5000)
    glide = _wander(samples, rng, 10 ** rng.uniform(-1.5, -0.3), rng.uniform(0.02, 0.4))
    tone = _harmonics(base_hz * np.exp(glide), rng.uniform(0.3, 1.5), rng)
    return tone + rng.uniform(0, 0.8) * tone.std() * rng.standard_normal(samples)


def _harmonics(f0_hz: NDArray, fall: float, rng: np.random.Generator) -> NDArray:
    phase = 2 * np.pi * np.cumsum(f0_hz) / RATE
    count = int(np.clip(7600 / np.max(f0_hz), 1, 24))
    wave = np.zeros(len(f0_hz))
    for k in range(1, count + 1):
        wave += rng.uniform(0.2, 1) / k**fall * np.sin(k * phase + rng.uniform(0, 6.3))
    return wave


def _resonances(samples: int, rng: np.random.Generator) -> NDArray:
    """Gain over frequency: a slope, wide bumps, and sometimes sharp modes."""
    hz = np.linspace(0, RATE / 2, samples // 2 + 1)
    octaves = np.log2(np.maximum(hz, 50) / 50)
    gain_db = -rng.uniform(-3, 6) * octaves
    gain_db += np.interp(octaves, np.linspace(0, 7.4, 10), rng.normal(0, 7, 10))
    gain = 10 ** (gain_db / 20)
    for _ in range(int(rng.integers(0, 6))):
        centre, width = 10 ** rng.uniform(2, 3.85), 10 ** rng.uniform(0.7, 2.5)
        gain *= 1 + rng.uniform(1, 15) / (1 + ((hz - centre) / width) ** 2)
    return gain


def _steady(samples: int, rng: np.random.Generator) -> NDArray:
    return np.exp(_wander(samples, rng, 10 ** rng.uniform(-2, 0.3), rng.uniform(0, 0.6)))


def _repeated(samples: int, rng: np.random.Generator) -> NDArray:
    """Regular blows or strokes: steps, clocks, knocks, brushing, breathing."""
    period = int(RATE * 10 ** rng.uniform(-1.1, 0.2))
    track = np.zeros(samples)
    for at in range(int(rng.integers(0, period)), samples, period):
        jitter = int(rng.normal(0, 0.06) * period)
        _strike(track, max(0, at + jitter), 0.5 * period / RATE, rng.uniform(0.5, 1), rng)
    return track


def _scattered(samples: int, rng: np.random.Generator) -> NDArray:
    """Bursts at random times: coughs, barks, things that fall."""
    track = np.zeros(samples)
    long_s = 10 ** rng.uniform(-1.7, 0)
    for _ in range(1 + rng.poisson(rng.uniform(0.3, 3) * samples / RATE)):
        _strike(track, int(rng.integers(0, samples)), long_s, rng.uniform(0.2, 1), rng)
    return track


def _strike(track: NDArray, at: int, long_s: float, loud: float, rng: np.random.Generator) -> None:
    times = np.arange(round(3 * long_s * RATE)) / RATE
    rise_s = long_s * 10 ** rng.uniform(-2.5, -0.3)
    shape = (1 - np.exp(-times / rise_s)) * np.exp(-times / (0.5 * long_s))
    end = min(len(track), at + len(shape))
    track[at:end] += loud * shape[: max(0, end - at)]


def _wander(samples: int, rng: np.random.Generator, slow_s: float, size: float) -> NDArray:
    """A slow random curve of standard deviation `size`."""
    steps = max(8, samples // 80)
    curve = gaussian_filter1d(rng.standard_normal(steps), max(slow_s * RATE / 80, 0.5))
    curve *= size / max(float(curve.std()), 1e-9)
    return np.asarray(np.interp(np.linspace(0, 1, samples), np.linspace(0, 1, steps), curve))


_SOURCES = (_rush, _rush, _crackle, _motor, _animal)
_RHYTHMS = (_steady, _repeated, _scattered)
