"""What the mixtures are drawn from: synthetic stems, and real ones in many voices."""

from __future__ import annotations

from collections.abc import Sequence

import mixtures
import numpy as np
from mixtures import STEM_S, Bank, Pool, Stem
from numpy.typing import NDArray
from recordings import RATE, Recordings, filled, revoiced

from pipeline.nursery import sound
from pipeline.nursery.performance import perform

_REAL_SHARE = (0.6, 0.8, 0.75)
_ROOMS = 64
_INFANTS = {"cry": 120, "laugh": 150, "babble": 150, "fuss": 50}

Array = NDArray[np.float32]


def make_bank(rng: np.random.Generator, real: Recordings, size: float) -> Bank:
    """Synthesise stems, and give real recordings, where there are any, other voices."""
    rests = [rest for _, rest in map(mixtures.apart, real.cries) if len(rest) > RATE // 2]
    noises = {**real.noises, **({"noise/rooms": rests} if rests else {})}
    real_pools = (
        [_infants(real.cries, rng, size)] if real.cries else [],
        [_speaker(words, rng, size) for words in real.speakers.values()],
        [_noises(name, waves, rng, size) for name, waves in noises.items()],
    )
    pools = [
        Pool(made, given, share)
        for made, given, share in zip(_synthetic(rng, size), real_pools, _REAL_SHARE, strict=True)
    ]
    return Bank((pools[0], pools[1], pools[2]), [mixtures.room(rng) for _ in range(_ROOMS)])


def _synthetic(rng: np.random.Generator, size: float) -> tuple[list[Stem], list[Stem], list[Stem]]:
    """Infants, adults and others of the nursery."""
    infants = [
        sound.infant(perform(kind, STEM_S, rng), RATE, rng)
        for kind, count in _INFANTS.items()
        for _ in range(round(count * size))
    ]
    adults = [sound.adult_speech(STEM_S, RATE, rng) for _ in range(round(220 * size))]
    high = [revoiced(_f32(wave), *_higher(rng), 1.0) for wave in adults[::2]]
    others = [sound.music(STEM_S, RATE, rng) for _ in range(round(100 * size))]
    others += [sound.noise(STEM_S, RATE, rng) for _ in range(round(200 * size))]
    shows = [sound.television(STEM_S, RATE, rng) for _ in range(round(90 * size))]
    return (
        [Stem(_f32(wave)) for wave in infants],
        [Stem(_f32(wave)) for wave in (*adults, *high)],
        [*(Stem(_f32(wave)) for wave in others), *(Stem(_f32(wave), True) for wave in shows)],
    )


def _infants(cries: Sequence[Array], rng: np.random.Generator, size: float) -> list[Stem]:
    """Cries as they are, cries of other infants, and cries in the rhythm of laugh and babble."""
    voices = [mixtures.apart(wave)[0] for wave in cries]
    stems = [_wide(voice, rng) for voice in voices]
    for kind, slower, count in (
        (None, None, 200),
        ("laugh", (0.8, 1.1), 250),
        ("babble", (0.55, 0.85), 150),
    ):
        for _ in range(round(count * size)):
            voice = voices[rng.integers(len(voices))]
            voice = revoiced(
                voice, 2 ** rng.uniform(-0.6, 0.6), rng.uniform(0.85, 1.2), rng.uniform(0.8, 1.25)
            )
            if kind and slower:
                voice = mixtures.in_rhythm(voice, kind, rng.uniform(*slower), rng)
            stems.append(_wide(voice, rng))
    return [Stem(wave) for wave in stems]


def _speaker(words: Sequence[Array], rng: np.random.Generator, size: float) -> list[Stem]:
    """One adult's talk as it is, and as a man, a woman, somebody who talks to an infant would."""
    stems = []
    for number in range(max(2, round(size * min(150.0, 6 * len(words) ** 0.5)))):
        wave = strung(words, rng, 0.15)
        if number % 3:
            wave = _revoiced(wave, rng)
        stems.append(Stem(_wide(wave, rng)))
    return stems


def _revoiced(wave: Array, rng: np.random.Generator) -> Array:
    """Another adult: high, drawn out as in song, or laughing."""
    if rng.random() < 0.12:
        voice = revoiced(wave, 2 ** rng.uniform(0.0, 1.0), rng.uniform(0.9, 1.1), 1.0)
        return mixtures.in_rhythm(voice, "laugh", rng.uniform(0.8, 1.2), rng)
    tempo = rng.uniform(0.35, 0.6) if rng.random() < 0.15 else rng.uniform(0.75, 1.35)
    return revoiced(wave, *_higher(rng), tempo)


def _higher(rng: np.random.Generator) -> tuple[float, float]:
    """Another pitch and tract, oftener higher than lower; the highest voices are falsetto."""
    pitch = 2 ** rng.triangular(-0.4, 0.3, 1.6)
    return pitch, rng.uniform(0.88, 1.12) * (1.0 if pitch < 1.5 else rng.uniform(1.0, 1.12))


def _noises(name: str, waves: Sequence[Array], rng: np.random.Generator, size: float) -> list[Stem]:
    """One kind of noise or music: pieces of what lasts, and rows of what is short."""
    long_s = sum(len(wave) for wave in waves) / RATE
    count = max(2, round(size * min(200.0, 5 * len(waves) ** 0.5 + long_s / 10)))
    unknown = name == "noise/screams"
    return [Stem(_loud(strung(waves, rng, 0.5)), unknown) for _ in range(count)]


def strung(pieces: Sequence[Array], rng: np.random.Generator, pause_s: float) -> Array:
    """Pieces (n,) one after another with pauses, STEM_S long; long ones from anywhere on."""
    track, at = np.zeros(round(STEM_S * RATE), np.float32), round(rng.uniform(0, 0.3) * RATE)
    again = rng.random() < 0.3
    piece = pieces[rng.integers(len(pieces))]
    while at < len(track):
        if not again:
            piece = pieces[rng.integers(len(pieces))]
        start = rng.integers(0, max(1, len(piece) - len(track)))
        part = piece[start : start + len(track) - at]
        track[at : at + len(part)] += part
        at += len(part) + round(rng.exponential(pause_s) * RATE)
    return track


def _loud(wave: Array) -> Array:
    return np.asarray(0.2 * wave / max(float(wave.std()), 1e-6), np.float32)


def _wide(wave: Array, rng: np.random.Generator) -> Array:
    return filled(wave, rng) if rng.random() < 0.6 else wave


def _f32(wave: NDArray[np.floating]) -> Array:
    return np.asarray(wave, np.float32)
