"""What else is to be heard in a home: rush, hum, appliances, clatter, chatter, beeps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter1d

from pipeline.nursery.sound.adult import adult_speech
from pipeline.nursery.sound.voice import Array, at_rate

NOISES = ("rush", "hum", "appliance", "clatter", "chatter", "beeps")


def noise(span_s: float, rate: int, rng: np.random.Generator, kind: str | None = None) -> Array:
    """Household noise (round(span_s * rate),), loudest 0.5; the kind (`NOISES`) is drawn.

    Raises ValueError for a kind that is not known.
    """
    makers: dict[str, Callable[[int, int, np.random.Generator], Array]] = {
        "rush": _rush,
        "hum": _hum,
        "appliance": _appliance,
        "clatter": _clatter,
        "chatter": _chatter,
        "beeps": _beeps,
    }
    if kind is None:
        kind = str(rng.choice(NOISES))
    if kind not in makers:
        raise ValueError(f"unknown noise {kind!r}: one of {', '.join(makers)}")
    sound = makers[kind](round(span_s * rate), rate, rng)
    return 0.5 * sound / max(float(np.abs(sound).max(initial=0.0)), 1e-9)


def coloured(samples: int, rate: int, slope_db: float, rng: np.random.Generator) -> Array:
    """Gaussian noise (samples,) of unit power that falls by `slope_db` an octave above 60 Hz."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    hz = np.maximum(np.fft.rfftfreq(samples, 1 / rate), 60.0)
    wave = np.fft.irfft(spectrum * (hz / 60.0) ** (-slope_db / 6.02), samples)
    return wave / max(float(wave.std()), 1e-9)


def _rush(samples: int, rate: int, rng: np.random.Generator) -> Array:
    sound = coloured(samples, rate, rng.uniform(0.0, 7.0), rng)
    swell = gaussian_filter1d(rng.standard_normal(samples // 64 + 2), rate / 64 * 0.4)
    swell = np.interp(np.linspace(0, 1, samples), np.linspace(0, 1, len(swell)), swell)
    return sound * (1 + 0.4 * np.tanh(swell / max(float(swell.std()), 1e-9)))


def _hum(samples: int, rate: int, rng: np.random.Generator) -> Array:
    times = np.arange(samples) / rate
    mains_hz = float(rng.choice([50.0, 60.0]))
    levels = rng.uniform(0, 1, 12) / np.arange(1, 13)
    sound = sum(
        (level * np.sin(2 * np.pi * (k + 1) * mains_hz * times + rng.uniform(0, 6)))
        for k, level in enumerate(levels)
    )
    return np.asarray(sound + 0.1 * coloured(samples, rate, 3.0, rng))


def _appliance(samples: int, rate: int, rng: np.random.Generator) -> Array:
    """A motor: harmonics of its turning and rushing air that is chopped by it."""
    times = np.arange(samples) / rate
    turn_hz = rng.uniform(40, 220) * (1 + 0.01 * np.sin(2 * np.pi * 0.3 * times))
    phase = 2 * np.pi * np.cumsum(turn_hz) / rate
    levels = rng.uniform(0, 1, 20) / np.arange(1, 21) ** 0.7
    tone = sum((level * np.sin((k + 1) * phase + k) for k, level in enumerate(levels)))
    air = coloured(samples, rate, rng.uniform(1, 5), rng) * (1 + 0.4 * np.sin(phase))
    return np.asarray(rng.uniform(0.1, 1.0) * tone + rng.uniform(0.5, 1.5) * air)


def _clatter(samples: int, rate: int, rng: np.random.Generator) -> Array:
    """Things that are put down, toys, dishes: struck resonances at random times."""
    sound = 0.02 * coloured(samples, rate, 3.0, rng)
    times = np.arange(round(0.4 * rate)) / rate
    for _ in range(max(1, rng.poisson(2.5 * samples / rate))):
        tones_hz = rng.uniform(400, 0.4 * min(rate, 16000), 4)
        decays = rng.uniform(15, 80, 4)
        ring = (
            np.sin(2 * np.pi * tones_hz[:, None] * times) * np.exp(-decays[:, None] * times)
        ).sum(0)
        knock = rng.standard_normal(len(times)) * np.exp(-times * rng.uniform(80, 300))
        hit = rng.uniform(0.2, 1.0) * (rng.uniform(0, 0.5) * ring + knock)
        at = int(rng.integers(0, max(1, samples - 1)))
        sound[at : at + len(hit)] += hit[: max(0, samples - at)]
    return sound


def _chatter(samples: int, rate: int, rng: np.random.Generator) -> Array:
    """Many people some way off, and so without the highest frequencies."""
    coarse = rate // 2 if rate > 24000 else rate
    voices = [adult_speech(samples / rate, coarse, rng) for _ in range(5)]
    crowd = at_rate(np.sum(voices, axis=0), coarse, rate, samples)
    return crowd + 0.05 * coloured(samples, rate, 4.0, rng)


def _beeps(samples: int, rate: int, rng: np.random.Generator) -> Array:
    """A toy, an oven or an alarm: plain tones that start and stop, or glide."""
    times = np.arange(samples) / rate
    tone_hz = np.full(samples, rng.uniform(250, 3000))
    if rng.random() < 0.4:
        tone_hz *= 2 ** (0.5 * np.sin(2 * np.pi * rng.uniform(0.3, 4) * times))
    wave = np.sin(2 * np.pi * np.cumsum(tone_hz) / rate)
    if rng.random() < 0.5:
        wave = np.tanh(rng.uniform(1, 20) * wave)
    if rng.random() < 0.7:
        period_s = rng.uniform(0.15, 1.5)
        wave = wave * ((times / period_s) % 1.0 < rng.uniform(0.2, 0.8))
    return wave + rng.uniform(0.0, 0.05) * coloured(samples, rate, 3.0, rng)
