"""Sound and faces without a single pixel: many hours to learn from, and harder than what is filmed.

    who = infant(7)
    made = unseen("cry", who, 6.0, np.random.default_rng(1), faces=5)
    made.sound            # (96000,) at 16 kHz
    made.faces[0]         # {"jaw_drop": (180,), ...} at 30 a second; four more may go with it

In the nursery that is filmed one track drives sound and face, so that loudness tells nearly all.
Here it does not:

- How far the mouth opens and how loud it gets are drawn apart for every event; the opening is heard
  in the formants alone. Some events are hummed with closed lips.
- The mouth leads the sound by 20 to 200 ms, by habit and by chance.
- Before many events the mouth opens to breathe in, and in silence it yawns, sucks and licks, all
  without a sound.
- The same sound goes with several manners of face: a square cry or a round one, a broad laugh or an
  open one, calm brows or knitted ones.
- How far, how early, how lopsided and how open at rest is a habit of the infant, most of it to be
  told from its face and age.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.morph.model import Morphable
from pipeline.nursery.curves import RATE_HZ, Array, ahead, arch, smooth, wander
from pipeline.nursery.performance import Performance, perform
from pipeline.nursery.sound import at_ratio, noise
from pipeline.nursery.sound import infant as voice

SOUND_HZ = 16_000
FPS = 30.0
_TOLD = 0.8
"""Share of a habit that face and age tell; the rest is the infant's own."""
_HUMS = {"cry": 0.08, "laugh": 0.08, "babble": 0.25, "fuss": 0.3, "silent": 0.0}
_NOISE_DB = -30.0
_SIDED = ("lip_corner_pull_left", "lip_corner_pull_right")
_FUNNEL = "lip_funnel"
_WITH_OPENING: dict[str, dict[str, float]] = {
    "cry": {
        "jaw_drop": 0.85,
        "mouth_stretch_vertical": 0.55,
        "mouth_stretch_horizontal": 0.2,
        "upper_lip_raise": 0.15,
        "cheek_raise": 0.15,
        "nasolabial_furrow": 0.1,
        "tongue": 0.25,
    },
    "laugh": {
        "jaw_drop": 0.8,
        "mouth_stretch_vertical": 0.2,
        "mouth_stretch_horizontal": 0.05,
        "lip_corner_pull": 0.1,
        "cheek_raise": 0.1,
    },
    "babble": {
        "jaw_drop": 0.95,
        "mouth_stretch_vertical": 0.1,
        "tongue": 0.15,
        "chin_raise": -0.1,
    },
    "fuss": {"jaw_drop": 0.8, "cheek_raise": 0.1},
    "silent": {"jaw_drop": 0.8},
}
"""How far each action goes with the opening of the mouth, as performances have it."""


@dataclass(frozen=True)
class Habits:
    """What an infant's face does whatever it does."""

    lead_s: float
    gain: float
    rest: float
    manner: float
    brows: float
    lopsided: float
    breathes: float
    fidgets: float


@dataclass(frozen=True)
class Infant:
    """Somebody, with latents of the morphable model and habits."""

    name: str
    identity: Array
    """(32,)"""
    age: float
    habits: Habits


@dataclass(frozen=True)
class Unseen:
    """A sound, and faces that may go with it, those of others last."""

    kind: str
    infant: Infant
    sound: Array
    """(N,) at 16 kHz."""
    faces: tuple[Mapping[str, Array], ...]
    """Facial actions (T,) at 30 frames a second, each 0..1."""


def infant(number: int) -> Infant:
    """The `number`th infant; always the same one."""
    random = np.random.default_rng([number, 41])
    identity, age = random.standard_normal(32), float(random.standard_normal())
    habits = _habits(identity, age, random.standard_normal(8))
    return Infant(f"unseen{number:03d}", identity, age, habits)


def alike(who: Infant, number: int) -> Infant:
    """The `number`th of those who look the same and have habits of their own."""
    own = np.random.default_rng([number, 47]).standard_normal(8)
    return replace(who, name=f"{who.name}-{number}", habits=_habits(who.identity, who.age, own))


def _habits(identity: Array, age: float, own: Array) -> Habits:
    """Habits that hang on the first latents and on age through fixed directions, and on its own."""
    directions = np.random.default_rng(43).standard_normal((8, 9)) / 3.0
    told = directions @ np.append(identity[:8], age)
    lean = np.tanh(_TOLD**0.5 * told + (1 - _TOLD) ** 0.5 * own)
    return Habits(
        lead_s=0.08 + 0.06 * lean[0],
        gain=1.0 + 0.3 * lean[1],
        rest=0.03 + 0.03 * lean[2],
        manner=0.5 + 0.4 * lean[3],
        brows=0.9 + 0.4 * lean[4],
        lopsided=0.5 * lean[5],
        breathes=0.6 + 0.3 * lean[6],
        fidgets=0.15 + 0.1 * lean[7],
    )


def unseen(
    kind: str,
    who: Infant,
    span_s: float,
    rng: np.random.Generator,
    faces: int = 1,
    others: Sequence[Infant] = (),
) -> Unseen:
    """Make a sound of `kind` (see `KINDS`), so many faces that go with it, and others' after."""
    heard = _told_apart(perform(kind, span_s, rng), rng)
    clean = voice(heard, SOUND_HZ, rng)
    room = noise(span_s, SOUND_HZ, rng)
    sound = clean + at_ratio(room, clean, _NOISE_DB) if np.any(clean) else 1e-3 * room
    shown = [*[who] * faces, *others]
    # How near the microphone is says nothing of the face.
    sound = sound * rng.uniform(0.15, 1.0)
    return Unseen(kind, who, sound, tuple(_face(heard, one.habits, rng) for one in shown))


def latents(face: Morphable, actions: Mapping[str, Array]) -> Array:
    """Expression latents (T, 64) of facial actions (T,) each."""
    matrix = np.stack([face.action_vector({name: 1.0}) for name in actions])
    return np.stack(list(actions.values()), 1) @ matrix


def _told_apart(shown: Performance, rng: np.random.Generator) -> Performance:
    """Draw loudness and opening of every event apart, hum some, and fall silent for a while."""
    times = np.arange(len(shown.energy)) / RATE_HZ
    loud, wide = np.ones_like(times), np.ones_like(times)
    hum = np.zeros_like(times)
    for start_s, end_s in shown.events:
        event = (times > start_s - 0.04) & (times < end_s + 0.04)
        loud[event] = rng.uniform(0.6, 1.0)
        if rng.random() < _HUMS[shown.kind]:
            hum[event] = 1.0
        else:
            wide[event] = rng.uniform(0.3, 1.2)
    pause = _pause(times, rng)
    sounding = 1.0 - smooth(pause, 0.04)
    hum = smooth(hum, 0.03) * sounding
    opening = shown.mouth_open * smooth(wide, 0.03) * (1 - hum) * sounding
    press = np.maximum(shown.actions["lip_press"], 0.7 * hum) * sounding
    moved = opening - shown.mouth_open
    return replace(
        shown,
        energy=np.clip(shown.energy * smooth(loud, 0.02) * sounding, 0.0, 1.0),
        mouth_open=np.clip(opening, 0.0, 1.0),
        actions=_calmed(_follow(shown.kind, shown.actions, moved), pause) | {"lip_press": press},
        events=tuple(e for e in shown.events if sounding[_at(sum(e) / 2, times)] > 0.5),
    )


def _pause(times: Array, rng: np.random.Generator) -> Array:
    """A stretch in which nothing is done, in most spans: 1 there, 0 elsewhere."""
    span_s = len(times) / RATE_HZ
    if rng.random() < 0.3:
        return np.zeros_like(times)
    long_s = rng.uniform(0.2, 0.4) * span_s
    start_s = rng.uniform(0.0, span_s - long_s)
    return ((times > start_s) & (times < start_s + long_s)).astype(float)


def _calmed(actions: Mapping[str, Array], pause: Array) -> dict[str, Array]:
    """Let the face go slack in a pause; a mood fades slower than a sound."""
    mood = 1.0 - smooth(pause, 0.12)
    return {name: track * mood for name, track in actions.items()}


def _at(time_s: float, times: Array) -> int:
    return min(len(times) - 1, max(0, round(time_s * RATE_HZ)))


def _follow(kind: str, actions: Mapping[str, Array], moved: Array) -> dict[str, Array]:
    """Let everything that goes with the opening of the mouth follow a change of it."""
    return {
        name: np.clip(track + _WITH_OPENING[kind].get(name, 0.0) * moved, 0.0, 1.0)
        for name, track in actions.items()
    }


def _face(heard: Performance, habits: Habits, rng: np.random.Generator) -> dict[str, Array]:
    """One of the faces that go with what is heard, at 30 frames a second."""
    times = np.arange(len(heard.energy)) / RATE_HZ
    lead_s = float(np.clip(habits.lead_s + rng.normal(0, 0.02), 0.0, 0.16))
    gain = habits.gain * rng.uniform(0.85, 1.15) * wander(times, rng, 0.1, slow_s=0.4)
    jaw = ahead(heard.mouth_open, lead_s) * gain
    breath = _breaths(times, heard, habits, rng)
    fidget, lips = _fidgets(times, heard, habits, rng)
    opened = np.clip(habits.rest + np.maximum(jaw, np.maximum(breath, fidget)), 0.0, 1.0)
    led = {name: ahead(track, lead_s) for name, track in heard.actions.items()}
    actions = _follow(heard.kind, led, opened - ahead(heard.mouth_open, lead_s))
    actions["lip_press"] = np.clip(actions["lip_press"] * (1 - breath) * (1 - fidget), 0.0, 1.0)
    actions["lip_pucker"] = np.maximum(actions["lip_pucker"], lips)
    _mannered(heard.kind, actions, opened, habits, rng)
    return {name: heard.sampled(np.clip(track, 0, 1), FPS) for name, track in actions.items()}


def _breaths(times: Array, heard: Performance, habits: Habits, rng: np.random.Generator) -> Array:
    """Openings to breathe in before events that follow on a pause, without a sound."""
    breath, last_s = np.zeros_like(times), -1.0
    for start_s, end_s in heard.events:
        if start_s - last_s > 0.2 and rng.random() < habits.breathes:
            long_s = rng.uniform(0.15, 0.35)
            peak = rng.uniform(0.15, 0.4) * habits.gain
            swell = arch(times, start_s - long_s, start_s + 0.08, 0.12, 0.1)
            breath = np.maximum(breath, peak * swell)
        last_s = end_s
    return breath


def _fidgets(
    times: Array, heard: Performance, habits: Habits, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Yawns, licks and sucking in silence: how far the jaw drops, and how far the lips purse."""
    jaw, lips = np.zeros_like(times), np.zeros_like(times)
    for start_s, end_s in _gaps(heard):
        if end_s - start_s < 0.5 or rng.random() > habits.fidgets:
            continue
        long_s = min(end_s - start_s, rng.uniform(0.4, 0.9))
        # A gap that is taken whole may come out a rounding error too short.
        begin_s = rng.uniform(start_s, max(start_s, end_s - long_s))
        swell = arch(times, begin_s, begin_s + long_s, 0.15, 0.2)
        if rng.random() < 0.5:
            jaw = np.maximum(jaw, rng.uniform(0.15, 0.5) * swell)
        else:
            beat = 0.5 - 0.5 * np.cos(2 * np.pi * rng.uniform(1.6, 2.4) * (times - begin_s))
            lips = np.maximum(lips, 0.6 * swell * beat)
            jaw = np.maximum(jaw, 0.12 * swell * beat)
    return jaw, lips


def _gaps(heard: Performance) -> list[tuple[float, float]]:
    """Stretches between events, ends of the span included."""
    edges = [0.0, *(edge for event in heard.events for edge in event), heard.span_s]
    return [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b > a]


def _mannered(
    kind: str,
    actions: dict[str, Array],
    opened: Array,
    habits: Habits,
    rng: np.random.Generator,
) -> None:
    """Choose between two manners of face that sound alike, and how much the brows tell."""
    broad = 1.0 if rng.random() < habits.manner else 0.0
    amount = rng.uniform(0.25, 0.5) * opened
    actions[_FUNNEL] = (1 - broad) * amount
    actions["mouth_stretch_horizontal"] = actions["mouth_stretch_horizontal"] + broad * amount
    if kind in ("laugh", "babble"):
        actions["lip_corner_pull"] = actions["lip_corner_pull"] * (0.6 + 0.6 * broad)
    brows = habits.brows * rng.uniform(0.7, 1.3)
    for name in ("brow_lower", "brow_bulge", "eye_squeeze"):
        actions[name] = actions[name] * brows
    pull = actions.pop("lip_corner_pull")
    for name, side in zip(_SIDED, (1.0, -1.0), strict=True):
        actions[name] = pull * (1 + side * habits.lopsided)
