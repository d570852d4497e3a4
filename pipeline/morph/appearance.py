"""How a drawn infant looks: skin, hair, eyes, and the light it is seen in."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

Colour = tuple[float, float, float]
"""Linear light, red green blue, 0 to 1."""


def srgb(code: str) -> Colour:
    """Linear colour of an sRGB hex code such as 'e8c0a8'."""
    parts = [int(code[i : i + 2], 16) / 255.0 for i in (0, 2, 4)]
    r, g, b = (((c + 0.055) / 1.055) ** 2.4 if c > 0.04045 else c / 12.92 for c in parts)
    return r, g, b


SKIN_TONES: tuple[Colour, ...] = tuple(
    srgb(code)
    for code in (
        "f3d3c1", "efc8b0", "e9bd9f", "e2b08c", "d5a07a", "c48a63",
        "ad7450", "955f3f", "7c4b31", "643b28", "4f2f22",
    )
)  # fmt: skip
"""Infants' skin from light to dark."""

IRIS_COLOURS: tuple[Colour, ...] = tuple(
    srgb(code) for code in ("6f8fae", "5f7f90", "6d7a55", "7a5a35", "4f3522", "3a261a")
)
HAIR_COLOURS: tuple[Colour, ...] = tuple(
    srgb(code) for code in ("b99a6b", "94714a", "6a4a30", "4a3222", "2b1f18", "17120f")
)
CLOTHES: tuple[Colour, ...] = tuple(
    srgb(code)
    for code in ("f2efe8", "9fb8cf", "e8c7cf", "c9d8b0", "e6cf8f", "6f86a6", "b9a7c9", "b5563f")
)


@dataclass(frozen=True)
class Appearance:
    """Colours (linear) and amounts (0 to 1) of one infant's skin, hair and eyes."""

    skin: Colour = SKIN_TONES[1]
    lip_red: float = 0.6
    blush: float = 0.45
    flush: float = 0.0
    """Reddening of the whole face, as in a hard cry."""
    mottle: float = 0.5
    iris: Colour = IRIS_COLOURS[4]
    hair: Colour = HAIR_COLOURS[3]
    hair_density: float = 0.35
    brow: float = 0.5
    wet: float = 0.25
    """Shine of the skin."""
    cloth: Colour | None = CLOTHES[1]
    """The shirt; None draws the head alone."""
    grain: int = 0
    """Which piece of the noise the skin is cut from."""


@dataclass(frozen=True)
class Light:
    """A lamp, a fill light from the other side, and light from all round."""

    direction: tuple[float, float, float] = (-0.35, 0.55, 0.75)
    """Toward the lamp: x to the right of the image, y up, z toward the camera."""
    colour: Colour = (1.0, 0.95, 0.88)
    strength: float = 0.82
    ambient: Colour = (0.30, 0.32, 0.36)
    ground: Colour = (0.20, 0.17, 0.15)
    fill: float = 0.12
    gaze_deg: tuple[float, float] = field(default=(0.0, 0.0))
    """Where the eyes look beside straight ahead: to the infant's left, up."""

    def dimmed(self, share: float) -> Light:
        """The same light at a share of its strength."""
        r, g, b = (share * c for c in self.ambient)
        lower = tuple(share * c for c in self.ground)
        return replace(
            self,
            strength=share * self.strength,
            fill=share * self.fill,
            ambient=(r, g, b),
            ground=(lower[0], lower[1], lower[2]),
        )


def draw_appearance(rng: np.random.Generator) -> Appearance:
    """A random infant's looks; darker skin goes with darker hair and eyes."""
    place = rng.uniform(0, len(SKIN_TONES) - 1)
    below = int(place)
    share = place - below
    above = min(below + 1, len(SKIN_TONES) - 1)
    r, g, b = (
        (1 - share) * x + share * y
        for x, y in zip(SKIN_TONES[below], SKIN_TONES[above], strict=True)
    )
    dark = place / (len(SKIN_TONES) - 1)
    hair = int(np.clip(rng.normal(1.5 + 4.5 * dark, 1.2), 0, len(HAIR_COLOURS) - 1))
    iris = int(np.clip(rng.normal(1.5 + 5.0 * dark, 1.5), 0, len(IRIS_COLOURS) - 1))
    return Appearance(
        skin=(r, g, b),
        lip_red=rng.uniform(0.4, 0.8),
        blush=rng.uniform(0.2, 0.7),
        mottle=rng.uniform(0.25, 0.8),
        iris=IRIS_COLOURS[iris],
        hair=HAIR_COLOURS[hair],
        hair_density=float(np.clip(rng.normal(0.4, 0.3), 0.0, 1.0)),
        brow=rng.uniform(0.35, 0.8),
        wet=rng.uniform(0.1, 0.45),
        cloth=CLOTHES[int(rng.integers(len(CLOTHES)))],
        grain=int(rng.integers(0, 1 << 16)),
    )


def draw_light(rng: np.random.Generator) -> Light:
    """A random room: where the lamp stands, how warm it is, how much light comes from around."""
    azimuth, height = rng.uniform(-1.1, 1.1), rng.uniform(0.1, 1.1)
    warm = rng.uniform(-0.10, 0.14)
    around = rng.uniform(0.22, 0.42)
    direction = (
        float(np.sin(azimuth) * np.cos(height)),
        float(np.sin(height)),
        float(np.cos(azimuth) * np.cos(height)),
    )
    return Light(
        direction=direction,
        colour=(1.0 + 0.5 * warm, 0.97, 0.94 - warm),
        strength=rng.uniform(0.6, 0.95),
        ambient=(around, around, around * (1.0 + 0.3 * rng.uniform(-1, 1) * 0.4)),
        ground=(0.65 * around, 0.58 * around, 0.52 * around),
        fill=rng.uniform(0.05, 0.25),
    )
