"""The bank: voices, talk and noises by themselves, of which mixtures are drawn.

bank.npz    waves: one float16 array of all samples; ends, groups, kinds: one row a stem
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import resample_poly

from models.separator import resynthesis
from models.separator.textures import texture
from pipeline.nursery import sound
from pipeline.nursery.performance import KINDS, perform

RATE = 16000
STEM_S = 7.0

Array = NDArray[np.float32]

_INFANTS = {"cry": 160, "laugh": 260, "babble": 220, "fuss": 130, "feeding": 80}
_REAL = {"laugh": 420, "babble": 200, "fuss": 140, "feeding": 40}


@dataclass(frozen=True)
class Stem:
    """One sound (n,) at 16 kHz; `kind` is the vocalization or the sort of noise, if any.

    Groups: infant, adult, television, music, call, noise, other, and real_ before infant, adult,
    other, noise, music.
    """

    group: str
    wave: Array
    kind: str = ""


@dataclass(frozen=True)
class Recordings:
    """Real sound that may be learned from: cries and words, and the digest of each file."""

    cries: list[Array]
    words: list[Array]
    digests: list[str]


def read_recordings(folder: Path | None, held_out: tuple[str, ...], kept: bool) -> Recordings:
    """Read `folder`/cry and `folder`/speech, all but (`kept`: only) files with names of `held_out`.

    A name counts as held out if one of `held_out` begins it, or stands in it between underscores.
    """
    found: dict[str, list[Array]] = {"cry": [], "speech": []}
    digests = []
    for kind, waves in found.items():
        for path in sorted((folder / kind).glob("*.wav")) if folder else []:
            out = any(path.name.startswith(x) or f"_{x}_" in path.name for x in held_out)
            if out == kept:
                waves.append(_read(path))
                digests.append(hashlib.sha256(path.read_bytes()).hexdigest())
    return Recordings(found["cry"], found["speech"], digests)


def synthetic(rng: np.random.Generator, size: float = 1.0) -> list[Stem]:
    """Stems out of nothing: infants, adults, television, music, calls, noises."""
    stems = []
    for kind in _INFANTS:
        for _ in range(round(_INFANTS[kind] * size) if kind in KINDS else 0):
            wave = sound.infant(perform(kind, STEM_S, rng), RATE, rng)
            stems.append(_stem("infant", wave, kind))
    makers: tuple[tuple[str, int, Callable[[], NDArray]], ...] = (
        ("adult", 340, lambda: sound.adult_speech(STEM_S, RATE, rng)),
        ("television", 90, lambda: sound.television(STEM_S, RATE, rng)),
        ("call", 520, lambda: sound.calls(STEM_S, RATE, rng)),
        ("music", 170, lambda: sound.music(STEM_S, RATE, rng)),
        ("noise", 180, lambda: sound.noise(STEM_S, RATE, rng)),
        ("other", 700, lambda: texture(STEM_S, rng)),
    )
    for group, count, make in makers:
        stems += [_stem(group, make()) for _ in range(round(count * size))]
    return stems


def resynthesised(real: Recordings, rng: np.random.Generator, size: float = 1.0) -> list[Stem]:
    """Stems out of real recordings: as they are, as others, in other rhythms; rooms, sentences."""
    if not real.cries:
        return _talk(real.words, rng, size)
    stems = []
    for wave in real.cries:
        rest, clearness = resynthesis.pauses(wave)
        if len(rest) > RATE // 2:
            stems.append(_stem("real_other", resynthesis.lasting(rest, STEM_S, rng)))
        if clearness > 10:
            stems += [_stem("real_infant", _long(wave), "cry")]
            stems += [_stem("real_infant", _long(_other(wave, rng)), "cry") for _ in range(2)]
    for kind in _REAL:
        for _ in range(round(_REAL[kind] * size) if kind in KINDS else 0):
            voice = _other(real.cries[rng.integers(len(real.cries))], rng)
            wave = resynthesis.in_rhythm(voice, kind, STEM_S, rng)
            stems.append(_stem("real_infant", wave, kind))
    return stems + _talk(real.words, rng, size)


def _talk(words: list[Array], rng: np.random.Generator, size: float) -> list[Stem]:
    """Sentences, each of one voice: the speaker's own, or one with another larynx and tract."""
    stems = []
    for _ in range(round(40 * size) if words else 0):
        pitch, tract = 2 ** rng.uniform(-0.4, 0.9), 2 ** rng.uniform(-0.15, 0.35)
        own = rng.random() < 0.15
        among = [words[n] for n in rng.choice(len(words), min(len(words), 40), replace=False)]
        said = [
            word if own else resynthesis.revoiced(word, pitch, tract, rng.uniform(0.75, 1.2))
            for word in among
        ]
        for _ in range(9):
            wave = resynthesis.sentence(said, STEM_S, rng)
            wave = resynthesis.widened(wave, rng) if rng.random() < 0.6 else wave
            stems.append(_stem("real_adult", wave))
    return stems


def _other(wave: Array, rng: np.random.Generator) -> Array:
    """Another infant: higher or lower, of a shorter or longer tract, by a better microphone."""
    pitch = 2 ** rng.uniform(-0.5, 0.5)
    tract = 2 ** rng.uniform(-0.25, 0.25)
    other = resynthesis.revoiced(wave, pitch, tract, rng.uniform(0.8, 1.25))
    return resynthesis.widened(other, rng) if rng.random() < 0.7 else other


def _long(wave: Array) -> Array:
    return np.resize(wave, max(len(wave), round(4.0 * RATE)))[: round(STEM_S * RATE)]


def _stem(group: str, wave: NDArray, kind: str = "") -> Stem:
    top = max(float(np.abs(wave).max(initial=0.0)), 1e-6)
    return Stem(group, (0.5 * wave / top).astype(np.float32), kind)


def _read(path: Path) -> Array:
    wave, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = wave.mean(1) - wave.mean()
    mono = np.asarray(resample_poly(mono, RATE, rate), np.float32)
    return 0.5 * mono / max(float(np.abs(mono).max(initial=0.0)), 1e-3)


def save(path: Path, stems: list[Stem]) -> None:
    """Write stems into one file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        path,
        waves=np.concatenate([np.zeros(0), *(stem.wave for stem in stems)]).astype(np.float16),
        ends=np.cumsum([len(stem.wave) for stem in stems], dtype=np.int64),
        groups=np.array([stem.group for stem in stems], np.str_),
        kinds=np.array([stem.kind for stem in stems], np.str_),
    )


def load(path: Path) -> list[Stem]:
    """Read what `save` wrote; the waves stay in half precision until they are used."""
    with np.load(path, allow_pickle=False) as file:
        waves, ends, groups, kinds = (file[name] for name in ("waves", "ends", "groups", "kinds"))
    parts = np.split(waves, ends[:-1]) if len(ends) else []
    return [
        Stem(str(group), part, str(kind))
        for group, part, kind in zip(groups, parts, kinds, strict=True)
    ]
