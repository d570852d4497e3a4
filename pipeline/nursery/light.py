"""The light that everything beside a face is shaded with: hands, toys, clothes, walls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.morph import appearance
from pipeline.morph.appearance import Colour

# What the tone curve of a drawn face makes of light, near enough for hands and clothes beside it.
_GAMMA = 1 / 2.0
_LIFT = 1.12


@dataclass(frozen=True)
class Light:
    """One soft key light and what the room throws back.

    Attributes:
        direction: unit vector toward the key light; x image right, y up, z toward the camera.
        key: colour and strength of the key light.
        ambient: colour and strength of everything else.
    """

    direction: Colour
    key: Colour
    ambient: Colour

    def on(self, normals: NDArray[np.float32]) -> NDArray[np.float32]:
        """Light that reaches a surface: (..., 3) unit normals to (..., 3) factors of its colour."""
        facing = normals @ np.asarray(self.direction, np.float32)
        wrapped = np.clip((facing + 0.35) / 1.35, 0.0, 1.0)[..., None]
        sky = (0.8 + 0.2 * normals[..., 1:2]).astype(np.float32)
        key = np.asarray(self.key, np.float32)
        ambient = np.asarray(self.ambient, np.float32)
        return np.asarray(wrapped * key + sky * ambient, np.float32)


def room_light(light: appearance.Light) -> Light:
    """The same light for everything that is not a face, in terms of screen colours."""
    toward = np.asarray(light.direction) / np.linalg.norm(light.direction)
    around = 0.5 * (np.asarray(light.ambient) + np.asarray(light.ground))
    full = around + light.strength * np.asarray(light.colour) + 0.3 * light.fill
    dim, bright = _LIFT * (around**_GAMMA), _LIFT * (full**_GAMMA)
    return Light(_colour(toward), _colour(0.85 * (bright - dim)), _colour(0.92 * dim))


def on_screen(linear: Colour) -> Colour:
    """Screen colour, 0..1, of a linear one."""
    return _colour(np.asarray(linear) ** (1 / 2.2))


def _colour(values: NDArray[np.float64]) -> Colour:
    red, green, blue = (float(v) for v in values)
    return (red, green, blue)
