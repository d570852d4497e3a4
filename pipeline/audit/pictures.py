"""Frames of a clip as the report shows them: landmarks, coloured by whether they are seen.

They stand on plain ground. Where faces are asked for, they lie over the frames themselves; those
pictures are remembered like every measurement, and drawn again only when the clip, its landmarks or
the choice of frames change.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import media
from pipeline.audit.drawing import Drawing
from pipeline.audit.drawing import draw as dots
from pipeline.audit.read import Account
from pipeline.audit.why import FrameRun, Story, rule_of
from pipeline.core import vault
from pipeline.core.reasons import Reason, State
from pipeline.core.runner import Job, Runner, Step
from pipeline.core.store import Store

STEP = "pictures"
SEEN, HIDDEN = (64, 224, 128), (255, 64, 64)
JPEG_QUALITY = 72

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Shown:
    """One picture of the report."""

    frame: int
    kept: bool
    reason: str
    run: FrameRun | None
    source: str = ""
    """A data URI, where faces are shown."""
    drawing: Drawing | None = None
    """Where they are not."""


@dataclass(frozen=True)
class Drawn:
    """All pictures of a report."""

    of_clip: dict[str, list[Shown]]
    remembered: int
    measured: int


def choose(story: Story, count: int) -> list[tuple[int, FrameRun | None]]:
    """The frames to show: middles of the longest runs, kept and dropped in turn, by frame."""
    if not count or not story.frames:
        return []
    runs = [run for run in story.runs if run.stage == "select" or not _kept(run)]
    if not runs:
        return [(story.frames // 2, None)]
    longest = sorted(runs, key=lambda run: (run.start_frame - run.end_frame, run.start_frame))
    turns: dict[str, list[FrameRun]] = {}
    for run in longest:
        turns.setdefault(run.reason, []).append(run)
    picked: dict[int, FrameRun] = {}
    while len(picked) < count and any(turns.values()):
        for queue in turns.values():
            if queue and len(picked) < count:
                run = queue.pop(0)
                picked.setdefault((run.start_frame + run.end_frame - 1) // 2, run)
    for run in longest:
        # A clip that is all alike is shown from its beginning to its end.
        for part in range(1, 2 * count):
            if len(picked) < min(count, 3):
                at = run.start_frame + (run.end_frame - run.start_frame - 1) * part // (2 * count)
                picked.setdefault(at, run)
    return sorted(picked.items())


def sketch(account: Account, store: Store, stories: Sequence[Story], count: int) -> Drawn:
    """Draw the landmarks of the chosen frames, of clips in which a face was looked for."""
    drawn = {}
    for story in stories:
        picks = choose(story, count)
        path = _measured(account, store, story.clip) if picks else None
        if path is not None:
            drawn[story.clip] = list(_sketches(account, story.clip, picks, path))
    return Drawn(drawn, 0, 0)


def take(
    account: Account, runner: Runner, stories: Sequence[Story], count: int, picture_px: int
) -> Drawn:
    """Draw the landmarks over the chosen frames themselves, of clips whose media are at hand."""
    chosen = {story.clip: choose(story, count) for story in stories}
    jobs = []
    for clip, picks in chosen.items():
        frames = [frame for frame, _ in picks]
        inputs = _inputs(account, runner.store, clip)
        if picks and inputs is not None:
            inputs |= {"frames": frames, "picture_px": picture_px}
            jobs.append(Job(clip, inputs, _digest(account, clip, frames)))
    done = runner.measure(Step(STEP, draw, {"picture_px": picture_px}), jobs)
    shown = {
        clip: [
            _shown(frame, _there(account, clip, frame, run), source=jpeg_uri(entry.path, frame))
            for frame, run in picks
        ]
        for clip, entry, picks in ((c, e, chosen[c]) for c, e in done.entries.items())
    }
    return Drawn(shown, done.remembered, done.measured)


def draw(out: Path, inputs: Mapping[str, Any]) -> None:
    """Write the pictures of one clip, <frame>.jpg each."""
    wanted = set(inputs["frames"])
    landmarks = _landmarks(inputs["landmarks"])
    for number, picture in enumerate(media.read_frames(inputs["video"])):
        if number in wanted:
            points, seen = landmarks(number)
            write_jpeg(out / f"{number}.jpg", overlay(picture, points, seen, inputs["picture_px"]))
            wanted.discard(number)
        if not wanted:
            return


def overlay(
    picture: Picture, points: NDArray | None, seen: NDArray | None, picture_px: int
) -> Picture:
    """Shrink a frame and draw the landmarks (478, 2+) px on it, green seen, red hidden."""
    import cv2

    scale = picture_px / max(picture.shape[:2])
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    if points is None or seen is None or not np.isfinite(points[:, :2]).all():
        return np.asarray(small, np.uint8)
    drawn = small.copy()
    # OpenCV takes fixed point: 4 bits behind the point place a dot between pixels.
    places = np.round(points[:, :2] * scale * 16).astype(int)
    for (x, y), share in zip(places.tolist(), np.clip(seen.astype(float), 0, 1), strict=True):
        colour = [a * share + b * (1 - share) for a, b in zip(SEEN, HIDDEN, strict=True)]
        cv2.circle(drawn, (x, y), 14, colour, -1, cv2.LINE_AA, 4)
    return np.asarray(cv2.addWeighted(drawn, 0.75, small, 0.25, 0), np.uint8)


def _inputs(account: Account, store: Store, clip: str) -> dict[str, Any] | None:
    media_key = account.about("download", clip).get("media_key")
    if not isinstance(media_key, str):
        return None
    video = store.entry("media", media_key).path / "video.mp4"
    return {"video": video, "landmarks": _measured(account, store, clip)}


def _measured(account: Account, store: Store, clip: str) -> Path | None:
    """Where the landmarks of a clip are; None where no face was looked for."""
    face_key = account.about("landmarks", clip).get("face_key")
    if not isinstance(face_key, str):
        return None
    return store.entry("face", face_key).path / "landmarks.npz"


def _sketches(
    account: Account, clip: str, picks: Sequence[tuple[int, FrameRun | None]], path: Path
) -> Iterator[Shown]:
    about = account.about("download", clip)
    width, height = int(about["width"]), int(about["height"])
    landmarks = _landmarks(path)
    for frame, run in picks:
        points, seen = landmarks(frame)
        drawing = dots(points, seen, width, height)
        yield _shown(frame, _there(account, clip, frame, run), drawing=drawing)


def _digest(account: Account, clip: str, frames: list[int]) -> str:
    about, face = account.about("download", clip), account.about("landmarks", clip)
    content = [str(about["media_key"]), str(face.get("face_key")), frames]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _landmarks(path: Path | None) -> Any:
    if path is None:
        return lambda number: (None, None)
    with np.load(path, allow_pickle=False) as file:
        points, seen = file["points"], file["visibility"]
    return lambda number: (points[number], seen[number])


def write_jpeg(path: Path, picture: Picture) -> None:
    """Write an RGB picture."""
    import cv2

    quality = [int(cv2.IMWRITE_JPEG_QUALITY), JPEG_QUALITY]
    _, content = cv2.imencode(".jpg", picture[:, :, ::-1], quality)
    path.write_bytes(content.tobytes())


def _there(account: Account, clip: str, frame: int, run: FrameRun | None) -> FrameRun | None:
    """The run with the rule as it was at that very frame."""
    if run is None:
        return None
    rows = account.frames(run.stage, clip).to_pandas()
    (row,) = rows[rows["frame"] == frame].to_dict("records")
    return replace(run, rule=rule_of(row), best=None)


def _shown(
    frame: int, run: FrameRun | None, source: str = "", drawing: Drawing | None = None
) -> Shown:
    kept = run is not None and _kept(run)
    return Shown(frame, kept, run.reason if run is not None else "", run, source, drawing)


def jpeg_uri(folder: Path, frame: int) -> str:
    """A frame's picture in a folder of them, as a data URI."""
    path = folder / f"{frame}.jpg"
    content = base64.b64encode(vault.read(path)).decode() if path.exists() else ""
    return f"data:image/jpeg;base64,{content}"


def _kept(run: FrameRun) -> bool:
    return Reason.named(run.reason).state is State.KEPT
