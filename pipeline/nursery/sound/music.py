"""Music: chords, a melody, drums, in a tempo and a key."""

from __future__ import annotations

import numpy as np
from scipy.signal import butter, sosfilt

from pipeline.nursery.sound.voice import Array

_SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 4, 7, 9))


def music(span_s: float, rate: int, rng: np.random.Generator) -> Array:
    """A tune (round(span_s * rate),), loudest 0.5; instruments, tempo and key drawn."""
    samples = round(span_s * rate)
    beat_s = 60.0 / rng.uniform(70, 150)
    root_hz = 110.0 * 2 ** (rng.integers(0, 12) / 12)
    scale = _SCALES[rng.integers(len(_SCALES))]
    sound = rng.uniform(0.3, 1.0) * _chords(samples, rate, beat_s, root_hz, scale, rng)
    sound += rng.uniform(0.4, 1.0) * _melody(samples, rate, beat_s, root_hz, scale, rng)
    if rng.random() < 0.6:
        sound += rng.uniform(0.2, 0.7) * _drums(samples, rate, beat_s, rng)
    return 0.5 * sound / max(float(np.abs(sound).max(initial=0.0)), 1e-9)


def _degree_hz(root_hz: float, scale: tuple[int, ...], degree: int) -> float:
    octave, step = divmod(degree, len(scale))
    return float(root_hz * 2 ** (octave + scale[step] / 12))


def _note(
    tone_hz: float, span_s: float, rate: int, partials: Array, decay_s: float, vibrato: float
) -> Array:
    times = np.arange(round(span_s * rate)) / rate
    phase = 2 * np.pi * tone_hz * times + vibrato * np.sin(2 * np.pi * 5.5 * times)
    keep = [k for k in range(len(partials)) if (k + 1) * tone_hz < 0.4 * rate]
    wave = sum((partials[k] * np.sin((k + 1) * phase) for k in keep), np.zeros_like(times))
    edge = np.minimum(np.minimum(times / 0.008, (span_s - times) / 0.02), 1.0)
    return wave * np.exp(-times / decay_s) * np.clip(edge, 0, 1)


def _timbre(rng: np.random.Generator, count: int) -> Array:
    return np.asarray(rng.uniform(0.3, 1.0, count) / np.arange(1, count + 1) ** rng.uniform(0.8, 2))


def _place(track: Array, note: Array, at: int) -> None:
    end = min(len(track), at + len(note))
    if end > at:
        track[at:end] += note[: end - at]


def _chords(
    samples: int,
    rate: int,
    beat_s: float,
    root_hz: float,
    scale: tuple[int, ...],
    rng: np.random.Generator,
) -> Array:
    track = np.zeros(samples)
    timbre = _timbre(rng, 5)
    bar_s = 4 * beat_s
    for bar in range(int(samples / rate / bar_s) + 1):
        degree = int(rng.integers(0, len(scale)))
        for step in (0, 2, 4):
            tone_hz = _degree_hz(root_hz, scale, degree + step)
            _place(track, _note(tone_hz, bar_s, rate, timbre, 2.5, 0.0), round(bar * bar_s * rate))
    return track / 3


def _melody(
    samples: int,
    rate: int,
    beat_s: float,
    root_hz: float,
    scale: tuple[int, ...],
    rng: np.random.Generator,
) -> Array:
    track = np.zeros(samples)
    timbre, vibrato = _timbre(rng, 6), float(rng.choice([0.0, 0.15]))
    degree, at_s = len(scale), 0.0
    decay_s = rng.uniform(0.15, 1.5)
    while at_s < samples / rate:
        long_s = beat_s * float(rng.choice([0.5, 0.5, 1.0, 2.0]))
        if rng.random() < 0.85:
            tone_hz = 2 * _degree_hz(root_hz, scale, degree)
            _place(
                track, _note(tone_hz, long_s, rate, timbre, decay_s, vibrato), round(at_s * rate)
            )
        degree = int(np.clip(degree + rng.integers(-2, 3), 0, 2 * len(scale)))
        at_s += long_s
    return track


def _drums(samples: int, rate: int, beat_s: float, rng: np.random.Generator) -> Array:
    track = np.zeros(samples)
    times = np.arange(round(0.25 * rate)) / rate
    kick = np.sin(2 * np.pi * (50 * times + 6 * (1 - np.exp(-times * 30)))) * np.exp(-times * 14)
    band = butter(2, min(6000.0, 0.4 * rate), "highpass", fs=rate, output="sos")
    hiss = sosfilt(band, rng.standard_normal(len(times)))
    hat, snare = (
        hiss * np.exp(-times * 60),
        0.6 * rng.standard_normal(len(times)) * np.exp(-times * 18),
    )
    for half in range(int(2 * samples / rate / beat_s) + 1):
        at = round(half * beat_s / 2 * rate)
        _place(track, 0.3 * hat, at)
        if half % 4 == 0:
            _place(track, kick, at)
        elif half % 4 == 2:
            _place(track, 0.7 * snare, at)
    return track
