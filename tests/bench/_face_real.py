"""The part `real` of `cradle bench face`: real faces, and over them things of known outlines.

Where a face is comes from the same landmarker on the clip before anything was laid over it; frames
that are dropped there already, for another reason than what is hidden, do not count.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from unittest import mock

import cv2
import numpy as np
import pandas as pd

from pipeline import media
from pipeline.dataset.params import Select
from pipeline.face import likeness
from pipeline.face.backends import LANDMARKERS, Landmarker, Picture
from pipeline.face.measure import Measured, follow
from pipeline.face.mesh import OVAL
from pipeline.face.params import Landmarks as FaceParams
from pipeline.face.pose import head_pose
from pipeline.face.self_occlusion import facing
from tests.bench import _occluders_chosen as chosen
from tests.bench._compositing import Path as Way
from tests.bench._compositing import covered, drawn_path, lay, places, skin_and_light
from tests.bench._figures import Figure
from tests.bench._occluders import KINDS, head
from tests.bench._seeing import (
    Bools,
    Landmarks,
    balanced,
    kept,
    landmark_figures,
    on_the_face,
    passes_but_for_hiding,
)
from tests.bench._stamps import PX_PER_MM, SIDE_PX, Stamp

TUNE_CLIPS = ("adult_d18", "adult_d20")
TUNE_KINDS = {name: KINDS[name] for name in ("hand", "cloth")} | chosen.KINDS
TEST, TUNE, PEOPLE = SPLITS = ("test", "tune", "people")
"""Clips and kinds that nothing was chosen on; those that choices may be made on; and any clips with
those kinds, as of the people that models/visibility/portrait.py films."""
TIMES = {TEST: 3, TUNE: 3, PEOPLE: 1}
"""How often each kind is laid over a clip: of some splits there are few."""
HEAD = "head"
FRAMES = 120
WINDOW = 60
LONG_SIDE_PX = 720
FACE_TIMES = 3.6
"""How much wider than the face a picture is cut: a person far away is looked at from nearer."""
MOUTH_HIDDEN, FACE_HIDDEN, NOTHING_HIDDEN = 0.20, 0.25, 0.05
FACING = 0.2
"""Landmarks that face away further count neither as seen nor as hidden."""


@dataclass(frozen=True)
class Clip:
    """A clip with nothing laid over it."""

    name: str
    pictures: list[Picture]
    seen: Measured
    passes: Bools
    """(F,) what does not depend on what is hidden is good enough."""


@dataclass(frozen=True)
class Laid:
    """A part of a clip with something laid over it, and what that hides."""

    kind: str
    pictures: list[Picture]
    points: np.ndarray
    """(F, 478, 3) px of the face below."""
    counts: Bools
    """(F,) whether nothing else is wrong with the frame."""
    mouth: np.ndarray
    """(F,) share of it that is hidden."""
    face: np.ndarray
    landmarks: Bools
    """(F, 478) whether each is hidden."""


@dataclass(frozen=True)
class Covered:
    """What was said of a clip with something laid over it, and what is true."""

    kind: str
    counts: Bools
    hidden: Bools
    """(F,) too much to be kept."""
    bare: Bools
    """(F,) next to nothing is hidden."""
    mouth_hidden: Bools
    kept: Bools
    found: Bools
    on_face: Bools
    landmarks: Landmarks


def figures(folder: Path, params: FaceParams, select: Select, split: str) -> list[Figure]:
    """Cover every clip with everything, measure, compare."""
    landmarker = LANDMARKERS.load(params.backend)
    # Most of these are adults', which is not the question here, nor how sure that is, nor whether
    # who is laid over them is younger.
    select = select.model_copy(update={"min_infant_likeness": 0.0, "min_surety": 0.0})
    with mock.patch.object(likeness, "likeness", return_value=float("nan")):
        return _figures(folder, landmarker, params, select, split)


def _figures(
    folder: Path, landmarker: Landmarker, params: FaceParams, select: Select, split: str
) -> list[Figure]:
    clips = [_clean(path, landmarker, params, select) for path in _files(folder, split)]
    made = [_covered(laid, landmarker, params, select) for laid in _laid_over(clips, split)]
    _print(made)
    return [
        *_decided(made),
        *_clean_figures(clips, select),
        *landmark_figures("real", [one.landmarks for one in made], 0.93),
        *_turned(clips, landmarker, params),
    ]


def _laid_over(clips: Sequence[Clip], split: str) -> Iterator[Laid]:
    """Each clip with each kind of thing over it."""
    for clip in clips:
        for cut, kind, start in _cuts(clip, split):
            if kind != HEAD or len(clips) > 1:
                yield _laid(cut, kind, start, _other(clips, clip))


def _files(folder: Path, split: str) -> list[Path]:
    files = sorted(folder.glob("*.mp4"))
    return [it for it in files if split == PEOPLE or (it.stem in TUNE_CLIPS) == (split == TUNE)]


def _cuts(clip: Clip, split: str) -> Iterator[tuple[Clip, str, float]]:
    """What is laid over a clip, and how far into it; what is laid otherwise goes by the name."""
    kinds = (*KINDS, HEAD) if split == TEST else tuple(TUNE_KINDS)
    for number, kind in enumerate(kinds):
        for time in range(TIMES[split]):
            start = (number / len(kinds) + time / 3) % 1 if split == TEST else time / 2
            yield replace(clip, name=f"{clip.name}{time or ''}"), kind, start


def _clean(path: Path, landmarker: Landmarker, params: FaceParams, select: Select) -> Clip:
    pictures = list(_cut(path, landmarker))
    seen = follow(pictures, landmarker, params)
    return Clip(path.stem, pictures, seen, passes_but_for_hiding(seen.frames, select))


def _cut(path: Path, landmarker: Landmarker) -> Iterator[Picture]:
    """The clip's first frames, cut to a square around the face where that is small, and shrunk."""
    square: tuple[int, int, int] | None = None
    for picture in islice(media.read_frames(path), FRAMES):
        square = square or _square(picture, landmarker)
        left, top, side = square
        region = picture[top : top + side, left : left + side]
        scale = min(LONG_SIDE_PX / max(region.shape[:2]), 1.0)
        small = cv2.resize(region, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        yield np.asarray(small if scale < 1 else region.copy(), np.uint8)


def _square(picture: Picture, landmarker: Landmarker) -> tuple[int, int, int]:
    """Left, top and side, px."""
    height, width = picture.shape[:2]
    found = landmarker.searcher(1).detect(picture)
    if not found:
        return 0, 0, max(width, height)
    left, top, right, bottom = found[0].box
    side = round(FACE_TIMES * max(right - left, bottom - top))
    if side >= min(width, height):
        return 0, 0, max(width, height)
    corner = [(left + right - side) / 2, (top + bottom - side) / 2]
    x, y = np.clip(corner, 0, [width - side, height - side]).astype(int)
    return int(x), int(y), side


def _other(clips: Sequence[Clip], clip: Clip) -> Clip:
    return clips[(clips.index(clip) + 1) % len(clips)]


def _laid(clip: Clip, kind: str, start: float, other: Clip) -> Laid:
    rng = np.random.default_rng([*clip.name.encode(), *kind.encode()])
    count = min(WINDOW, len(clip.pictures))
    window = slice(first := round(start * (len(clip.pictures) - count)), first + count)
    points, pictures = _known(clip.seen.points[window]), clip.pictures[window]
    skin, light = skin_and_light(pictures[0], points[0])
    stamp = _other_head(other) if kind == HEAD else (KINDS | TUNE_KINDS)[kind](rng, skin)
    where = places(points, drawn_path(rng, count, kind))
    laid = [
        lay(stamp, picture, where[f], where[max(f - 1, 0)], light, rng)
        for f, picture in enumerate(pictures)
    ]
    hidden = zip(
        *(covered(alpha, p) for (_, alpha), p in zip(laid, points, strict=True)), strict=True
    )
    mouth, face, landmarks = (np.array(one) for one in hidden)
    made = [picture for picture, _ in laid]
    return Laid(kind, made, points, clip.passes[window], mouth, face, landmarks)


def _covered(laid: Laid, landmarker: Landmarker, params: FaceParams, select: Select) -> Covered:
    found = follow(laid.pictures, landmarker, params)
    on_face = on_the_face(found, laid.points[..., :2])
    which = _telling(laid) & (on_face & laid.counts)[:, None]
    return Covered(
        kind=laid.kind,
        counts=laid.counts,
        hidden=(laid.mouth >= MOUTH_HIDDEN) | (laid.face >= FACE_HIDDEN),
        bare=(laid.mouth < NOTHING_HIDDEN) & (laid.face < NOTHING_HIDDEN),
        mouth_hidden=laid.mouth >= MOUTH_HIDDEN,
        kept=kept(found.frames, select),
        found=found.frames["found"].to_numpy(bool),
        on_face=on_face,
        landmarks=Landmarks(found.visibility[which].astype(np.float32), ~laid.landmarks[which]),
    )


def _telling(laid: Laid) -> Bools:
    """Which landmarks (F, 478) lie in the picture and face the camera."""
    height, width = laid.pictures[0].shape[:2]
    x, y = laid.points[..., 0], laid.points[..., 1]
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    per_mm = np.array([head_pose(points).px_per_mm for points in laid.points])
    return np.asarray(inside & (facing(laid.points, per_mm) > FACING))


def _known(points: np.ndarray) -> np.ndarray:
    """Landmarks with those of the frame before or after where a clean clip lost its face."""
    found = np.flatnonzero(~np.isnan(points[:, 0, 0]))
    if not len(found):
        raise ValueError("no face in a clip that nothing covers")
    nearest = found[np.abs(np.arange(len(points))[:, None] - found).argmin(axis=1)]
    return points[nearest]


def _other_head(other: Clip) -> Stamp:
    at = int(np.flatnonzero(other.passes)[0]) if other.passes.any() else 0
    points = _known(other.seen.points)[at : at + 1]
    to_picture = places(points, Way(np.zeros((1, 2)), np.zeros(1)))[0]
    to_stamp = np.asarray(cv2.invertAffineTransform(to_picture), np.float64)
    to_stamp[:, 2] -= SIDE_PX / 2
    to_stamp /= PX_PER_MM
    # A head's middle is not its mouth but the bridge of its nose.
    to_stamp[1, 2] += 0.4 * np.ptp(points[0, OVAL, 1]) / head_pose(points[0]).px_per_mm
    return head(other.pictures[at], to_stamp)


def _decided(made: Sequence[Covered]) -> list[Figure]:
    table = _frames(made)
    asked = table[table["hidden"] | table["bare"]]
    bare, said, found = (asked[name].to_numpy(bool) for name in ("bare", "kept", "found"))
    mouth = table[table["mouth_hidden"]]
    note = f"{bare.sum()} bare frames, {(~bare).sum()} hidden"
    every = np.concatenate([one.on_face for one in made])
    lost = np.concatenate([one.found for one in made])
    return [
        Figure("real: frame kept or dropped, balanced", balanced(bare, said), 0.95, ">=", "", note),
        Figure("real: a face found, as if that said it", balanced(bare, found)),
        Figure("real: frames with a hidden mouth, caught", (~mouth["kept"]).mean(), 0.95, ">="),
        Figure("real: bare frames of covered clips, dropped", (~said[bare]).mean()),
        Figure("real: a face found", lost.mean()),
        Figure("real: found, but the mesh lies elsewhere", (lost & ~every).mean()),
    ]


def _frames(made: Sequence[Covered]) -> pd.DataFrame:
    names = ("hidden", "bare", "mouth_hidden", "kept", "found")
    parts = [
        pd.DataFrame({name: getattr(one, name) for name in names})[one.counts].assign(
            kind=one.kind, stays=bool(one.hidden.all())
        )
        for one in made
    ]
    return pd.concat(parts)


def _clean_figures(clips: Sequence[Clip], select: Select) -> list[Figure]:
    dropped = np.concatenate([~kept(clip.seen.frames, select)[clip.passes] for clip in clips])
    lost = {clip.name: float((~clip.passes).mean()) for clip in clips}
    note = ", ".join(f"{share:.0%} of {name}" for name, share in lost.items() if share)
    return [
        Figure(
            "real: frames with nothing before them, dropped",
            dropped.mean(),
            0.05,
            note=f"left out as turned, small, dark or lost: {note or 'none'}",
        )
    ]


def _turned(clips: Sequence[Clip], landmarker: Landmarker, params: FaceParams) -> list[Figure]:
    upright = np.concatenate([clip.seen.frames["found"].to_numpy(bool)[:WINDOW] for clip in clips])
    rates = []
    for turn in (1, 3):
        found = [
            follow((np.rot90(p, turn).copy() for p in clip.pictures[:WINDOW]), landmarker, params)
            for clip in clips
        ]
        rates.append(np.concatenate([one.frames["found"].to_numpy(bool) for one in found]).mean())
    return [
        Figure(f"real: found when turned by {deg}, of upright", rate / upright.mean(), 0.95, ">=")
        for deg, rate in zip((90, 270), rates, strict=True)
    ]


def _print(made: Sequence[Covered]) -> None:
    """A line for each kind of thing; one that stays is there in every frame of a clip."""
    rows = []
    for kind in dict.fromkeys(one.kind for one in made):
        table = _frames([one for one in made if one.kind == kind])
        rows.append(
            {
                "kind": kind,
                "hidden": int(table["hidden"].sum()),
                "caught": (~table["kept"][table["hidden"]]).mean(),
                "mouth caught": (~table["kept"][table["mouth_hidden"]]).mean(),
                "where it stays": (~table["kept"][table["stays"]]).mean(),
                "bare": int(table["bare"].sum()),
                "bare kept": table["kept"][table["bare"]].mean(),
                "found": table["found"].mean(),
            }
        )
    print(pd.DataFrame(rows).round(3).to_string(index=False))
