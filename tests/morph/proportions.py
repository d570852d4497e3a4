"""An infant's proportions as measured on pictures, and the same ones taken from a mesh."""

import numpy as np

from pipeline.morph.model import Morphable

# Mean and spread over near-frontal pictures of infants (InfAnFace), divided by the distance of
# the outer corners of the eyes. Spreads follow from the published effect sizes where given.
MEASURED = {
    "eye_to_chin": (0.946, 0.116),
    "nose_length": (0.366, 0.064),
    "eye_to_stomion": (0.574, 0.084),
    "eye_to_nose_base": (0.339, 0.050),
    "mouth_width": (0.523, 0.090),
    "lip_to_chin": (0.259, 0.089),
    "nose_width": (0.288, 0.040),
    "intercanthal": (0.413, 0.040),
    "face_width": (1.529, 0.150),
    "eye_to_chin_by_face_width": (0.620, 0.080),
}


class Ruler:
    """Finds on the mean head the vertices that the pictures' landmarks stand for."""

    def __init__(self, model: Morphable) -> None:
        mean, part = model.mean, model.tags["part"]
        skin = np.flatnonzero(part <= 1)

        def at(x: float, y: float, z: float) -> int:
            return int(skin[np.argmin(np.linalg.norm(mean[skin] - [x, y, z], axis=1))])

        ring, turn = model.tags["eye_ring"], model.tags["turn"]
        outer = np.flatnonzero((ring == 0) & (np.abs(turn) < 1e-6))
        inner = np.flatnonzero((ring == 0) & (np.abs(turn - np.pi) < 1e-5))
        mouth = model.tags["mouth_ring"]
        self.outer = [int(i) for i in outer]
        self.inner = [int(i) for i in inner]
        self.corners = [int(i) for i in np.flatnonzero((mouth == 2) & (np.abs(turn) < 1e-6))]
        low = np.flatnonzero((mouth == 2) & (turn < -np.pi / 2 + 1e-5))
        self.lip = int(low[0])
        self.upper, self.lower = model.aperture_pair
        self.nasion, self.base = at(0, 2, 55), at(0, -24.5, 60)
        self.chin = at(0, -67, 44)
        self.alae = [at(10.4, -23.5, 57), at(-10.4, -23.5, 57)]
        self.sides = [at(56.5, -4, 20), at(-56.5, -4, 20)]

    def ratios(self, v: np.ndarray) -> dict[str, float]:
        """The proportions of a head (V,3)."""

        def wide(pair: list[int]) -> float:
            return float(abs(v[pair[0], 0] - v[pair[1], 0]))

        eye = float(v[self.outer + self.inner, 1].mean())
        stomion = float(v[[self.upper, self.lower], 1].mean())
        scale, face = wide(self.outer), wide(self.sides)
        down = {
            "eye_to_chin": eye - v[self.chin, 1],
            "nose_length": v[self.nasion, 1] - v[self.base, 1],
            "eye_to_stomion": eye - stomion,
            "eye_to_nose_base": eye - v[self.base, 1],
            "mouth_width": wide(self.corners),
            "lip_to_chin": v[self.lip, 1] - v[self.chin, 1],
            "nose_width": wide(self.alae),
            "intercanthal": wide(self.inner),
            "face_width": face,
        }
        out = {name: float(value) / scale for name, value in down.items()}
        out["eye_to_chin_by_face_width"] = float(down["eye_to_chin"]) / face
        return out
