"""How a performance shows: expression latents and movements of the head, from one set of tracks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.morph.model import Morphable
from pipeline.nursery.motion import drift, steps
from pipeline.nursery.performance import RATE_HZ, Performance
from pipeline.nursery.scenes import Kind

Array = NDArray[np.float64]

_OWN_MODES = 0.22
_MOODS = ("lip_corner_pull", "cheek_raise", "brow_lower", "brow_bulge", "lip_corner_depress")
_MOOD_S, _MOOD_SHARE = 1.6, 0.85
_STRONGER = {("laugh", "lip_corner_pull"): 1.5, ("laugh", "cheek_raise"): 1.4}
_WIDEST_YAW_DEG, _WIDEST_PITCH_DEG, _WIDEST_ROLL_DEG = 27.0, 17.0, 16.0
# How far a head turns (yaw, pitch, roll, degrees) and how fast (Hz), by what its owner does.
_RESTLESS = {
    "cry": ((11.0, 6.5, 7.5), 0.9),
    "laugh": ((9.0, 6.0, 6.0), 0.7),
    "babble": ((11.0, 6.0, 5.5), 0.5),
    "fuss": ((10.0, 6.0, 6.0), 0.7),
    "silent": ((11.0, 6.0, 5.0), 0.4),
}


@dataclass(frozen=True)
class Motion:
    """Where a head is over F frames.

    Attributes:
        yaw_deg, pitch_deg, roll_deg: (F,).
        shift_mm: (F, 3) away from its place, camera axes.
        gaze_deg: (F, 2) to the infant's left and up.
    """

    yaw_deg: Array
    pitch_deg: Array
    roll_deg: Array
    shift_mm: Array
    gaze_deg: Array


def at(track: Array, time_s: Array) -> Array:
    """Read a track of a performance at any times (F,)."""
    return np.interp(time_s, np.arange(len(track)) / RATE_HZ, track)


def expressions(
    rng: np.random.Generator,
    model: Morphable,
    performance: Performance,
    time_s: Array,
    sides: float,
    held_shut: float = 0.0,
) -> NDArray[np.float32]:
    """Expression latents (F, 64) of a performance.

    `sides` makes one half of the face move more than the other; `held_shut` (0..1) keeps the
    mouth from opening, as a pacifier does. The model's unnamed modes wander a little.
    """
    names = list(performance.actions)
    tracks = np.stack([at(_lasting(name, performance), time_s) for name in names], axis=1)
    if held_shut > 0:
        for name in ("jaw_drop", "mouth_stretch_vertical", "tongue", "lip_funnel"):
            if name in names:
                tracks[:, names.index(name)] *= 1.0 - held_shut
    latents = tracks @ np.stack([model.action_vector({name: 1.0}) for name in names])
    for name, index in model.actions.items():
        if name.endswith(("_left", "_right")):
            latents[:, index] *= 1.0 + (sides if name.endswith("_left") else -sides)
    for index in range(len(model.actions), model.layout["expression"]):
        latents[:, index] += _OWN_MODES * drift(rng, time_s, 0.8)
    return latents.astype(np.float32)


def _lasting(name: str, performance: Performance) -> Array:
    """An action's track; a smile and a frown outlast the sound that they came with."""
    track = performance.actions[name] * _STRONGER.get((performance.kind, name), 1.0)
    if name in _MOODS:
        fade = np.exp(-1.0 / (_MOOD_S * RATE_HZ))
        level, held = 0.0, np.empty_like(track)
        for i, value in enumerate(_MOOD_SHARE * track):
            level = max(value, level * fade)
            held[i] = level
        track = np.maximum(track, held)
    return np.minimum(track, 1.0)


def movements(
    rng: np.random.Generator, performance: Performance, time_s: Array, kind: Kind
) -> Motion:
    """Draw how a head moves while its owner performs."""
    (yaw, pitch, roll), fastest_hz = _RESTLESS[performance.kind]
    upset = at(performance.energy, time_s) if performance.kind == "cry" else np.zeros(len(time_s))
    bounce = at(performance.energy, time_s) * (2.2 if performance.kind == "laugh" else 0.8)
    wild = 1.0 + 0.25 * upset
    yaw_deg = _within(yaw * wild * drift(rng, time_s, fastest_hz), _WIDEST_YAW_DEG)
    pitch_deg = pitch * drift(rng, time_s, fastest_hz) + bounce + 4.0 * upset + rng.normal(0, 3)
    roll_deg = _within(roll * wild * drift(rng, time_s, fastest_hz), _WIDEST_ROLL_DEG)
    if kind.yaw_deg:
        yaw_deg = rng.choice([-1.0, 1.0]) * kind.yaw_deg + 0.4 * yaw_deg
    if kind.roll_deg:
        roll_deg = rng.choice([-1.0, 1.0]) * kind.roll_deg + 0.5 * roll_deg
    sway = np.stack([drift(rng, time_s, 0.6) for _ in range(3)], axis=1)
    gaze = np.stack([steps(rng, time_s, performance.span_s, 1.1) for _ in range(2)], axis=1)
    return Motion(
        yaw_deg,
        _within(pitch_deg, _WIDEST_PITCH_DEG),
        roll_deg,
        sway * np.array([5.0, 3.5, 12.0]) + np.stack([0 * bounce, -bounce, 0 * bounce], axis=1),
        _looking(yaw_deg, pitch_deg, gaze),
    )


def _looking(yaw_deg: Array, pitch_deg: Array, gaze: Array) -> Array:
    """Where the eyes look (F, 2): mostly at the camera, so against the turn of the head."""
    left = np.clip(-0.6 * yaw_deg + 5.0 * gaze[:, 0], -15.0, 15.0)
    up = np.clip(-0.5 * pitch_deg + 3.5 * gaze[:, 1], -8.0, 8.0)
    return np.stack([left, up], axis=1)


def flush(performance: Performance, time_s: Array) -> Array:
    """How red the face gets (F,), 0..1: crying does that, a while after it began."""
    if performance.kind not in ("cry", "fuss"):
        return np.zeros(len(time_s))
    lag = np.exp(-np.arange(0.0, 4.0, 1 / RATE_HZ) / 1.2)
    effort = np.convolve(performance.energy, lag / lag.sum())[: len(performance.energy)]
    return 0.8 * np.sqrt(np.clip(at(effort, time_s), 0.0, 1.0))


def _within(angle: Array, widest: float) -> Array:
    return widest * np.tanh(angle / widest)
