"""The part `nursery` of `cradle bench face`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline import media
from pipeline.dataset.params import Select
from pipeline.face.backends import LANDMARKERS
from pipeline.face.measure import Measured, follow
from pipeline.face.params import Landmarks as FaceParams
from pipeline.nursery import CLIP, measure
from pipeline.nursery.scenes import Scene, scene_of
from pipeline.nursery.truth import LIPS, Truth, read
from tests.bench._face_real import TEST
from tests.bench._figures import Figure
from tests.bench._seeing import (
    Bools,
    Landmarks,
    balanced,
    kept,
    landmark_figures,
    on_the_face,
)

FIRST_SEED, FIRST_TUNE_SEED, TUNE_CLIPS = 1000, 40, 20
SPAN_S, SIZE_PX = 1.5, 384
KINDS = (
    *("cry", "hand", "laugh", "profile", "babble", "pacifier", "beside", "lying", "bottle"),
    *("blanket", "passing", "outside", "far", "dark"),
    *("cry", "hand", "profile", "pacifier", "beside", "lying", "bottle", "blanket", "laugh"),
    *("passing", "hand", "beside", "lying", "babble", "cry", "outside"),
)
UPRIGHT = ("cry", "laugh", "babble")
BEYOND_DEG = 3.0
WITHIN_DEG = 45.0
MOUTH_HIDDEN = 0.2


@dataclass(frozen=True)
class Seen:
    """One clip, what is known of it, and what was said."""

    kind: str
    truth: Truth
    found: Measured
    kept: Bools


def figures(folder: Path, params: FaceParams, select: Select, split: str) -> list[Figure]:
    """Make the clips, measure them, compare."""
    landmarker = LANDMARKERS.load(params.backend)
    seen = []
    for kind, clip in _clips(folder, split):
        found = follow(media.read_frames(clip / CLIP), landmarker, params)
        seen.append(Seen(kind, read(clip), found, kept(found.frames, select)))
    _print(seen)
    return [
        *_decided(seen),
        *landmark_figures("nursery", [_landmarks(one) for one in seen], 0.97),
        *_pose(seen, select),
        *_which(seen),
    ]


def _clips(folder: Path, split: str) -> Iterator[tuple[str, Path]]:
    """Make the clips of a split: the kind of each, and its folder."""
    first, kinds = (FIRST_SEED, KINDS) if split == TEST else (FIRST_TUNE_SEED, KINDS[:TUNE_CLIPS])
    for number, kind in enumerate(kinds):
        scene = scene_of(kind, first + number, SPAN_S, SIZE_PX)
        yield kind, _made(folder / f"{number:02d}", scene)


def _made(folder: Path, scene: Scene) -> Path:
    folder.mkdir()
    inputs = {"seed": scene.seed, "index": scene.index}
    measure(folder, {**inputs, "span_s": scene.span_s, "size_px": scene.height_px})
    return folder


def _decided(seen: Sequence[Seen]) -> list[Figure]:
    good = np.concatenate([one.truth.good for one in seen])
    said = np.concatenate([one.kept for one in seen])
    found = np.concatenate([_found(one) for one in seen])
    note = f"{good.sum()} good frames, {(~good).sum()} bad"
    mouth = [one.truth.landmark_covered[:, LIPS].mean(axis=1) < MOUTH_HIDDEN for one in seen]
    return [
        Figure(
            "nursery: frame kept or dropped, balanced", balanced(good, said), 0.97, ">=", "", note
        ),
        Figure("nursery: good frames kept", said[good].mean()),
        Figure("nursery: bad frames dropped", (~said[~good]).mean()),
        Figure(
            "nursery: a face found, as if the mouth were seen",
            balanced(np.concatenate(mouth), found),
        ),
    ]


def _landmarks(one: Seen) -> Landmarks:
    known = one.truth.landmark_known
    frames = on_the_face(one.found, one.truth.landmarks_px, known)
    return Landmarks(
        one.found.visibility[frames][:, known].astype(np.float32).ravel(),
        one.truth.landmark_visibility[frames][:, known].ravel(),
    )


def _pose(seen: Sequence[Seen], select: Select) -> list[Figure]:
    yaw = np.concatenate([one.truth.yaw_deg for one in seen])
    said = np.concatenate([one.found.frames["yaw_deg"].to_numpy() for one in seen])
    dropped = ~np.concatenate([one.kept for one in seen])
    turned = np.abs(yaw) > select.max_yaw_deg + BEYOND_DEG
    error = np.abs(said - yaw)[(np.abs(yaw) <= WITHIN_DEG) & np.isfinite(said)]
    return [
        Figure(
            "nursery: turned away, caught",
            dropped[turned].mean(),
            0.98,
            ">=",
            "",
            f"{turned.sum()} frames",
        ),
        Figure(
            f"nursery: median yaw error within {WITHIN_DEG:g} deg",
            float(np.median(error)),
            4.0,
            "<=",
            "deg",
        ),
    ]


def _which(seen: Sequence[Seen]) -> list[Figure]:
    beside = [
        on_the_face(one.found, one.truth.landmarks_px, one.truth.landmark_known)
        for one in seen
        if one.kind == "beside"
    ]
    upright = np.concatenate([_found(one) for one in seen if one.kind in UPRIGHT]).mean()
    chosen = np.concatenate(beside) if beside else np.array([np.nan])
    note = f"{len(chosen)} frames"
    return [
        Figure("nursery: the infant chosen of two", chosen.mean(), 0.98, ">=", "", note),
        *(
            Figure(
                f"nursery: {how} found, of upright",
                _rate(seen, kind) / upright,
                0.95,
                ">=",
                "",
                f"upright {upright:.3f}",
            )
            for how, kind in (("lying", "lying"), ("far away", "far"))
        ),
    ]


def _rate(seen: Sequence[Seen], kind: str) -> float:
    """How many frames of a kind of clip show a face that was found."""
    found = [_found(one) for one in seen if one.kind == kind]
    return float(np.concatenate(found).mean()) if found else float("nan")


def _found(one: Seen) -> Bools:
    return one.found.frames["found"].to_numpy(bool)


def _print(seen: Sequence[Seen]) -> None:
    rows = pd.DataFrame(
        {
            "kind": [one.kind for one in seen],
            "frames": [len(one.kept) for one in seen],
            "good": [one.truth.good.mean() for one in seen],
            "kept": [one.kept.mean() for one in seen],
            "right": [(one.kept == one.truth.good).mean() for one in seen],
            "found": [_found(one).mean() for one in seen],
        }
    )
    print(rows.groupby("kind", sort=False).mean().round(3).to_string())
