"""What a clip's microphone records, and the parts it is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.nursery import sound
from pipeline.nursery.film import SOUND_HZ
from pipeline.nursery.performance import Performance
from pipeline.nursery.scenes import Scene

Array = NDArray[np.float64]

TRACK_HZ = 50
_PEAK = 0.65
_ROOM_TONE_DB = -32.0
_HEARD_DB = -32.0


@dataclass(frozen=True)
class Soundtrack:
    """A recording and its truth.

    Attributes:
        mix: (n, 2) what the file holds, at `SOUND_HZ`.
        infant, rest: (n,) the infant alone in a dead room, and all else; they add up to the mix
            (before clipping, where that is the fault).
        infant_sounds, adult_sounds, other_sounds: (T,) bool at `TRACK_HZ`.
    """

    mix: Array
    infant: Array
    rest: Array
    infant_sounds: NDArray[np.bool_]
    adult_sounds: NDArray[np.bool_]
    other_sounds: NDArray[np.bool_]


def record(rng: np.random.Generator, scene: Scene, performance: Performance) -> Soundtrack:
    """Record a scene's sound."""
    how = scene.how
    infant = sound.infant(performance, SOUND_HZ, rng)
    tone = sound.noise(scene.span_s, SOUND_HZ, rng, kind="rush")
    rest = (
        _quiet(tone)
        if performance.kind == "silent"
        else sound.at_ratio(tone, infant, _ROOM_TONE_DB)
    )
    beside = _beside(rng, scene)
    silence = np.zeros_like(infant)
    adult, other = (beside.get(who, silence) for who in ("adult", "other"))
    if beside:
        rest = rest + sound.at_ratio(adult + other, infant, how.sound_db)
    if how.sound == "echo":
        rest = rest + sound.echo(infant, SOUND_HZ, rng, t60_s=1.3, wet_db=6.0) - infant
    gain = _PEAK / max(float(np.abs(infant + rest).max()), 0.1)
    infant, rest = gain * infant, gain * rest
    mix = infant + rest
    if how.sound == "clipping":
        mix = sound.overdriven(mix, drive_db=14.0)
    return Soundtrack(
        np.stack([mix, 0.96 * mix], axis=1),
        infant,
        rest,
        _infant_heard(performance),
        _heard(adult),
        _heard(other),
    )


def _beside(rng: np.random.Generator, scene: Scene) -> dict[str, Array]:
    span_s, name = scene.span_s, scene.how.sound
    if name == "adult_speech":
        return {"adult": sound.adult_speech(span_s, SOUND_HZ, rng)}
    if name == "television":
        programme = 0.5 * sound.television(span_s, SOUND_HZ, rng)
        return {"adult": programme, "other": programme}
    if name == "music":
        return {"other": sound.music(span_s, SOUND_HZ, rng)}
    if name == "noise":
        return {"other": sound.noise(span_s, SOUND_HZ, rng, kind="appliance")}
    return {}


def _quiet(tone: Array) -> Array:
    """Set a room's noise to what a phone records where nobody sounds, -48 dB full scale."""
    return tone * 10 ** (-48.0 / 20.0) / max(float(np.sqrt(np.mean(tone**2))), 1e-9)


def _infant_heard(performance: Performance) -> NDArray[np.bool_]:
    loud = performance.sounding().astype(float)
    times = (np.arange(round(performance.span_s * TRACK_HZ)) + 0.5) / TRACK_HZ
    return np.interp(times, np.arange(len(loud)) / 120.0, loud) > 0.5


def _heard(part: Array) -> NDArray[np.bool_]:
    block = SOUND_HZ // TRACK_HZ
    power = np.square(part[: len(part) // block * block]).reshape(-1, block).mean(1)
    if power.max() <= 0:
        return np.zeros(len(power), bool)
    return np.asarray(power > power.max() * 10 ** (_HEARD_DB / 10.0))
