"""An embedding held against the landmarks that INFACE's own file names, where it names them.

    checked = compare(model, found)
    checked.median_mm, checked.farthest        # 2.1, "pogonion"

The file may list, under `indices`, the vertices of landmarks by name. Its authors pair 26 of them
with iBUG's 68 points when they fit pictures (Schnabel et al.,
https://github.com/tillns/INFACE, commit aa3cc1a); here each stands beside the mediapipe point that
marks the same place. The two conventions part by some millimetres: a chin's most forward point
(pogonion) is not its lowest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.core.errors import CradleError
from pipeline.morph.embedding import Embedding
from pipeline.morph.inface import Inface

MEDIAPIPE = {
    "columella_inner_left": 326,
    "columella_inner_right": 97,
    "cubids_bow_center": 0,
    "eyebrow_left_inner_endpoint": 336,
    "eyebrow_left_outer_endpoint": 300,
    "eyebrow_right_inner_endpoint": 107,
    "eyebrow_right_outer_endpoint": 70,
    "inner_lip_corner_left": 308,
    "inner_lip_corner_right": 78,
    "left_eye_inner": 362,
    "left_eye_outer": 263,
    "left_nostril": 327,
    "lip_cubids_peak_left": 267,
    "lip_cubids_peak_right": 37,
    "lower_lip_inner_middle": 14,
    "lower_lip_outer_middle": 17,
    "nasion": 168,
    "outer_lip_corner_left": 291,
    "outer_lip_corner_right": 61,
    "pogonion": 152,
    "pronasale": 4,
    "right_eye_inner": 133,
    "right_eye_outer": 33,
    "right_nostril": 98,
    "subnasale": 2,
    "tubercle": 13,
}
"""The mediapipe point at each of INFACE's names."""

MAX_MEDIAN_MM = 6.0
"""Beyond it an embedding lies on other parts of the face; a child's eye is about 22 mm wide."""


@dataclass(frozen=True)
class Checked:
    """How far an embedding lies from a model's own landmarks, on its mean head."""

    count: int
    median_mm: float
    farthest: str
    farthest_mm: float


def compare(model: object, embedding: Embedding) -> Checked | None:
    """None where the model names no landmark that the embedding has.

    Raises:
        CradleError: the two lie on different parts of the face.
    """
    if not isinstance(model, Inface):
        return None
    row = {int(mark): n for n, mark in enumerate(embedding.landmark)}
    names = [name for name in MEDIAPIPE if name in model.named and MEDIAPIPE[name] in row]
    if not names:
        return None
    placed = embedding.place(model.mean)[[row[MEDIAPIPE[name]] for name in names]]
    own = model.mean[[model.named[name] for name in names]]
    off_mm = np.linalg.norm(placed - own, axis=1)
    worst = int(off_mm.argmax())
    found = Checked(len(names), float(np.median(off_mm)), names[worst], float(off_mm[worst]))
    if found.median_mm > MAX_MEDIAN_MM:
        raise CradleError(
            f"'{model.name}': the embedding lies {found.median_mm:.1f} mm (median of "
            f"{found.count}) from the landmarks that the file itself names, at most "
            f"{MAX_MEDIAN_MM:g} are allowed; draw more views, or look at its mesh: is it whole, "
            "and does it face +z?"
        )
    return found
