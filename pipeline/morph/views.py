"""Random pictures of a morphable head with its landmarks as mediapipe sees them.

Used to compute the landmark embedding and to measure how often a drawn infant is found.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.morph.appearance import draw_appearance, draw_light
from pipeline.morph.model import Morphable
from pipeline.morph.render import Camera, Painter

LANDMARKS = 478


@dataclass(frozen=True)
class View:
    """One picture (H,W,3), the head (V,3) mm and camera it was drawn with."""

    rgb: NDArray[np.uint8]
    vertices: NDArray[np.float32]
    camera: Camera
    pose_deg: tuple[float, float, float]


@dataclass(frozen=True)
class Range:
    """Half-widths in degrees of the uniform poses drawn, and how strong expressions get."""

    yaw_deg: float = 40.0
    pitch_deg: float = 25.0
    roll_deg: float = 25.0
    expression: float = 1.0
    identity: float = 1.0


MOODS: tuple[dict[str, float], ...] = (
    {},
    {"jaw_drop": 0.8, "mouth_stretch_horizontal": 0.8, "lid_closure": 0.8, "eye_squeeze": 0.9,
     "brow_bulge": 0.9, "brow_lower": 0.7, "cheek_raise": 0.6, "nasolabial_furrow": 0.9,
     "upper_lip_raise": 0.4, "nose_wrinkle": 0.5, "tongue_raise": 0.5},
    {"lip_corner_pull": 0.9, "cheek_raise": 0.8, "jaw_drop": 0.35, "lid_closure": 0.2},
    {"brow_raise": 0.7, "jaw_drop": 0.45, "lip_funnel": 0.5},
    {"lip_corner_depress": 0.8, "chin_raise": 0.6, "brow_bulge": 0.6},
    {"jaw_drop": 1.0},
)  # fmt: skip


def draw_views(
    model: Morphable, count: int, seed: int, spread: Range, side_px: int = 384, detail: int = 1
) -> Iterator[View]:
    """Random infants: identity, age, mood, pose, looks, light and plain background vary."""
    rng = np.random.default_rng(seed)
    painter = Painter(model, detail)
    for _ in range(count):
        identity = rng.normal(0, spread.identity, model.layout["identity"])
        mood = MOODS[int(rng.integers(len(MOODS)))]
        strength = rng.uniform(0.3, 1.0) * spread.expression
        latent = model.action_vector({k: strength * v for k, v in mood.items()})
        latent = latent + rng.normal(0, 0.25 * spread.expression, len(latent)).astype(np.float32)
        vertices = model.shape(identity, latent, float(np.clip(rng.normal(), -2, 2)))
        pose = (
            rng.uniform(-1, 1) * spread.yaw_deg,
            rng.uniform(-1, 1) * spread.pitch_deg,
            rng.uniform(-1, 1) * spread.roll_deg,
        )
        distance, filling = rng.uniform(450, 900), rng.uniform(0.55, 0.8)
        camera = Camera.facing((side_px, side_px), pose, distance, filling)
        picture = painter.draw(vertices, camera, draw_appearance(rng), draw_light(rng))
        r, g, b = (int(c) for c in rng.uniform(40, 215, 3))
        yield View(picture.over((r, g, b)), vertices, camera, pose)


@contextmanager
def face_mesh() -> Iterator[Any]:
    """mediapipe's face mesh for single pictures, iris included."""
    import mediapipe as mp

    finder = mp.solutions.face_mesh.FaceMesh(
        static_image_mode=True, max_num_faces=1, refine_landmarks=True
    )
    try:
        yield finder
    finally:
        finder.close()


def find(finder: Any, rgb: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    """Landmarks (478,2) px in a picture, or None when no face is found."""
    found = finder.process(np.ascontiguousarray(rgb)).multi_face_landmarks
    if not found:
        return None
    height, width = rgb.shape[:2]
    points = [(p.x * width, p.y * height) for p in found[0].landmark]
    return np.asarray(points, np.float32)
