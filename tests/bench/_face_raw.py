"""The part `raw` of `cradle bench face`: what mediapipe jitters, loses and invents.

And what is left of that once it went through the measurement and the fit.

Before is mediapipe's own face mesh as it comes, upright and with all its points believed; after is
what Cradle says of the same frames. Clips are the nursery's, of seeds that nothing is tuned on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline import media
from pipeline.face.backends import LANDMARKERS, Landmarker, Picture
from pipeline.face.measure import Measured, follow
from pipeline.face.params import Landmarks as FaceParams
from pipeline.face.pose import head_pose
from pipeline.morph import model
from pipeline.morph.fit import fit_clip
from pipeline.morph.fit_face import embedded
from pipeline.morph.params import Fit
from pipeline.nursery import CLIP, measure
from pipeline.nursery.scenes import scene_of
from pipeline.nursery.truth import Truth, read
from tests.bench._bare import faces_in
from tests.bench._figures import Figure
from tests.bench._seeing import Bools, Floats, on_the_face

SPAN_S, SIZE_PX = 1.0, 384
FIRST_SEED = 1100
STILL_FRAMES = 45
GRAIN = 2.0
"""Standard deviation of a camera's noise in a lit room, in levels of 0..255."""
SEEN = 0.5
UPRIGHT, LYING, OVER = ("cry", "laugh", "babble"), ("lying", "lying"), ("cry", "babble")
COVERED = ("hand", "pacifier", "bottle", "blanket")
LIPS = (13, 14)


@dataclass(frozen=True)
class Both:
    """One clip as mediapipe alone gives it, and as Cradle does."""

    truth: Truth
    raw_px: Floats
    """(F, 478, 3), nan where there is no face."""
    found: Measured

    def right(self, which: str) -> Bools:
        """(F,) where the mesh lies on the face."""
        points = self.raw_px if which == "before" else self.found.points
        seen = replace(self.found, points=np.asarray(points, np.float32))
        return on_the_face(seen, self.truth.landmarks_px, self.truth.landmark_known)

    def given(self, which: str) -> Bools:
        """(F,) where there is a mesh at all."""
        points = self.raw_px if which == "before" else self.found.points
        return np.asarray(np.isfinite(points[:, 0, 0]))


def figures(folder: Path, params: FaceParams, fit: Fit) -> list[Figure]:
    """Film, look twice, compare; a pair of rows each."""
    landmarker: Landmarker = LANDMARKERS.load(params.backend)
    numbers = iter(range(100))

    def seen(kinds: Sequence[str], turn: int = 0) -> list[Both]:
        return [_both(folder, kind, next(numbers), turn, landmarker, params) for kind in kinds]

    upright, lying, over, covered = seen(UPRIGHT), seen(LYING), seen(OVER, 2), seen(COVERED)
    return [
        *_pairs("a face sitting up, found where it is", upright, _found_right),
        *_pairs("a face on its side, found where it is", lying, _found_right),
        *_pairs("a face upside down, found where it is", over, _found_right),
        *_pairs("a mesh that lies elsewhere, of all", [*upright, *lying, *over], _astray),
        *_pairs("hidden landmarks given as seen", covered, _invented),
        *_jitter(upright[0], folder, landmarker, params, fit),
    ]


def _both(
    folder: Path, kind: str, number: int, turn: int, landmarker: Landmarker, params: FaceParams
) -> Both:
    clip = folder / f"raw{number:02d}"
    clip.mkdir()
    scene = scene_of(kind, FIRST_SEED + number, SPAN_S, SIZE_PX)
    inputs = {"seed": scene.seed, "index": scene.index}
    measure(clip, {**inputs, "span_s": SPAN_S, "size_px": SIZE_PX})
    pictures = [np.rot90(p, turn).copy() for p in media.read_frames(clip / CLIP)]
    height, width = pictures[0].shape[:2]
    truth = read(clip)
    if turn == 2:
        px = np.array([width, height], np.float32) - truth.landmarks_px
        truth = replace(truth, landmarks_px=px)
    raw = _raw(pictures, params)
    return Both(truth, raw, follow(pictures, landmarker, params))


def _raw(pictures: Sequence[Picture], params: FaceParams) -> Floats:
    """Landmarks of the surest face, (F, 478, 3), of a plain loop over mediapipe."""
    points = np.full((len(pictures), 478, 3), np.nan, np.float32)
    for frame, faces in enumerate(faces_in(pictures, params.max_faces)):
        if faces:
            points[frame] = max(faces, key=lambda face: np.nan_to_num(face.score)).points
    return points


Share = Callable[[Sequence[Both], str], float]


def _pairs(what: str, seen: Sequence[Both], share: Share) -> list[Figure]:
    frames = sum(len(one.truth.good) for one in seen)
    return [
        Figure(f"raw: {what}, {which}", share(seen, which), note=f"{frames} frames")
        for which in ("before", "after")
    ]


def _found_right(seen: Sequence[Both], which: str) -> float:
    return float(np.concatenate([one.right(which) for one in seen]).mean())


def _astray(seen: Sequence[Both], which: str) -> float:
    given = np.concatenate([one.given(which) for one in seen])
    right = np.concatenate([one.right(which) for one in seen])
    return float((given & ~right).sum() / max(given.sum(), 1))


def _invented(seen: Sequence[Both], which: str) -> float:
    """Of landmarks under a cover in frames with a mesh, the share that is given as seen."""
    said = []
    for one in seen:
        hidden = one.truth.landmark_covered & one.truth.landmark_known
        here = hidden & one.given(which)[:, None]
        seen_ = np.ones(here.shape, bool) if which == "before" else one.found.visibility > SEEN
        said.append(seen_[here])
    return float(np.concatenate(said).mean())


def _jitter(
    one: Both, folder: Path, landmarker: Landmarker, params: FaceParams, fit: Fit
) -> list[Figure]:
    """How far the gap between the lips of a picture that stands still trembles, by camera noise."""
    rng = np.random.default_rng(FIRST_SEED)
    still = next(iter(media.read_frames(folder / "raw00" / CLIP))).astype(np.float32)
    pictures = [
        np.clip(still + rng.normal(0, GRAIN, still.shape), 0, 255).astype(np.uint8)
        for _ in range(STILL_FRAMES)
    ]
    found = follow(pictures, landmarker, params)
    raw = _raw(pictures, params)
    gaps = np.linalg.norm(raw[:, LIPS[0]] - raw[:, LIPS[1]], axis=1)
    before = gaps / np.array([head_pose(points).px_per_mm for points in raw])
    after = _fitted_gap(found, still.shape[:2], fit)
    note = f"{STILL_FRAMES} frames, noise of {GRAIN:g} levels"
    return [
        Figure(f"raw: tremor of a still mouth, {which}", _tremor(gap), unit="mm", note=note)
        for which, gap in (("before", before), ("after", after))
    ]


def _tremor(values: NDArray[np.floating]) -> float:
    """Root mean square of the change from frame to frame."""
    return float(np.sqrt(np.square(np.diff(values)).mean()))


def _fitted_gap(found: Measured, size: tuple[int, ...], fit: Fit) -> NDArray[np.floating]:
    """Between the lips of the fitted face in each frame, mm."""
    face, landmark = embedded(fit.model, fit)
    points = np.asarray(found.points[:, landmark, :2])
    height, width = size
    fitted = fit_clip(points, found.visibility[:, landmark], (height, width), face, fit)
    shape = model.load(fit.model)
    count = len(fitted.expression)
    identity, age = np.tile(fitted.identity, (count, 1)), np.tile(fitted.age, (count, 1))
    vertices = shape.decode(identity, fitted.expression, age).cpu().numpy()
    upper, lower = shape.aperture_pair
    return np.asarray(np.linalg.norm(vertices[:, upper] - vertices[:, lower], axis=1))
