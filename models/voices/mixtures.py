"""Endless mixtures of infants, adults and everything else: what the network learns from.

A bank of stems is made once (see bank.py); each mixture draws from it, and changes speed, colour,
room, level and band.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from pipeline.nursery.performance import perform
from pipeline.nursery.sound.room import impulse_response
from pipeline.nursery.sound.voice import loudness_to_amplitude

RATE = 16000
HOP = 160
STEM_S = 6.0
SPAN_S = 3.0
SAMPLES = round(SPAN_S * RATE)
FRAMES = SAMPLES // HOP + 1
_FFT = 1 << 16

INFANT, ADULT, OTHER = 0, 1, 2
_PRESENT = (0.62, 0.5, 0.58)
_RANGE_DB = (32, 32, 25)
_WET = (0.3, 0.3, 0.2)
_SPREAD = (0.25, 0.15, 0.12)
# Beside what is louder by more than the second nobody hears a voice; from the first on some do.
_MASKED_DB = (12.0, 20.0)

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Stem:
    """A sound (n,) at 16 kHz; of some, such as television, it is not known whether adults sound."""

    wave: Array
    adults_unknown: bool = False


@dataclass(frozen=True)
class Pool:
    """Stems of one class: synthetic ones, and real ones by speaker or kind of noise."""

    synthetic: Sequence[Stem]
    real: Sequence[Sequence[Stem]]
    real_share: float

    def pick(self, rng: np.random.Generator) -> Stem:
        """Draw one; of real groups the large ones come oftener, but less than in proportion."""
        if not self.synthetic or (self.real and rng.random() < self.real_share):
            odds = np.sqrt([len(group) for group in self.real])
            group = self.real[rng.choice(len(self.real), p=odds / odds.sum())]
            return group[rng.integers(len(group))]
        return self.synthetic[rng.integers(len(self.synthetic))]


@dataclass(frozen=True)
class Bank:
    """Pools of infants, adults and others, and impulse responses of rooms as spectra."""

    pools: tuple[Pool, Pool, Pool]
    rooms: list[NDArray[np.complex64]]


@dataclass(frozen=True)
class Mixture:
    """A mixture (SAMPLES,), and who sounds in each frame of 10 ms: (FRAMES, 3), nan if unknown."""

    mixture: Array
    who: Array


def draw(bank: Bank, rng: np.random.Generator) -> Mixture:
    """Draw one mixture; some end early, as the last window of a recording does."""
    parts, active, unknown = _parts(bank, rng)
    reference = next((_power(part) for part in parts if _power(part)), 1.0)
    parts = [parts[INFANT], *(_levelled(part, reference, rng) for part in parts[1:])]
    if rng.random() < 0.35:
        parts = _narrowed(parts, rng)
    gain = np.float32(10 ** (rng.uniform(-30, 0) / 20) * 0.7 / max(_top(sum(parts)), 0.01))
    hiss = rng.standard_normal(SAMPLES, np.float32) * np.float32(10 ** rng.uniform(-5, -2.5))
    who = _who(parts, hiss, active)
    if unknown:
        who[:, ADULT] = np.nan
    mixture = gain * (sum(parts) + hiss)
    if rng.random() < 0.1:
        end = round(rng.uniform(0.2, 0.95) * FRAMES)
        who[end:] = 0.0
        mixture[end * HOP :] = 0.0
    return Mixture(mixture.astype(np.float32), who)


def of_stem(mixture: Mixture, stem: Array) -> Mixture:
    """The infant's stem (SAMPLES,) of a mixture, of which is known where the infant sounds.

    Whoever else came into it may or may not be heard; nor is an infant whom the separator took out.
    """
    who = np.full_like(mixture.who, np.nan)
    below_db = 20 * np.log10((_levels(mixture.mixture) + 1e-6) / (_levels(stem) + 1e-6))
    infant = mixture.who[:, INFANT]
    who[:, INFANT] = np.where((infant > 0) & (below_db > _MASKED_DB[1]), np.nan, infant)
    return Mixture(stem.astype(np.float32), who)


def _parts(bank: Bank, rng: np.random.Generator) -> tuple[list[Array], list[Array], bool]:
    """Parts (SAMPLES,), where each sounds (FRAMES,), and whether adults are unknown."""
    parts, active, unknown = [], [], False
    for number, pool in enumerate(bank.pools):
        part, dry = np.zeros(SAMPLES, np.float32), np.zeros(SAMPLES, np.float32)
        if rng.random() < _PRESENT[number]:
            stem = pool.pick(rng)
            part, dry = _changed(stem.wave, bank, rng, _WET[number], _SPREAD[number])
            unknown = unknown or stem.adults_unknown
        parts.append(part)
        # A room rings on when an infant has stopped.
        active.append(_active(dry if number == INFANT else part, _RANGE_DB[number]))
    return parts, active, unknown


def _who(parts: list[Array], hiss: Array, active: list[Array]) -> Array:
    """What is true of each frame (FRAMES, 3): what is drowned by the rest is not heard."""
    powers = np.stack([_levels(part) ** 2 for part in (*parts, hiss)], 1)
    below_db = 10 * np.log10((powers.sum(1, keepdims=True) - powers) / (powers + 1e-14) + 1e-14)
    who = np.stack(active, 1)
    sure, lost = _MASKED_DB
    who[(who > 0) & (below_db[:, :3] > lost)] = 0.0
    who[(who > 0) & (below_db[:, :3] > sure)] = np.nan
    return who


def _changed(
    wave: Array, bank: Bank, rng: np.random.Generator, wet: float, spread: float
) -> tuple[Array, Array]:
    """Cut SPAN_S out of a stem at another speed and colour, (in a room, dry)."""
    speed = 2 ** rng.uniform(-spread, spread)
    start = rng.uniform(0, max(0.0, len(wave) - SAMPLES * speed))
    places = start + speed * np.arange(SAMPLES)
    dry = np.interp(places, np.arange(len(wave)), wave, right=0.0).astype(np.float32)
    if rng.random() < 0.25:
        edge = round(rng.uniform(0.2, 0.8) * SAMPLES)
        dry[edge:] = 0.0
        dry[max(0, edge - 800) : edge] *= np.linspace(1, 0, min(800, edge), dtype=np.float32)
        dry = dry if rng.random() < 0.5 else dry[::-1].copy()
    if rng.random() < 0.08:
        top = _top(dry) * 10 ** (-rng.uniform(3, 15) / 20)
        dry = np.clip(dry, -top, top)
    spectrum = fft.rfft(dry, _FFT) * _colour(rng)
    if rng.random() < wet:
        spectrum = spectrum * bank.rooms[rng.integers(len(bank.rooms))]
    return fft.irfft(spectrum, _FFT)[:SAMPLES].astype(np.float32), dry


def _colour(rng: np.random.Generator) -> Array:
    """A random smooth gain over frequency, +-6 dB."""
    gain_db = np.interp(_OCTAVES, np.arange(8), rng.normal(0, 4, 8))
    return (10 ** (gain_db / 20)).astype(np.float32)[_COARSE]


_COARSE = np.minimum(np.arange(_FFT // 2 + 1) // 64, _FFT // 128 - 1)
_OCTAVES = np.log2(np.maximum((np.arange(_FFT // 128) + 0.5) * RATE * 64 / _FFT, 62.5) / 62.5)


def _narrowed(parts: list[Array], rng: np.random.Generator) -> list[Array]:
    """All parts through the band of a telephone or a bad microphone."""
    hz = np.linspace(0, RATE / 2, SAMPLES // 2 + 1)
    low_hz, high_hz = rng.uniform(30, 300), rng.uniform(3200, 4500)
    gain = 1 / np.sqrt(1 + (hz / high_hz) ** 24) * (1 - np.exp(-((hz / low_hz) ** 2)))
    return [fft.irfft(fft.rfft(p) * gain, SAMPLES).astype(np.float32) for p in parts]


def _levelled(part: Array, reference: float, rng: np.random.Generator) -> Array:
    own = _power(part)
    if own <= 0:
        return part
    ratio_db = rng.normal(-2, 7) if rng.random() < 0.75 else rng.uniform(-45, -15)
    return (part * np.sqrt(reference / own * 10 ** (ratio_db / 10))).astype(np.float32)


def _active(part: Array, range_db: float) -> Array:
    """Frames (FRAMES,) within `range_db` of the loudest."""
    levels = _levels(part)
    top = np.quantile(levels, 0.98)
    active = (levels > top * 10 ** (-range_db / 20)) & (levels > 1e-6)
    return active.astype(np.float32)


def _levels(part: Array) -> Array:
    padded = np.pad(part, (HOP, HOP))
    power = (padded[: (FRAMES + 1) * HOP].reshape(-1, HOP) ** 2).mean(1)
    return np.sqrt(0.5 * (power[:-1] + power[1:]))


def _power(part: Array) -> float:
    levels = _levels(part) ** 2
    return float(levels[levels >= levels.max() * 1e-3].mean()) if levels.max() > 0 else 0.0


def _top(wave: Array) -> float:
    return max(float(np.abs(wave).max()), 1e-6)


def room(rng: np.random.Generator) -> NDArray[np.complex64]:
    """Draw a room's impulse response, as a spectrum."""
    response = impulse_response(RATE, rng, rng.uniform(0.2, 1.3), rng.uniform(-6, 6))
    return fft.rfft(response.astype(np.float32), _FFT)


def apart(wave: Array) -> tuple[Array, Array]:
    """Split a real recording into the infant, with the pauses silenced, and the pauses (m,)."""
    steps = len(wave) // HOP
    level = np.sqrt((wave[: steps * HOP].reshape(steps, HOP) ** 2).mean(1))
    level = gaussian_filter1d(level, 1.5)
    top, floor = np.quantile(level, 0.98), np.quantile(level, 0.05)
    sounds = level > max(np.sqrt(floor * top), 0.03 * top)
    near = gaussian_filter1d(maximum_filter1d(sounds.astype(np.float32), 5), 2.0)
    gate = np.interp(np.arange(len(wave)) / HOP, np.arange(steps) + 0.5, near)
    pauses = np.repeat(near < 0.01, HOP)
    return (wave * gate).astype(np.float32), wave[: steps * HOP][pauses]


def in_rhythm(voice: Array, kind: str, speed: float, rng: np.random.Generator) -> Array:
    """Let a real voice sound in the rhythm of another vocalization, higher or lower.

    Without these the network would learn that whatever is a real recording is a cry.
    """
    levels = np.abs(voice[: len(voice) // HOP * HOP]).reshape(-1, HOP).max(1)
    sounding = voice[: len(levels) * HOP][np.repeat(levels > 0.1 * levels.max(), HOP)]
    places = speed * np.arange(round(STEM_S * RATE))
    sustained = np.interp(places % max(len(sounding) - 1, 1), np.arange(len(sounding)), sounding)
    performance = perform(kind, STEM_S, rng)
    loud = loudness_to_amplitude(performance.sampled(performance.energy, RATE))
    return (sustained * loud).astype(np.float32)
