"""Endless mixtures of infants and everything else, with their parts: what the network learns from.

A bank of stems is made once (synthetic, and real ones from a folder where given); each mixture
draws from it, and changes speed, colour, room, level and band.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import gaussian_filter1d, maximum_filter1d
from scipy.signal import resample_poly

from pipeline.nursery import sound
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
TYPES = ("cry", "laugh", "babble")
UNKNOWN = -1

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Stem:
    """A sound (n,) at 16 kHz and what it is; `type` indexes TYPES, UNKNOWN where it is none."""

    wave: Array
    type: int = UNKNOWN
    television: bool = False


@dataclass(frozen=True)
class Bank:
    """Stems by origin, and impulse responses of rooms as spectra."""

    infants: list[Stem]
    real_infants: list[Stem]
    adults: list[Stem]
    real_adults: list[Stem]
    others: list[Stem]
    rooms: list[NDArray[np.complex64]]


@dataclass(frozen=True)
class Mixture:
    """A mixture (SAMPLES,), the infant in it, and what is true of each frame of 10 ms.

    `who` (FRAMES, 3) is 0 or 1, nan where not known; `types` (FRAMES,) indexes TYPES or UNKNOWN.
    """

    mixture: Array
    infant: Array
    who: Array
    types: NDArray[np.int64]


def make_bank(rng: np.random.Generator, real: Path | None, size: float = 1.0) -> Bank:
    """Synthesise the stems; read real cries (`real`/cry) and digits (`real`/speech)."""
    infants = []
    for kind, count in (("cry", 120), ("laugh", 150), ("babble", 150), ("fuss", 50)):
        label = TYPES.index(kind) if kind in TYPES else UNKNOWN
        for _ in range(round(count * size)):
            wave = sound.infant(perform(kind, STEM_S, rng), RATE, rng)
            infants.append(Stem(wave.astype(np.float32), label))
    adults = [_stem(sound.adult_speech(STEM_S, RATE, rng)) for _ in range(round(220 * size))]
    others = [_stem(sound.television(STEM_S, RATE, rng), True) for _ in range(round(90 * size))]
    others += [_stem(sound.music(STEM_S, RATE, rng)) for _ in range(round(130 * size))]
    others += [_stem(sound.noise(STEM_S, RATE, rng)) for _ in range(round(220 * size))]
    rooms = [_room(rng) for _ in range(64)]
    if real is None:
        return Bank(infants, [], adults, [], others, rooms)
    cries = [_apart(wave) for wave in _read(real / "cry")]
    voices = [voice for voice, _ in cries]
    real_infants = [Stem(voice, TYPES.index("cry")) for voice in voices]
    for kind, slower, count in (("laugh", (0.8, 1.1), 130), ("babble", (0.55, 0.85), 130)):
        label = TYPES.index(kind)
        for _ in range(round(count * size)):
            voice = voices[rng.integers(len(voices))]
            real_infants.append(Stem(_in_rhythm(voice, kind, rng.uniform(*slower), rng), label))
    rooms_heard = [_lasting(rest, rng) for _, rest in cries if len(rest) > RATE // 2]
    digits = _read(real / "speech")
    talk = [_stem(_sequence(digits, rng)) for _ in range(round(120 * size))]
    return Bank(infants, real_infants, adults, talk, others + rooms_heard, rooms)


def draw(bank: Bank, rng: np.random.Generator) -> Mixture:
    """Draw one mixture."""
    infant, label = np.zeros(SAMPLES, np.float32), UNKNOWN
    dry = infant
    if rng.random() < 0.8:
        stem = _pick(bank.infants, bank.real_infants, 0.5, rng)
        infant, dry = _changed(stem.wave, bank, rng, 0.3, spread=0.25)
        label = stem.type
    adult, other, television = _company(bank, rng)
    reference = _power(infant) or _power(adult) or _power(other) or 1.0
    adult, other = (_levelled(part, reference, rng) for part in (adult, other))
    parts = [infant, adult, other]
    if rng.random() < 0.35:
        parts = _narrowed(parts, rng)
    gain = np.float32(10 ** (rng.uniform(-30, 0) / 20) * 0.7 / max(_top(sum(parts)), 0.01))
    hiss = rng.standard_normal(SAMPLES).astype(np.float32) * np.float32(10 ** rng.uniform(-5, -2.5))
    who = np.stack([_active(dry, 32), _active(parts[1], 32), _active(parts[2], 25)], 1)
    loudest = max(_power(part) for part in parts) or 1.0
    for index, part in enumerate(parts):
        if _power(part) < loudest * 10 ** (-(25 if index == OTHER else 35) / 10):
            who[:, index] = 0.0
    types = np.where(who[:, INFANT] > 0, label, UNKNOWN)
    if television:
        who[:, ADULT] = np.nan
    mixture = gain * (parts[0] + parts[1] + parts[2]) + gain * hiss
    return Mixture(mixture.astype(np.float32), (gain * parts[0]).astype(np.float32), who, types)


def _company(bank: Bank, rng: np.random.Generator) -> tuple[Array, Array, bool]:
    adult, other, television = np.zeros(SAMPLES, np.float32), np.zeros(SAMPLES, np.float32), False
    if rng.random() < 0.5:
        adult, _ = _changed(
            _pick(bank.adults, bank.real_adults, 0.5, rng).wave, bank, rng, 0.3, 0.15
        )
    if rng.random() < 0.55:
        stem = bank.others[rng.integers(len(bank.others))]
        other, television = _changed(stem.wave, bank, rng, 0.2)[0], stem.television
    return adult, other, television


def _pick(synthetic: list[Stem], real: list[Stem], share: float, rng: np.random.Generator) -> Stem:
    among = real if real and rng.random() < share else synthetic
    return among[rng.integers(len(among))]


def _changed(
    wave: Array, bank: Bank, rng: np.random.Generator, wet: float, spread: float = 0.12
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
    octaves = np.log2(np.maximum(np.linspace(0, RATE / 2, _FFT // 2 + 1), 62.5) / 62.5)
    gain_db = np.interp(octaves, np.arange(8), rng.normal(0, 4, 8))
    return (10 ** (gain_db / 20)).astype(np.float32)


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


def _stem(wave: NDArray[np.float64], television: bool = False) -> Stem:
    return Stem(wave.astype(np.float32), UNKNOWN, television)


def _room(rng: np.random.Generator) -> NDArray[np.complex64]:
    response = impulse_response(RATE, rng, rng.uniform(0.2, 1.3), rng.uniform(-6, 6))
    return fft.rfft(response.astype(np.float32), _FFT)


def _read(folder: Path) -> list[Array]:
    waves = []
    for path in sorted(folder.glob("*.wav")):
        wave, rate = soundfile.read(path, dtype="float32", always_2d=True)
        wave = resample_poly(wave.mean(1), RATE, rate).astype(np.float32)
        if len(wave) and np.abs(wave).max() > 1e-3:
            waves.append(0.5 * wave / _top(wave))
    return waves


def _apart(wave: Array) -> tuple[Array, Array]:
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


def _in_rhythm(voice: Array, kind: str, speed: float, rng: np.random.Generator) -> Array:
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


def _lasting(rest: Array, rng: np.random.Generator) -> Stem:
    """A real room's noise, pieced together out of pauses, STEM_S long and as loud as a voice."""
    pieces, have = [], 0
    while have < STEM_S * RATE:
        cut = RATE // 8 + int(rng.integers(0, len(rest) - RATE // 4 + 1))
        start = int(rng.integers(0, len(rest) - cut + 1)) if cut < len(rest) else 0
        piece = (
            rest[start : start + cut] * np.hanning(min(cut, len(rest))).astype(np.float32) ** 0.2
        )
        pieces.append(piece)
        have += len(piece)
    wave = np.concatenate(pieces)[: round(STEM_S * RATE)]
    return Stem((0.2 * wave / max(float(wave.std()), 1e-6)).astype(np.float32))


def _sequence(words: list[Array], rng: np.random.Generator) -> NDArray[np.float64]:
    """Words of one after another with pauses, STEM_S long."""
    track, at = np.zeros(round(STEM_S * RATE)), round(rng.uniform(0, 0.3) * RATE)
    while at < len(track):
        word = words[rng.integers(len(words))]
        end = min(len(track), at + len(word))
        track[at:end] += word[: end - at]
        at = end + round(rng.exponential(0.1) * RATE)
    return track
