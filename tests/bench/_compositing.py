"""A stamp laid over a face through a clip: how it moves, how it is lit, and what it then covers.

    path = drawn_path(rng, frames=60)
    picture, alpha = lay(stamp, picture, places[f], places[f - 1], light)

Where `alpha` is 0 nothing changed but for the shadow, which only darkens.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.face.mesh import LIPS_OUTER, OVAL
from pipeline.face.pose import head_pose
from tests.bench._stamps import PX_PER_MM, SIDE_PX, Colour, Map, Rng, Stamp

Affine = NDArray[np.float64]
Picture = NDArray[np.uint8]

FROM_MM = 230.0
"""How far away a thing is that has not come yet."""
BLURRED_PX = 2.0
"""A thing that moves further in a frame is smeared."""
HELD = {"hand": 1.0, "bottle": 0.5, "spoon": 1.0, "syringe": 1.0, "arm": 1.0}
"""How far a thing lies along the way on which it came."""
WHITE = 0.66
"""Lightness that well lit skin has, against which the light of a scene is taken."""


@dataclass(frozen=True)
class Path:
    """Where a thing is in each frame, from the mouth and upright as the head is."""

    offset_mm: NDArray[np.float64]
    """(F, 2), x to the right of the head's picture, y toward its chin."""
    turn_deg: NDArray[np.float64]
    """(F,) clockwise."""


def drawn_path(rng: Rng, frames: int, kind: str) -> Path:
    """Draw how a thing comes, stays with a tremor, and leaves; or stays for the whole clip.

    Of three that come, two come to the mouth, and one beside it or onto another part of the face.
    """
    t = np.arange(frames) / max(frames - 1, 1)
    came, left = rng.uniform(0.15, 0.3), rng.uniform(0.65, 0.85)
    swing = rng.uniform(0.08, 0.16)
    away = np.maximum(1 - _smooth((t - came) / swing), _smooth((t - left) / swing))
    if rng.random() < 0.35:
        away = np.zeros(frames)
    on_mouth = kind == "pacifier" or rng.random() < 0.67
    rest = rng.normal(0, 5, 2) if on_mouth else rng.normal(0, 1, 2) * [34, 30] - [0, 25]
    angle = rng.uniform(-100, 100)
    # Hands and what hands hold come from below or the sides, and lie along the way they came.
    toward = np.array([np.sin(np.radians(angle)), np.cos(np.radians(angle))])
    tremor = _wandering(rng, frames, 2.2 if kind != "pacifier" else 0.8)
    turn = -HELD.get(kind, 0.0) * angle + rng.normal(0, 12)
    offset = rest + tremor + FROM_MM * away[:, None] * toward
    return Path(offset, turn + 8 * _wandering(rng, frames, 0.4)[:, 0])


def places(points: NDArray[np.floating], path: Path) -> list[Affine]:
    """Where the stamp lies in each frame: (2, 3) from its px to the picture's.

    Args:
        points: (F, 478, 3) px of the face.
        path: how it moves against the head.
    """
    poses = [head_pose(p) for p in points]
    mouth = _steadied(points[:, LIPS_OUTER, :2].mean(axis=1))
    scale = _steadied(np.array([[pose.px_per_mm] for pose in poses]))[:, 0]
    roll = np.unwrap(np.radians([pose.roll_deg for pose in poses]))
    roll = _steadied(roll[:, None])[:, 0]
    made = []
    for f in range(len(points)):
        middle = mouth[f] + scale[f] * _turned(roll[f]) @ path.offset_mm[f]
        turn = scale[f] / PX_PER_MM * _turned(roll[f] + np.radians(path.turn_deg[f]))
        made.append(np.column_stack([turn, middle - turn @ [SIDE_PX / 2, SIDE_PX / 2]]))
    return made


def lay(
    stamp: Stamp, picture: Picture, now: Affine, before: Affine, light: Colour, rng: Rng
) -> tuple[Picture, Map]:
    """Lay a stamp into a picture (H, W, 3); returns it and how far each pixel is covered (H, W)."""
    height, width = picture.shape[:2]
    rgb = stamp.rgb * np.asarray(light, np.float32) if stamp.takes_light else stamp.rgb
    layer = np.dstack([rgb * stamp.alpha[..., None], stamp.alpha])
    # A lens and a codec leave no edge as sharp as it is drawn.
    shrink = float(np.sqrt(abs(np.linalg.det(now[:, :2]))))
    soft = cv2.GaussianBlur(layer, (0, 0), max(0.5 / max(shrink, 0.05), 0.4))
    steps = [cv2.warpAffine(soft, step, (width, height)) for step in _steps(before, now)]
    laid = sum(steps[1:], start=steps[0]) / np.float32(len(steps))
    alpha = np.clip(laid[..., 3], 0, 1)
    if not alpha.any():
        return picture.copy(), alpha
    grain = 0.008 * rng.standard_normal((height, width, 1), np.float32)
    below = picture.astype(np.float32) / 255 * (1 - _shadow(alpha, now) * (1 - alpha))[..., None]
    mixed = below * (1 - alpha[..., None]) + laid[..., :3] + grain * alpha[..., None]
    return np.round(np.clip(mixed, 0, 1) * 255).astype(np.uint8), alpha


def covered(alpha: Map, points: NDArray[np.floating]) -> tuple[float, float, NDArray[np.bool_]]:
    """Share of the mouth and of the face that is covered, and which landmarks (478,) are."""
    hidden = alpha >= 0.5
    height, width = alpha.shape
    column = np.clip(np.round(points[:, 0]), 0, width - 1).astype(int)
    row = np.clip(np.round(points[:, 1]), 0, height - 1).astype(int)
    shares = [_share(hidden, points[outline, :2]) for outline in (LIPS_OUTER, OVAL)]
    return shares[0], shares[1], hidden[row, column]


def skin_and_light(picture: Picture, points: NDArray[np.floating]) -> tuple[Colour, Colour]:
    """The colour of a face's cheeks, and the light that this says falls on everything, 0..1."""
    area = np.zeros(picture.shape[:2], np.uint8)
    for cheek in ([50, 205, 187, 147, 123], [280, 425, 411, 376, 352]):
        cv2.fillConvexPoly(area, np.round(points[cheek, :2]).astype(np.int32), (1,))
    seen = picture[area > 0] if area.any() else picture.reshape(-1, 3)
    skin = np.median(seen, axis=0) / 255
    whole = picture.reshape(-1, 3).mean(axis=0) + 1
    cast = np.clip(whole / whole.mean(), 0.94, 1.06)
    light = np.clip(skin.max() / WHITE, 0.25, 1.1) * cast
    return _three(skin), _three(light)


def _three(values: NDArray[np.floating]) -> Colour:
    return float(values[0]), float(values[1]), float(values[2])


def _share(hidden: NDArray[np.bool_], outline: NDArray[np.floating]) -> float:
    area = np.zeros(hidden.shape, np.uint8)
    cv2.fillPoly(area, [np.round(outline).astype(np.int32)], (1,))
    return float(hidden[area > 0].mean()) if area.any() else 0.0


def _steps(before: Affine, now: Affine) -> list[Affine]:
    """The places that a shutter open for half the time sees."""
    middle = np.array([SIDE_PX / 2, SIDE_PX / 2, 1.0])
    moved = float(np.linalg.norm((now - before) @ middle)) / 2
    count = int(np.clip(np.ceil(moved / BLURRED_PX), 1, 9))
    return [now + share * (before - now) for share in np.linspace(0, 0.5, count)]


def _shadow(alpha: Map, now: Affine) -> Map:
    per_mm = float(np.sqrt(abs(np.linalg.det(now[:, :2])))) * PX_PER_MM
    fall = np.array([[1, 0, 1.5 * per_mm], [0, 1, 5 * per_mm]])
    cast = cv2.warpAffine(alpha, fall, alpha.shape[::-1])
    return np.asarray(0.3 * cv2.GaussianBlur(cast, (0, 0), 4 * per_mm), np.float32)


def _turned(radians: float) -> NDArray[np.float64]:
    cos, sin = np.cos(radians), np.sin(radians)
    return np.array([[cos, -sin], [sin, cos]])


def _smooth(share: NDArray[np.float64]) -> NDArray[np.float64]:
    share = np.clip(share, 0, 1)
    return share * share * (3 - 2 * share)


def _wandering(rng: Rng, frames: int, size: float) -> NDArray[np.float64]:
    knots = rng.normal(0, size, (frames // 8 + 3, 2))
    at = np.arange(frames) / 8
    return np.stack([np.interp(at, np.arange(len(knots)), knots[:, k]) for k in (0, 1)], axis=1)


def _steadied(values: NDArray[np.floating]) -> NDArray[np.float64]:
    padded = np.pad(values.astype(np.float64), ((2, 2), (0, 0)), mode="edge")
    return np.mean([padded[k : k + len(values)] for k in range(5)], axis=0)
