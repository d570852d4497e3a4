"""The fitted mesh of a clip as the report shows it: in a usual frame, and where it fits worst.

The picture is cut to the face, so that a reader can judge the fit by its landmarks. It stands on
plain ground; where faces are asked for, over the frame itself. Drawings are remembered like every
measurement.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import media
from pipeline.audit.pictures import Picture, jpeg_uri, overlay, write_jpeg
from pipeline.audit.read import Account
from pipeline.audit.review.footage import Footage, footage
from pipeline.core.runner import Job, Runner, Step

STEP = "meshes"
PICTURE_PX = 180
GROUND = 245
"""Grey of the plain ground."""
_AROUND = 0.12
"""How much is left about the landmarks, of their extent."""


@dataclass(frozen=True)
class Mesh:
    """One picture of a fit."""

    frame: int
    residual_mm: float
    source: str
    """A data URI."""


@dataclass(frozen=True)
class Meshes:
    """All of a report."""

    of_clip: dict[str, list[Mesh]]
    remembered: int
    measured: int


def take(account: Account, runner: Runner, clips: Iterable[str], faces: bool) -> Meshes:
    """Draw the fits of clips whose media are at hand, over their frames where `faces`."""
    picked: dict[str, dict[int, float]] = {}
    jobs = []
    for clip in clips:
        of, frames = footage(account, runner.store, clip), _picked(account, clip)
        if of is None or of.fit is None or of.landmarks is None or not frames:
            continue
        picked[clip] = frames
        jobs.append(Job(clip, _inputs(of, list(frames), faces), _content(account, clip, frames)))
    done = runner.measure(Step(STEP, draw, {"picture_px": PICTURE_PX, "faces": faces}), jobs)
    shown = {
        clip: [
            Mesh(frame, residual_mm, jpeg_uri(entry.path, frame))
            for frame, residual_mm in picked[clip].items()
        ]
        for clip, entry in done.entries.items()
    }
    return Meshes(shown, done.remembered, done.measured)


def draw(out: Path, inputs: Mapping[str, Any]) -> None:
    """Write the pictures of one clip, <frame>.jpg each."""
    # Only a clip that is drawn anew asks for torch.
    from pipeline.morph.fit import Fitted
    from pipeline.morph.model import load
    from pipeline.morph.overlay import over
    from pipeline.morph.plain import PlainPainter

    model, fitted = load(inputs["model"]), Fitted.read(inputs["fit"])
    painter = PlainPainter(model)
    with np.load(inputs["landmarks"], allow_pickle=False) as file:
        points, seen = file["points"], file["visibility"]
    for number, ground in _grounds(inputs):
        drawn = over(ground, painter, model, fitted, number)
        window = _window(points[number], (inputs["height"], inputs["width"]))
        away = points[number, :, :2] - [window[1].start, window[0].start]
        write_jpeg(out / f"{number}.jpg", overlay(drawn[window], away, seen[number], PICTURE_PX))


def _grounds(inputs: Mapping[str, Any]) -> Iterable[tuple[int, Picture]]:
    """What each mesh is drawn on."""
    wanted = set(inputs["frames"])
    if inputs["video"] is None:
        plain = np.full((inputs["height"], inputs["width"], 3), GROUND, np.uint8)
        yield from ((number, plain) for number in sorted(wanted))
        return
    for number, picture in enumerate(media.read_frames(inputs["video"])):
        if number in wanted:
            yield number, picture
        if number >= max(wanted):
            return


def _window(points: NDArray[np.floating], size: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns about the landmarks, within the picture."""
    low, high = np.nanmin(points[:, :2], 0), np.nanmax(points[:, :2], 0)
    around = _AROUND * (high - low)
    height, width = size
    left, top = np.clip(np.floor(low - around), 0, [width - 2, height - 2]).astype(int)
    right, bottom = np.clip(np.ceil(high + around), [left + 2, top + 2], [width, height])
    return slice(int(top), int(bottom)), slice(int(left), int(right))


def _picked(account: Account, clip: str) -> dict[int, float]:
    """Residual (mm) by frame: of the fitted frame at the median, and of the one that fits worst."""
    poses = account.of_clip("fit", "poses", clip).to_pandas()
    good = poses[poses["valid"]].sort_values(["residual_mm", "frame"]) if len(poses) else poses
    if not len(good):
        return {}
    rows = good.iloc[[(len(good) - 1) // 2, len(good) - 1]]
    return {int(row.frame): float(row.residual_mm) for row in rows.itertuples()}


def _inputs(of: Footage, frames: list[int], faces: bool) -> dict[str, Any]:
    return {
        "fit": of.fit,
        "landmarks": of.landmarks,
        "video": of.video if faces else None,
        "width": of.width,
        "height": of.height,
        "model": of.model,
        "frames": frames,
    }


def _content(account: Account, clip: str, frames: Mapping[int, float]) -> str:
    """All that the pictures of a clip depend on."""
    media_key = account.about("download", clip)["media_key"]
    fit_key = account.about("fit", clip)["fit_key"]
    content = [str(media_key), str(fit_key), sorted(frames)]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
