"""Stems out of the bank that models/recordings gathers: other adults, noises, music."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import soundfile

from models.separator import resynthesis
from models.separator.stems import RATE, STEM_S, Array, Stem

_SAMPLES = round(STEM_S * RATE)
_OTHERS = {"animals": 4, "birds": 4, "dogs": 10, "cats": 24}
"""In how many other sizes an animal is heard beside its own; the rarer, the more."""


def gathered(bank: Path, rng: np.random.Generator, size: float = 1.0) -> list[Stem]:
    """Stems of `bank`/speech, noise and music; where a noise came from is its `kind`."""
    stems = []
    for speaker in sorted((bank / "speech").iterdir()):
        stems += _talk(speaker, rng, size)
    for path in sorted((bank / "noise").rglob("*.flac")):
        wave, sort = read(path), path.parent.name
        stems += [Stem("real_noise", part, sort) for part in _parts(wave)]
        stems += [Stem("real_noise", other, sort) for other in _others(wave, sort, rng)]
    for path in sorted((bank / "music").glob("*.flac")):
        stems += [Stem("real_music", part) for part in _parts(read(path))]
    return stems


def _others(wave: Array, sort: str, rng: np.random.Generator) -> list[Array]:
    """Other animals than a recorded one: larger, smaller, faster, slower."""
    count = _OTHERS.get(sort, 0) if len(wave) > RATE // 4 else 0
    whole = wave[:_SAMPLES]
    changes = 2 ** rng.uniform((-0.8, -0.4, -0.3), (0.8, 0.4, 0.3), (count, 3))
    return [resynthesis.revoiced(whole, *change) for change in changes.tolist()]


def digests(bank: Path) -> list[str]:
    """Of every recording in `bank`."""
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in bank.rglob("*.flac")]


def _talk(speaker: Path, rng: np.random.Generator, size: float) -> list[Stem]:
    """What one says, strung together; half of it in other voices, up to a child's height."""
    said = [read(path) for path in sorted(speaker.glob("*.flac"))]
    stems = []
    for number in range(round(min(90, 12 + len(said) / 4) * size)):
        wave = resynthesis.sentence(said, STEM_S, rng)
        if number % 2:
            pitch, tract = 2 ** rng.uniform(-0.4, 0.9), 2 ** rng.uniform(-0.15, 0.35)
            wave = resynthesis.revoiced(wave, pitch, tract, 1.0)
        stems.append(Stem("real_adult", wave))
    return stems


def _parts(wave: Array) -> list[Array]:
    """Pieces of at most STEM_S; a rest of less than a second is left out, a short whole is not."""
    starts = [0, *range(_SAMPLES, max(_SAMPLES, len(wave) - RATE), _SAMPLES)]
    return [wave[start : start + _SAMPLES] for start in starts]


def read(path: Path) -> Array:
    """A recording (n,) at 16 kHz whose loudest is 0.5."""
    wave, _ = soundfile.read(path, dtype="float32")
    return np.asarray(0.5 * wave / max(float(np.abs(wave).max(initial=0.0)), 1e-3), np.float32)
