"""What an infant does for a few seconds: one latent that drives both the sound and the face.

    performance = perform("cry", 5.0, np.random.default_rng(3))
    performance.energy            # (600,) loudness, 0 silent .. 1 full, at 120 Hz
    performance.actions["jaw_drop"]   # (600,) 0..1

What sounds is composed in `vocalization`; the face follows it here: mouth opening and cheek raising
grow with the intensity of smile and cry alike (Messinger et al. 2012).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.nursery.curves import RATE_HZ, Array, ahead, arch, smooth, wander
from pipeline.nursery.vocalization import KINDS, SCORES, Draft

__all__ = ["ACTIONS", "KINDS", "RATE_HZ", "Performance", "perform"]

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


def perform(kind: str, span_s: float, rng: np.random.Generator) -> Performance:
    """Compose a performance of `kind` (see `KINDS`) lasting `span_s` seconds.

    Raises ValueError for a kind that is not known.
    """
    if kind not in SCORES:
        raise ValueError(f"unknown kind of performance {kind!r}: one of {', '.join(SCORES)}")
    draft = Draft(span_s)
    SCORES[kind](draft, rng)
    draft.energy = np.clip(draft.energy, 0.0, 1.0)
    lead_s = rng.uniform(0.03, 0.08) if kind in ("cry", "fuss") else rng.uniform(0.02, 0.04)
    jaw = np.clip(ahead(smooth(draft.jaw, 0.018), lead_s), 0.0, 1.0)
    actions = _face(kind, draft, jaw, rng)
    return Performance(
        kind=kind,
        energy=draft.energy,
        voiced=np.clip(draft.voiced, 0.0, 1.0),
        f0_hz=draft.f0_hz * wander(draft.times, rng, 0.012),
        noisiness=np.clip(draft.noisiness, 0.0, 1.0),
        front=np.clip(smooth(draft.front, 0.03), 0.0, 1.0),
        mouth_open=jaw,
        actions=actions,
        events=tuple(draft.events),
    )


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


def _face(kind: str, draft: Draft, jaw: Array, rng: np.random.Generator) -> dict[str, Array]:
    """Facial actions of a draft, each (T,) in 0..1; how much a face shows varies a little."""
    arousal = smooth(draft.arousal, 0.1)
    effort = smooth(draft.energy, 0.05)
    actions = {}
    for name in ACTIONS:
        opening, mood, strain = _FACES[kind].get(name, (0.0, 0.0, 0.0))
        track = opening * jaw + mood * arousal + strain * effort
        actions[name] = np.clip(track * rng.uniform(0.9, 1.1), 0.0, 1.0)
    actions["lip_press"] = np.clip(smooth(draft.press, 0.015), 0.0, 1.0)
    actions["lip_pucker"] = np.clip(smooth(draft.pucker, 0.03), 0.0, 1.0)
    actions["lid_closure"] = np.maximum(actions["lid_closure"], _blinks(draft.times, rng))
    return actions


def _blinks(times: Array, rng: np.random.Generator) -> Array:
    """Spontaneous blinks, few in infants: about four a minute."""
    track = np.zeros_like(times)
    for start_s in np.cumsum(rng.exponential(15.0, 8)):
        track = np.maximum(track, arch(times, start_s, start_s + 0.25, 0.1, 0.13))
    return track
