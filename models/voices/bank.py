"""What the mixtures are drawn from: synthetic stems, and real ones in many voices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import mixtures
import numpy as np
from mixtures import Bank, Mixture, Stem
from numpy.typing import NDArray
from recordings import RATE, Recordings, filled, revoiced

Array = NDArray[np.float32]


def make_bank(rng: np.random.Generator, real: Recordings, size: float) -> Bank:
    """Synthesise stems and give real recordings, where there are any, other voices."""
    bank = mixtures.make_bank(rng, None, size)
    adults = [*bank.adults, *(_motherese(stem, rng) for stem in bank.adults[::2])]
    bank = replace(bank, adults=adults)
    if not real.cries:
        return bank
    infants = _infants(real.cries, rng, size)
    talk = [Stem(_talk(real.words, rng)) for _ in range(round(400 * size))]
    rooms = [rest for _, rest in map(mixtures._apart, real.cries) if len(rest) > RATE // 2]
    others = [*bank.others, *(mixtures._lasting(rest, rng) for rest in rooms)]
    return replace(bank, real_infants=infants, real_adults=talk, others=others)


def draw(bank: Bank, rng: np.random.Generator) -> Mixture:
    """Draw one mixture; in some the infant is left out, and some end early, as a last window."""
    drawn = mixtures.draw(bank, rng)
    mixture, who = drawn.mixture, drawn.who.copy()
    if rng.random() < 0.3:
        mixture, who[:, mixtures.INFANT] = mixture - drawn.infant, 0.0
    if rng.random() < 0.15:
        end = round(rng.uniform(0.2, 0.95) * len(who))
        who[end:] = 0.0
        mixture = np.where(np.arange(len(mixture)) < end * mixtures.HOP, mixture, np.float32(0))
    return replace(drawn, mixture=mixture.astype(np.float32), who=who)


def _infants(cries: Sequence[Array], rng: np.random.Generator, size: float) -> list[Stem]:
    """Cries as they are, cries of other infants, and cries in the rhythm of laugh and babble."""
    voices = [mixtures._apart(wave)[0] for wave in cries]
    stems = [_wide(voice, rng) for voice in voices]
    for kind, slower, count in (
        (None, None, 200),
        ("laugh", (0.8, 1.1), 200),
        ("babble", (0.55, 0.85), 150),
    ):
        for _ in range(round(count * size)):
            voice = voices[rng.integers(len(voices))]
            voice = revoiced(
                voice, 2 ** rng.uniform(-0.6, 0.6), rng.uniform(0.85, 1.2), rng.uniform(0.8, 1.25)
            )
            if kind and slower:
                voice = mixtures._in_rhythm(voice, kind, rng.uniform(*slower), rng)
            stems.append(_wide(voice, rng))
    return [Stem(wave) for wave in stems]


def _talk(words: Sequence[Array], rng: np.random.Generator) -> Array:
    """One adult after digit and digit, as a man, a woman, or somebody who talks to an infant."""
    wave = mixtures._sequence(list(words), rng).astype(np.float32)
    pitch = 2 ** rng.uniform(-0.4, 2.0)
    tract = rng.uniform(0.88, 1.12) * (1.0 if pitch < 1.5 else rng.uniform(1.0, 1.15))
    return _wide(revoiced(wave, pitch, tract, rng.uniform(0.75, 1.35)), rng)


def _motherese(stem: Stem, rng: np.random.Generator) -> Stem:
    wave = revoiced(stem.wave, 2 ** rng.uniform(0.0, 1.0), rng.uniform(0.9, 1.15), 1.0)
    return replace(stem, wave=wave)


def _wide(wave: Array, rng: np.random.Generator) -> Array:
    return filled(wave, rng) if rng.random() < 0.6 else wave
