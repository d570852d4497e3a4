"""Calls and signals that are no infant's, and sound the most like one: what barks, sings, rings.

A call is a few syllables, said again and again. Each family gives ranges that its members are
drawn from; pitches and lengths after what is published of dogs, cats, sheep, fowl, birds, frogs,
crickets, and of horns, sirens and alarms. No family is both as long, as steady and as rich in
harmonics as a cry.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from pipeline.nursery.sound.voice import Array

Range = tuple[float, float]


@dataclass(frozen=True)
class Family:
    """Ranges that one member is drawn from, each uniformly; pitches and lengths by their log."""

    f0_hz: Range
    span_s: Range
    """Of a syllable."""
    syllables: tuple[int, int]
    """In a call."""
    pause_s: Range
    """Between syllables; calls are one to eight times as far apart."""
    arch: Range = (0.0, 0.0)
    """Octaves by which a syllable's pitch rises and falls again."""
    slope: Range = (0.0, 0.0)
    """Octaves from its beginning to its end."""
    fall_db: Range = (3.0, 9.0)
    """By which harmonics fall an octave."""
    trill_hz: Range = (5.0, 9.0)
    trill: Range = (0.0, 0.0)
    """Depth of its loudness, 0..1; the pitch trills by a tenth of it in octaves."""
    breath: Range = (0.0, 0.3)
    """Noise beside the tone, in parts of it."""
    rough: Range = (0.0, 0.3)
    """Jitter and subharmonics."""
    formants: tuple[int, int] = (1, 3)
    moving: Range = (0.0, 0.0)
    """Octaves by which formants rise when the mouth opens."""


FAMILIES = {
    "bark": Family((250, 1100), (0.06, 0.22), (1, 4), (0.05, 0.35), (0.1, 0.7), (-0.4, 0.1),
                   (2, 8), breath=(0.1, 0.9), rough=(0.2, 0.9)),
    "yelp": Family((700, 1600), (0.08, 0.3), (1, 5), (0.05, 0.3), (0.0, 0.5), (-1.0, -0.2)),
    "mew": Family((350, 900), (0.35, 1.2), (1, 2), (0.3, 1.5), (0.1, 0.5), (-0.4, 0.1), (4, 10),
                  (4, 7), (0.0, 0.15), (0.0, 0.1), (0.0, 0.1), moving=(0.5, 1.2)),
    "bleat": Family((150, 480), (0.4, 1.3), (1, 2), (0.3, 1.5), (0.0, 0.2), (-0.2, 0.1), (1, 6),
                    (6, 13), (0.4, 0.9), (0.0, 0.2)),
    "moo": Family((70, 220), (0.6, 2.5), (1, 1), (0.5, 2.0), (0.1, 0.5), (-0.2, 0.3), (2, 6),
                  moving=(0.2, 0.8)),
    "crow": Family((400, 1400), (0.08, 0.8), (2, 5), (0.02, 0.12), (0.1, 0.6), (-0.3, 0.3), (0, 5),
                   (20, 60), (0.0, 0.4), (0.1, 0.4), (0.2, 0.8)),
    "cluck": Family((250, 900), (0.03, 0.12), (2, 8), (0.08, 0.4), (0.0, 0.4), (-0.3, 0.3), (2, 7),
                    breath=(0.2, 0.8), rough=(0.1, 0.6)),
    "caw": Family((280, 700), (0.15, 0.45), (2, 5), (0.15, 0.5), (0.0, 0.2), (-0.3, 0.0), (-2, 3),
                  (40, 110), (0.3, 0.8), (0.4, 1.5), (0.5, 1.0)),
    "song": Family((1500, 6000), (0.03, 0.35), (2, 9), (0.02, 0.2), (-0.6, 0.6), (-0.9, 0.9),
                   (14, 40), (15, 50), (0.0, 0.7), (0.0, 0.05), (0.0, 0.05), (0, 1)),
    "chirp": Family((2200, 5500), (0.04, 0.15), (1, 4), (0.05, 0.5), (-0.2, 0.4), (-0.8, 0.3),
                    (10, 30)),
    "gull": Family((600, 1500), (0.2, 0.7), (2, 7), (0.08, 0.3), (0.2, 0.6), (-0.6, 0.0), (0, 5),
                   rough=(0.1, 0.6)),
    "hoot": Family((250, 800), (0.15, 0.9), (1, 5), (0.1, 0.5), (-0.1, 0.1), (-0.2, 0.1), (20, 40),
                   (4, 20), (0.0, 0.5), (0.0, 0.1), (0.0, 0.05), (0, 1)),
    "howl": Family((200, 900), (1.2, 4.0), (1, 1), (0.5, 2.0), (0.2, 0.8), (-0.5, 0.2), (10, 20)),
    "croak": Family((80, 900), (0.1, 0.8), (1, 6), (0.1, 0.6), (0.0, 0.2), (-0.2, 0.2), (0, 5),
                    (15, 70), (0.6, 1.0), (0.0, 0.4), (0.0, 0.4)),
    "cricket": Family((2200, 6500), (0.05, 0.9), (2, 12), (0.02, 0.4), fall_db=(20, 40),
                      trill_hz=(20, 90), trill=(0.7, 1.0), formants=(0, 0)),
    "squeal": Family((700, 2600), (0.2, 1.2), (1, 4), (0.05, 0.5), (-0.3, 0.8), (-0.5, 0.7),
                     (-2, 6), (15, 60), (0.0, 0.4), (0.1, 0.8), (0.4, 1.0)),
    "beep": Family((500, 4200), (0.04, 0.6), (1, 5), (0.04, 0.3), fall_db=(3, 40), breath=(0, 0),
                   rough=(0, 0), formants=(0, 1)),
    "ring": Family((400, 3200), (0.3, 2.0), (1, 3), (0.1, 1.0), fall_db=(3, 30), trill_hz=(10, 26),
                   trill=(0.5, 1.0), breath=(0, 0), rough=(0, 0), formants=(0, 2)),
    "siren": Family((350, 1300), (0.3, 4.0), (2, 6), (0.001, 0.02), (-1.0, 1.0), (-0.6, 0.6),
                    (3, 12), breath=(0, 0.02), rough=(0, 0)),
    "horn": Family((180, 700), (0.15, 1.8), (1, 3), (0.1, 0.6), fall_db=(-2, 5), breath=(0, 0.05),
                   rough=(0, 0.05), formants=(1, 4)),
    "whistle": Family((700, 3600), (0.1, 1.5), (1, 5), (0.05, 0.4), (-0.5, 0.5), (-0.6, 0.9),
                      (20, 40), (4, 8), (0.0, 0.2), (0.02, 0.3), (0, 0), (0, 0)),
}  # fmt: skip


def calls(span_s: float, rate: int, rng: np.random.Generator, family: str | None = None) -> Array:
    """Calls of one member of a family (drawn, where none is named), (round(span_s * rate),).

    The loudest is 0.5. Raises KeyError for a family that is not known.
    """
    ranges = FAMILIES[family or str(rng.choice(list(FAMILIES)))]
    wave = np.zeros(round(span_s * rate))
    motif = _motif(ranges, rate, rng)
    pause_s = _log(ranges.pause_s, rng)
    apart_s = pause_s * rng.uniform(1, 8)
    at = round(-rng.uniform(0, 0.3) * len(motif[0]))
    while at < len(wave):
        for syllable in motif:
            _add(wave, at, syllable * rng.uniform(0.7, 1.0))
            at += len(syllable) + round(pause_s * rng.uniform(0.9, 1.1) * rate)
        at += round(apart_s * rng.uniform(0.7, 1.4) * rate)
        if rng.random() < 0.3:
            motif = _motif(ranges, rate, rng)
    return 0.5 * wave / max(float(np.abs(wave).max()), 1e-9)


def _add(wave: NDArray, at: int, part: NDArray) -> None:
    part = part[max(0, -at) :]
    at = max(0, at)
    wave[at : at + len(part)] += part[: max(0, len(wave) - at)]


def _motif(ranges: Family, rate: int, rng: np.random.Generator) -> list[NDArray]:
    """Syllables of one call: of one throat, of pitches that differ a little or not at all."""
    f0_hz = _log(ranges.f0_hz, rng)
    tract = _tract(ranges, f0_hz, rng)
    spread = rng.choice([0.0, 0.08, 0.3])
    count = int(rng.integers(ranges.syllables[0], ranges.syllables[1] + 1))
    span_s = _log(ranges.span_s, rng)
    even = rng.random() < 0.5
    return [
        _syllable(
            ranges,
            f0_hz * 2 ** rng.normal(0, spread),
            span_s if even else _log(ranges.span_s, rng),
            tract,
            rate,
            rng,
        )
        for _ in range(count)
    ]


def _syllable(
    ranges: Family,
    f0_hz: float,
    span_s: float,
    tract: NDArray,
    rate: int,
    rng: np.random.Generator,
) -> NDArray:
    samples = max(64, round(span_s * rate))
    place = np.linspace(0, 1, samples)
    opened = np.sin(np.pi * place ** rng.uniform(0.6, 1.6))
    trill = np.sin(2 * np.pi * _log(ranges.trill_hz, rng) * place * span_s + rng.uniform(0, 6.3))
    depth, rough = rng.uniform(*ranges.trill), rng.uniform(*ranges.rough)
    octaves = rng.uniform(*ranges.arch) * opened + rng.uniform(*ranges.slope) * (place - 0.5)
    jitter = gaussian_filter1d(rng.standard_normal(samples), 0.002 * rate)
    jitter *= 0.03 * rough / max(float(jitter.std()), 1e-9)
    track_hz = np.clip(f0_hz * 2 ** (octaves + 0.1 * depth * trill + jitter), 40, 7400)
    shifted = 2 ** (rng.uniform(*ranges.moving) * (opened - 0.5))
    tone = _harmonics(track_hz, rng.uniform(*ranges.fall_db), tract, shifted, rate)
    tone *= 1 + 0.7 * rough * np.cos(np.pi * np.cumsum(track_hz) / rate)
    noise = gaussian_filter1d(rng.standard_normal(samples), rng.uniform(0.3, 1.2))
    noise *= tone.std() / max(float(noise.std()), 1e-9)
    loud = np.minimum(1, np.minimum(place, 1 - place) * span_s / rng.uniform(0.003, 0.03))
    loud = loud * (opened ** rng.uniform(0, 1.5)) * (1 - depth * (0.5 + 0.5 * trill))
    return np.asarray((tone + rng.uniform(*ranges.breath) * noise) * loud)


def _harmonics(
    track_hz: NDArray, fall_db: float, tract: NDArray, shifted: NDArray, rate: int
) -> NDArray:
    """A tone whose harmonics fall and pass resonances (n, 3: hertz, relative width, gain)."""
    phase = 2 * np.pi * np.cumsum(track_hz) / rate
    wave = np.zeros(len(track_hz))
    for k in range(1, int(np.clip(7600 / track_hz.min(), 1, 40)) + 1):
        hz = k * track_hz
        gain = np.full(len(hz), 10 ** (-fall_db * np.log2(k) / 20))
        for centre_hz, width, height in tract:
            gain *= 1 + height / (1 + ((hz / (centre_hz * shifted) - 1) / width) ** 2)
        wave += np.where(hz < 7600, gain, 0) * np.sin(k * phase + 0.7 * k * k)
    return wave / max(float(wave.std()), 1e-9)


def _tract(ranges: Family, f0_hz: float, rng: np.random.Generator) -> NDArray:
    count = int(rng.integers(ranges.formants[0], ranges.formants[1] + 1))
    hz = np.exp(rng.uniform(np.log(max(300, f0_hz)), np.log(7000), count))
    return np.stack([hz, rng.uniform(0.05, 0.3, count), rng.uniform(1, 12, count)], 1)


def _log(span: Range, rng: np.random.Generator) -> float:
    return float(np.exp(rng.uniform(np.log(span[0]), np.log(span[1]))))
