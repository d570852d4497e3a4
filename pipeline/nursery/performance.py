"""What an infant does for a few seconds: one latent that drives both the sound and the face.

    performance = perform("cry", 5.0, np.random.default_rng(3))
    performance.energy            # (600,) loudness, 0 silent .. 1 full, at 120 Hz
    performance.actions["jaw_drop"]   # (600,) 0..1

Rates, durations and pitches after Michelsson et al. 2002 (cry, doi 10.1159/000063190), Sauter et
al. 2018 (laugh), Dolata et al. 2008 (babble); mouth opening and cheek raising grow with the
intensity of smile and cry alike (Messinger et al. 2012).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

Array = NDArray[np.float64]

RATE_HZ = 120.0

ACTIONS = (
    "jaw_drop",
    "lip_corner_pull",
    "lip_corner_depress",
    "lip_stretch",
    "mouth_stretch_vertical",
    "mouth_stretch_horizontal",
    "upper_lip_raise",
    "eye_squeeze",
    "brow_lower",
    "brow_bulge",
    "cheek_raise",
    "nasolabial_furrow",
    "lip_pucker",
    "lip_press",
    "tongue",
    "chin_raise",
    "nose_wrinkle",
    "lid_closure",
)


@dataclass(frozen=True)
class Performance:
    """Time courses at `RATE_HZ`, each (T,): see the fields.

    energy, voiced, noisiness, mouth_open and every action go 0..1; `f0_hz` is a pitch everywhere,
    also where nothing sounds; `front` places the tongue (0 back, 1 front) and so the second
    formant. `events` are the sounding stretches (start_s, end_s): bursts, giggles, syllables.
    """

    kind: str
    energy: Array
    voiced: Array
    f0_hz: Array
    noisiness: Array
    front: Array
    mouth_open: Array
    actions: Mapping[str, Array]
    events: tuple[tuple[float, float], ...]

    @property
    def span_s(self) -> float:
        """Length in seconds."""
        return len(self.energy) / RATE_HZ

    def sampled(self, track: Array, rate_hz: float) -> Array:
        """Give a track of this performance at another rate, (round(span_s * rate_hz),)."""
        times = np.arange(round(self.span_s * rate_hz)) / rate_hz
        return np.interp(times, np.arange(len(track)) / RATE_HZ, track)

    def sounding(self, floor: float = 0.12) -> NDArray[np.bool_]:
        """Tell where the infant can be heard, (T,): what is fainter drowns in any quiet room."""
        return self.energy > floor


@dataclass
class _Draft:
    """Tracks while they are being composed."""

    span_s: float
    times: Array = field(init=False)
    energy: Array = field(init=False)
    jaw: Array = field(init=False)
    voiced: Array = field(init=False)
    f0_hz: Array = field(init=False)
    noisiness: Array = field(init=False)
    front: Array = field(init=False)
    arousal: Array = field(init=False)
    press: Array = field(init=False)
    pucker: Array = field(init=False)
    events: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.times = np.arange(round(self.span_s * RATE_HZ)) / RATE_HZ
        flat = np.zeros_like(self.times)
        self.energy, self.jaw, self.arousal = flat.copy(), flat.copy(), flat.copy()
        self.press, self.pucker = flat.copy(), flat.copy()
        self.voiced, self.noisiness = flat + 1.0, flat + 0.05
        self.f0_hz, self.front = flat + 380.0, flat + 0.5

    def within(self, start_s: float, end_s: float) -> slice:
        """Samples between two times."""
        return slice(max(0, round(start_s * RATE_HZ)), max(0, round(end_s * RATE_HZ)))


def perform(kind: str, span_s: float, rng: np.random.Generator) -> Performance:
    """Compose a performance of `kind` (see `KINDS`) lasting `span_s` seconds.

    Raises ValueError for a kind that is not known.
    """
    if kind not in _SCORES:
        raise ValueError(f"unknown kind of performance {kind!r}: one of {', '.join(_SCORES)}")
    draft = _Draft(span_s)
    _SCORES[kind](draft, rng)
    draft.energy = np.clip(draft.energy, 0.0, 1.0)
    lead_s = rng.uniform(0.03, 0.08) if kind in ("cry", "fuss") else rng.uniform(0.02, 0.04)
    jaw = np.clip(_ahead(_smooth(draft.jaw, 0.018), lead_s), 0.0, 1.0)
    actions = _face(kind, draft, jaw, rng)
    return Performance(
        kind=kind,
        energy=draft.energy,
        voiced=np.clip(draft.voiced, 0.0, 1.0),
        f0_hz=draft.f0_hz * _wander(draft.times, rng, 0.012),
        noisiness=np.clip(draft.noisiness, 0.0, 1.0),
        front=np.clip(_smooth(draft.front, 0.03), 0.0, 1.0),
        mouth_open=jaw,
        actions=actions,
        events=tuple(draft.events),
    )


# --- what sounds ------------------------------------------------------------------------------


def _cry(draft: _Draft, rng: np.random.Generator) -> None:
    """Bursts of 1.4 +- 0.6 s with an inspiration after each; pitch rises, then falls."""
    drive = rng.uniform(0.7, 1.0)
    pitch_hz = float(np.clip(rng.normal(480, 55), 370, 600))
    at_s = rng.uniform(0.05, 0.4)
    while at_s < draft.span_s - 0.3:
        long_s = float(np.clip(rng.normal(1.3, 0.5), 0.5, 2.5))
        peak = drive * rng.uniform(0.75, 1.0)
        _cry_burst(draft, rng, at_s, at_s + long_s, peak, pitch_hz * rng.uniform(0.92, 1.08))
        at_s += long_s + rng.uniform(0.04, 0.12)
        breath_s = rng.uniform(0.15, 0.3)
        _inspiration(draft, rng, at_s, at_s + breath_s, peak, pitch_hz)
        at_s += breath_s + rng.uniform(0.03, 0.1)
        if rng.random() < 0.12:
            at_s += rng.uniform(0.3, 0.8)


def _cry_burst(
    draft: _Draft,
    rng: np.random.Generator,
    start_s: float,
    end_s: float,
    peak: float,
    pitch_hz: float,
) -> None:
    swell = _arch(draft.times, start_s, end_s, rng.uniform(0.1, 0.25), rng.uniform(0.2, 0.45))
    tremor = 1 + 0.07 * np.sin(2 * np.pi * rng.uniform(5, 8) * draft.times + rng.uniform(0, 6))
    draft.energy = np.maximum(draft.energy, peak * swell * tremor)
    draft.jaw = np.maximum(draft.jaw, (0.1 + 0.9 * peak) * swell)
    draft.arousal = np.maximum(draft.arousal, peak * _arch(draft.times, start_s, end_s, 0.3, 0.8))
    where = draft.within(start_s, end_s)
    phase = (draft.times[where] - start_s) / (end_s - start_s)
    if rng.random() < 0.1:
        pitch_hz = rng.uniform(1000, 1700)
    draft.f0_hz[where] = pitch_hz * _rise_and_fall(phase, rng)
    if rng.random() < 0.5:
        centre, width = rng.uniform(0.2, 0.8), rng.uniform(0.1, 0.35)
        rough = np.exp(-0.5 * ((phase - centre) / width) ** 2)
        draft.noisiness[where] += rng.uniform(0.3, 0.8) * rough
    draft.front[where] = rng.uniform(0.45, 0.75)
    draft.events.append((start_s, min(end_s, draft.span_s)))


def _inspiration(
    draft: _Draft,
    rng: np.random.Generator,
    start_s: float,
    end_s: float,
    peak: float,
    pitch_hz: float,
) -> None:
    if start_s > draft.span_s - 0.1:
        return
    swell = _arch(draft.times, start_s, end_s, 0.06, 0.06)
    draft.energy = np.maximum(draft.energy, 0.35 * peak * swell)
    held = _arch(draft.times, start_s - 0.15, end_s + 0.1, 0.12, 0.12)
    draft.jaw = np.maximum(draft.jaw, 0.4 * peak * held)
    where = draft.within(start_s, end_s)
    draft.voiced[where] = rng.uniform(0.0, 0.6)
    draft.noisiness[where] = 0.8
    draft.f0_hz[where] = pitch_hz * rng.uniform(1.2, 1.6)


def _laugh(draft: _Draft, rng: np.random.Generator) -> None:
    """Bouts of 0.5 to 2 s of about five giggles a second, on the way out and on the way in."""
    pitch_hz = rng.uniform(320, 520)
    drive = rng.uniform(0.7, 1.0)
    at_s = rng.uniform(0.05, 0.4)
    while at_s < draft.span_s - 0.3:
        long_s = rng.uniform(0.6, 2.0)
        peak = drive * rng.uniform(0.75, 1.0)
        outward = True
        bout = _arch(draft.times, at_s, at_s + long_s, 0.15, 0.35)
        draft.arousal = np.maximum(draft.arousal, peak * _smooth(bout, 0.12))
        draft.jaw = np.maximum(draft.jaw, 0.3 * peak * bout)
        for start_s in _beats(at_s, at_s + long_s, rng.uniform(4.4, 5.6), rng):
            faded = peak * (1 - 0.3 * (start_s - at_s) / long_s)
            _giggle(draft, rng, start_s, faded, pitch_hz, outward)
            outward = rng.random() > 0.25
        at_s += long_s + rng.uniform(0.25, 0.7)


def _giggle(
    draft: _Draft,
    rng: np.random.Generator,
    start_s: float,
    peak: float,
    pitch_hz: float,
    outward: bool,
) -> None:
    long_s = rng.uniform(0.12, 0.16)
    strength = peak * rng.uniform(0.8, 1.0) * (1.0 if outward else 0.65)
    swell = _arch(draft.times, start_s, start_s + long_s, 0.035, 0.07)
    draft.energy = np.maximum(draft.energy, strength * swell)
    draft.jaw = np.maximum(draft.jaw, (0.2 + 0.75 * strength) * _smooth(swell, 0.012))
    where = draft.within(start_s - 0.01, start_s + long_s + 0.02)
    phase = np.linspace(0, 1, len(draft.times[where]))
    lift = rng.uniform(0.95, 1.35) * (1.0 if outward else 1.4)
    draft.f0_hz[where] = pitch_hz * lift * (1.1 - 0.25 * phase)
    draft.noisiness[where] = rng.uniform(0.15, 0.4) + (0.0 if outward else 0.3)
    draft.voiced[where] = 1.0 if outward else rng.uniform(0.3, 0.9)
    draft.front[where] = rng.uniform(0.6, 0.8)
    if start_s + long_s <= draft.span_s:
        draft.events.append((start_s, start_s + long_s))


def _babble(draft: _Draft, rng: np.random.Generator) -> None:
    """Phrases of about three syllables a second: a closure, then an open vowel."""
    pitch_hz = rng.uniform(280, 400)
    at_s = rng.uniform(0.05, 0.4)
    while at_s < draft.span_s - 0.3:
        long_s = rng.uniform(0.8, 2.8)
        peak = rng.uniform(0.65, 0.95)
        front, rounded = rng.uniform(0.1, 0.9), rng.random() < 0.3
        labial = rng.random() < 0.6
        rise = rng.uniform(-0.25, 0.15)
        begins = _beats(at_s, at_s + long_s, rng.uniform(2.6, 3.4), rng)
        for start_s, next_s in zip(begins, [*begins[1:], begins[-1] + 0.33], strict=True):
            along = (start_s - at_s) / long_s
            tone_hz = pitch_hz * (1 + rise * along) * rng.uniform(0.95, 1.08)
            if rng.random() < 0.3:
                front = rng.uniform(0.1, 0.9)
            _syllable(draft, rng, start_s, next_s, peak * rng.uniform(0.85, 1), tone_hz, labial)
            draft.front[draft.within(start_s, next_s)] = front
            if rounded:
                vowel = _arch(draft.times, start_s, next_s, 0.08, 0.08)
                draft.pucker = np.maximum(draft.pucker, 0.6 * vowel)
        draft.arousal = np.maximum(
            draft.arousal, 0.4 * peak * _arch(draft.times, at_s, at_s + long_s, 0.2, 0.4)
        )
        at_s = begins[-1] + 0.33 + rng.uniform(0.25, 0.8)


def _syllable(
    draft: _Draft,
    rng: np.random.Generator,
    start_s: float,
    next_s: float,
    peak: float,
    tone_hz: float,
    labial: bool,
) -> None:
    closed_s = rng.uniform(0.05, 0.09)
    open_s = start_s + closed_s
    swell = _arch(draft.times, open_s, next_s, 0.07, 0.12)
    murmur = 0.22 * peak * _arch(draft.times, start_s, open_s + 0.03, 0.02, 0.02)
    draft.energy = np.maximum(draft.energy, np.maximum(peak * swell, murmur))
    draft.jaw = np.maximum(draft.jaw, (0.05 + 0.75 * peak) * swell)
    if labial:
        draft.press = np.maximum(
            draft.press, _arch(draft.times, start_s - 0.02, open_s + 0.03, 0.03, 0.03)
        )
    where = draft.within(start_s, next_s)
    phase = np.linspace(0, 1, len(draft.times[where]))
    draft.f0_hz[where] = np.clip(tone_hz * (1.03 + 0.06 * np.sin(np.pi * phase)), 245, 460)
    draft.noisiness[where] = 0.06
    if next_s <= draft.span_s:
        draft.events.append((start_s, next_s))


def _fuss(draft: _Draft, rng: np.random.Generator) -> None:
    """Whimpers of 0.2 to 0.7 s at irregular intervals: the way into a cry."""
    pitch_hz = rng.uniform(330, 470)
    at_s = rng.uniform(0.05, 0.5)
    while at_s < draft.span_s - 0.3:
        long_s = rng.uniform(0.2, 0.7)
        peak = rng.uniform(0.35, 0.65)
        swell = _arch(draft.times, at_s, at_s + long_s, 0.07, 0.12)
        draft.energy = np.maximum(draft.energy, peak * swell)
        draft.jaw = np.maximum(draft.jaw, 0.7 * peak * swell)
        draft.arousal = np.maximum(
            draft.arousal, peak * _arch(draft.times, at_s - 0.2, at_s + long_s + 0.4, 0.3, 0.4)
        )
        where = draft.within(at_s, at_s + long_s)
        phase = np.linspace(0, 1, len(draft.times[where]))
        draft.f0_hz[where] = pitch_hz * _rise_and_fall(phase, rng)
        draft.noisiness[where] = rng.uniform(0.1, 0.6)
        draft.events.append((at_s, min(at_s + long_s, draft.span_s)))
        at_s += long_s + rng.uniform(0.25, 0.9)


def _silent(draft: _Draft, rng: np.random.Generator) -> None:
    """Nothing to hear: small movements of the mouth, a passing mood."""
    drift = _wander(draft.times, rng, 1.0, slow_s=0.5) - 1.0
    draft.jaw = np.clip(0.06 + 0.05 * drift, 0.0, 0.25)
    draft.arousal = np.clip(0.15 + 0.12 * drift, 0.0, 0.5)


_SCORES: dict[str, Callable[[_Draft, np.random.Generator], None]] = {
    "cry": _cry,
    "laugh": _laugh,
    "babble": _babble,
    "fuss": _fuss,
    "silent": _silent,
}
KINDS = tuple(_SCORES)

# --- what shows -------------------------------------------------------------------------------

# How far each action goes with: the opening of the mouth, the slow arousal, the effort that
# rides on the loudness. Cry after NFCS and AU 4/6/9/20/27/43, laugh after AU 6/12/25/26.
_FACES: dict[str, dict[str, tuple[float, float, float]]] = {
    "cry": {
        "jaw_drop": (0.85, 0.0, 0.0),
        "mouth_stretch_vertical": (0.55, 0.0, 0.1),
        "mouth_stretch_horizontal": (0.2, 0.2, 0.3),
        "lip_stretch": (0.0, 0.25, 0.3),
        "lip_corner_depress": (0.0, 0.35, 0.15),
        "upper_lip_raise": (0.15, 0.2, 0.3),
        "eye_squeeze": (0.0, 0.55, 0.35),
        "brow_lower": (0.0, 0.5, 0.25),
        "brow_bulge": (0.0, 0.55, 0.25),
        "cheek_raise": (0.15, 0.25, 0.4),
        "nasolabial_furrow": (0.1, 0.35, 0.3),
        "tongue": (0.25, 0.0, 0.2),
        "nose_wrinkle": (0.0, 0.2, 0.3),
        "lid_closure": (0.0, 0.6, 0.3),
    },
    "laugh": {
        "jaw_drop": (0.8, 0.05, 0.0),
        "mouth_stretch_vertical": (0.2, 0.0, 0.0),
        "mouth_stretch_horizontal": (0.05, 0.15, 0.05),
        "lip_corner_pull": (0.1, 0.7, 0.15),
        "upper_lip_raise": (0.0, 0.15, 0.1),
        "cheek_raise": (0.1, 0.6, 0.2),
        "eye_squeeze": (0.0, 0.2, 0.1),
        "nasolabial_furrow": (0.0, 0.3, 0.1),
    },
    "babble": {
        "jaw_drop": (0.95, 0.0, 0.0),
        "mouth_stretch_vertical": (0.1, 0.0, 0.0),
        "lip_corner_pull": (0.0, 0.15, 0.0),
        "tongue": (0.15, 0.0, 0.0),
        "chin_raise": (-0.1, 0.1, 0.0),
    },
    "fuss": {
        "jaw_drop": (0.8, 0.0, 0.0),
        "lip_corner_depress": (0.0, 0.6, 0.2),
        "lip_stretch": (0.0, 0.15, 0.2),
        "chin_raise": (0.0, 0.6, 0.0),
        "brow_lower": (0.0, 0.4, 0.2),
        "brow_bulge": (0.0, 0.4, 0.2),
        "eye_squeeze": (0.0, 0.2, 0.2),
        "cheek_raise": (0.1, 0.1, 0.2),
    },
    "silent": {
        "jaw_drop": (0.8, 0.0, 0.0),
        "lip_corner_pull": (0.0, 0.4, 0.0),
    },
}


def _face(kind: str, draft: _Draft, jaw: Array, rng: np.random.Generator) -> dict[str, Array]:
    """Facial actions of a draft, each (T,) in 0..1; how much a face shows varies a little."""
    arousal = _smooth(draft.arousal, 0.1)
    effort = _smooth(draft.energy, 0.05)
    actions = {}
    for name in ACTIONS:
        opening, mood, strain = _FACES[kind].get(name, (0.0, 0.0, 0.0))
        track = opening * jaw + mood * arousal + strain * effort
        actions[name] = np.clip(track * rng.uniform(0.9, 1.1), 0.0, 1.0)
    actions["lip_press"] = np.clip(_smooth(draft.press, 0.015), 0.0, 1.0)
    actions["lip_pucker"] = np.clip(_smooth(draft.pucker, 0.03), 0.0, 1.0)
    actions["lid_closure"] = np.maximum(actions["lid_closure"], _blinks(draft.times, rng))
    return actions


def _blinks(times: Array, rng: np.random.Generator) -> Array:
    """Spontaneous blinks, few in infants: about four a minute."""
    track = np.zeros_like(times)
    for start_s in np.cumsum(rng.exponential(15.0, 8)):
        track = np.maximum(track, _arch(times, start_s, start_s + 0.25, 0.1, 0.13))
    return track


# --- shapes -----------------------------------------------------------------------------------


def _arch(times: Array, start_s: float, end_s: float, attack_s: float, release_s: float) -> Array:
    """Go up and down again by half cosines, 0 outside `start_s`..`end_s`."""
    attack_s = min(attack_s, 0.45 * (end_s - start_s))
    release_s = min(release_s, 0.5 * (end_s - start_s))
    up = np.clip((times - start_s) / attack_s, 0.0, 1.0)
    down = np.clip((end_s - times) / release_s, 0.0, 1.0)
    return np.sin(0.5 * np.pi * up) ** 2 * np.sin(0.5 * np.pi * down) ** 2


def _rise_and_fall(phase: Array, rng: np.random.Generator) -> Array:
    top = rng.uniform(0.25, 0.5)
    return np.interp(phase, [0.0, top, 1.0], [0.88, rng.uniform(1.05, 1.2), 0.82])


def _beats(start_s: float, end_s: float, rate_hz: float, rng: np.random.Generator) -> list[float]:
    """Give slightly uneven onsets, at least one."""
    count = max(1, int((end_s - start_s) * rate_hz))
    return [start_s + (i + rng.uniform(-0.08, 0.08) * (i > 0)) / rate_hz for i in range(count)]


def _smooth(track: Array, sigma_s: float) -> Array:
    return gaussian_filter1d(track, sigma_s * RATE_HZ, mode="nearest")


def _ahead(track: Array, lead_s: float) -> Array:
    """Move a track earlier: the mouth opens before it is heard."""
    places = np.arange(len(track), dtype=float)
    return np.interp(places + lead_s * RATE_HZ, places, track)


def _wander(times: Array, rng: np.random.Generator, amount: float, slow_s: float = 0.08) -> Array:
    """Random drift around 1, of standard deviation `amount`."""
    drift = gaussian_filter1d(rng.standard_normal(len(times)), slow_s * RATE_HZ)
    return 1.0 + amount * drift / max(float(drift.std()), 1e-9)
