"""Who is in the picture: infants that differ, and a parent with an adult's proportions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.morph.age import MEAN_MONTHS, STEP_MONTHS
from pipeline.morph.appearance import HAIR_COLOURS, IRIS_COLOURS, SKIN_TONES, Appearance
from pipeline.nursery.scenes import infant_stream

Array = NDArray[np.float64]

# Height over the pupils in an infant's face and in an adult's of the same width between the outer
# corners of the eyes: crown, brow, eyes, nose base, mouth, chin, neck (InfAnFace against 300-W).
_HEIGHTS_MM = (
    (90.0, 19.0, 6.0, -6.0, -24.3, -41.0, -67.5, -125.0),
    (96.0, 20.5, 6.0, -6.5, -36.0, -54.0, -90.0, -160.0),
)
_ADULT_SIZE = 1.22


@dataclass(frozen=True)
class Person:
    """An infant or an adult.

    Attributes:
        identity: (32,) and `age` (): latents.
        looks: colours.
        sides: how much stronger the left of the face moves than the right.
        age_months: of an infant.
    """

    identity: NDArray[np.float32]
    age: float
    looks: Appearance
    sides: float
    age_months: float


def infant(seed: int, number: int) -> Person:
    """Draw the infant with this number; the same in every clip."""
    rng = np.random.default_rng(infant_stream(seed, number, "person"))
    age_months = age_months_of(seed, number)
    identity = np.clip(rng.normal(0.0, 0.8, 32), -1.8, 1.8).astype(np.float32)
    # A permutation a round, so that a small set already spans the tones.
    turn, place = divmod(number - 1, len(SKIN_TONES))
    order = np.random.default_rng(infant_stream(seed, turn, "tones"))
    looks = _looks(rng, int(order.permutation(len(SKIN_TONES))[place]))
    age = (age_months - MEAN_MONTHS) / STEP_MONTHS
    return Person(identity, age, looks, rng.uniform(-0.12, 0.12), age_months)


def age_months_of(seed: int, number: int) -> float:
    """Age of an infant, in months."""
    rng = np.random.default_rng(infant_stream(seed, number, "age"))
    return round(float(rng.uniform(3.0, 14.0)), 1)


def adult(rng: np.random.Generator) -> Person:
    """Draw a parent."""
    tone = int(rng.integers(0, len(SKIN_TONES)))
    looks = _looks(rng, tone, hair_density=1.0, brow=1.0, blush=0.1, lip_red=0.7)
    identity = np.clip(rng.normal(0.0, 0.7, 32), -1.5, 1.5).astype(np.float32)
    return Person(identity, 0.0, looks, rng.uniform(-0.1, 0.1), 400.0)


def grown_up(vertices: NDArray[np.floating]) -> NDArray[np.float32]:
    """Give a head (..., V, 3) of the infant model an adult's proportions and size."""
    from scipy.interpolate import PchipInterpolator

    grown = np.array(vertices, np.float64)
    x, y, z = grown[..., 0].copy(), grown[..., 1].copy(), grown[..., 2].copy()
    heights = PchipInterpolator(_HEIGHTS_MM[0][::-1], _HEIGHTS_MM[1][::-1], extrapolate=True)
    front = np.clip((z - 15.0) / 30.0, 0.0, 1.0)
    mouth = np.exp(-(((y + 42.0) / 12.0) ** 2) - (x / 26.0) ** 2) * front
    nose = np.exp(-(((y + 15.0) / 13.0) ** 2) - (x / 12.0) ** 2) * front
    cheeks = np.exp(-(((y + 30.0) / 26.0) ** 2)) * np.clip((np.abs(x) - 24.0) / 25.0, 0.0, 1.0)
    jaw = np.exp(-(((y + 60.0) / 18.0) ** 2)) * (np.abs(x) < 60)
    grown[..., 0] = x * (1.03 + 0.22 * mouth + 0.16 * nose - 0.07 * cheeks + 0.18 * jaw)
    grown[..., 1] = heights(y)
    grown[..., 2] = z + 6.5 * nose + 5.0 * jaw * front - 3.0 * cheeks * front
    brow = np.exp(-(((y - 17.0) / 8.0) ** 2) - ((np.abs(x) - 20.0) / 16.0) ** 2) * front
    grown[..., 2] += 2.5 * brow
    return (grown * _ADULT_SIZE).astype(np.float32)


def _looks(rng: np.random.Generator, tone: int, **fixed: Any) -> Appearance:
    """Draw colours that go with the `tone`-th skin; darker skin goes with darker hair and eyes."""
    dark = tone / (len(SKIN_TONES) - 1)
    hair = int(np.clip(rng.normal(1.5 + 4.5 * dark, 1.2), 0, len(HAIR_COLOURS) - 1))
    iris = int(np.clip(rng.normal(1.5 + 5.0 * dark, 1.5), 0, len(IRIS_COLOURS) - 1))
    drawn = Appearance(
        skin=SKIN_TONES[tone],
        lip_red=rng.uniform(0.4, 0.8),
        blush=rng.uniform(0.2, 0.7),
        mottle=rng.uniform(0.25, 0.8),
        iris=IRIS_COLOURS[iris],
        hair=HAIR_COLOURS[hair],
        hair_density=float(np.clip(rng.normal(0.65, 0.3), 0.0, 1.0)),
        brow=rng.uniform(0.4, 0.8),
        wet=rng.uniform(0.1, 0.4),
        cloth=None,
        grain=int(rng.integers(0, 1 << 16)),
    )
    return replace(drawn, **fixed)
