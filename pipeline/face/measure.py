"""The face of one clip, frame by frame: what the step `face` does and what it leaves in the store.

landmarks.npz     points (F, 478, 3) float32, px of the clip's own frame, nan where not found;
                  visibility (F, 478) float16
frames.parquet    a row a frame: found, cut, face_score, faces, infant_likeness, yaw_deg, ...
tracks.parquet    a row a face: chosen, infant_likeness, share, face_px, frame, aperture_mm
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from pipeline import media
from pipeline.core import tables
from pipeline.core.backends import at_hand
from pipeline.face import crop, hands, quality, stirring, swatches, tone
from pipeline.face.areas import areas, face, least, lips, mouth
from pipeline.face.backends import LANDMARKERS, Face, Landmarker, Picture
from pipeline.face.changes import parts
from pipeline.face.hand_watch import HandWatch
from pipeline.face.infant import SEEN, Told, infants, tell
from pipeline.face.likeness import UNTOLD
from pipeline.face.mesh import CHEEK_LEFT, CHEEK_RIGHT, EYES, MOUTH, POINTS
from pipeline.face.params import Landmarks
from pipeline.face.pose import face_px, head_poses
from pipeline.face.records import RECORD
from pipeline.face.shots import Shots
from pipeline.face.tracks import Tracks
from pipeline.face.visibility import hidden_by, lasting

LANDMARKS = "landmarks.npz"
FRAMES = "frames.parquet"
TRACKS = "tracks.parquet"
TOGETHER = 16
"""Pictures that go through one step before the next: each model leaves little of what the others
need in a processor's cache."""
TOGETHER_BYTES = 24 << 20
"""Of them, of large ones fewer."""
OF_EYES = np.isin(np.arange(POINTS), EYES).astype(np.float32)[None]
LEAST_SHOWN = 0.1
"""Share of a part below which what the pose leaves of it says nothing of what covers it."""
PART, USUALLY = 0.2, 0.7
"""Share of a mouth's area that is seen least, and quantile over a track of what is seen of it when
nothing covers it."""
SHOWN_FRAMES = 13
"""A mouth that is seen for less between two covers is not; chosen where choices were made."""
WHOLLY_INSIDE = 0.9
"""Share of a face's landmarks that lie in the picture."""

MEASURES = (
    "face_score",
    "infant_likeness",
    "yaw_deg",
    "pitch_deg",
    "roll_deg",
    "face_px",
    "face_visible",
    "mouth_visible",
    # Of the part of it that is seen least, against what is mostly seen of such a part in the track:
    # thin things hide little, and nothing before they come.
    "mouth_of_usual",
    "eyes_visible",
    # Of the infant's own cheeks, each by itself; a cheek that is turned away is not visible.
    "cheek_left_visible",
    "cheek_right_visible",
    "mouth_inside",
    "sharpness",
    "motion_blur",
    "brightness",
    "ita_deg",
    # The same in all frames of a track: how far its face moves in itself.
    "stirs_mm",
)
AS_NOTED = (
    *("yaw_deg", "pitch_deg", "roll_deg", "face_px"),
    *("sharpness", "motion_blur", "brightness"),
)
"""Measures that are noted of each frame as they are."""
SCHEMA = pa.schema(
    [
        ("frame", pa.int32()),
        ("found", pa.bool_()),
        # Whether it begins another shot than the frame before.
        ("cut", pa.bool_()),
        ("faces", pa.int32()),
        *((name, pa.float32()) for name in MEASURES),
        # The cue that hides most of the mouth or the face; see `visibility`.
        ("hidden_by", pa.string()),
    ]
)
FACES = pa.schema(
    [
        ("track", pa.int32()),
        # Whether it is the infant's.
        ("chosen", pa.bool_()),
        ("infant_likeness", pa.float32()),
        # Of the clip's frames that it is in.
        ("share", pa.float32()),
        # Median.
        ("face_px", pa.float32()),
        ("frame", pa.list_(pa.int32())),
        # Between the lips in those frames, on the canonical face; nan where they are hidden.
        ("aperture_mm", pa.list_(pa.float32())),
    ]
)


@dataclass(frozen=True)
class Measured:
    """The infant's face in every frame of a clip."""

    points: NDArray[np.float32]
    """(F, 478, 3)."""
    visibility: NDArray[np.float16]
    """(F, 478)."""
    frames: pd.DataFrame
    """A row a frame, columns as in `SCHEMA`."""
    faces: pd.DataFrame
    """A row a track, columns as in `FACES`."""


def measure(out: Path, inputs: Mapping[str, Any]) -> None:
    """Measure one clip and write landmarks.npz, frames.parquet and tracks.parquet into `out`.

    Args:
        out: an empty folder.
        inputs: `video` (path), `backend` (name), `device`, `params` (a mapping).

    Raises:
        ClipFailed: the video cannot be decoded.
    """
    landmarker = LANDMARKERS.load(inputs["backend"], inputs["device"])
    params = Landmarks.model_validate(dict(inputs["params"]))
    pictures, device = media.read_frames(Path(inputs["video"])), at_hand(inputs["device"])
    found = follow(pictures, landmarker, params, out, device)
    np.savez(out / LANDMARKS, points=found.points, visibility=found.visibility)
    tables.write(out / FRAMES, found.frames, SCHEMA)
    tables.write(out / TRACKS, found.faces, FACES)


def follow(
    pictures: Iterable[Picture],
    landmarker: Landmarker,
    params: Landmarks,
    folder: Path | None = None,
    device: str = "cpu",
) -> Measured:
    """Find the infant's face in pictures (H, W, 3) RGB that follow one another.

    `folder` holds the notes of tracks while it works, in files without names; what covers a face is
    seen on `device`.
    """
    # Pictures of a face are so small that threads mostly wait for one another.
    cv2.setNumThreads(1)
    tracks = Tracks(folder)
    try:
        faces, cuts = note_all(pictures, landmarker, params, tracks)
        return _assemble(tracks, faces, cuts, folder, device)
    finally:
        tracks.close()


def note_all(
    pictures: Iterable[Picture], landmarker: Landmarker, params: Landmarks, tracks: Tracks
) -> tuple[list[int], list[bool]]:
    """Note every face of every frame; returns how many there were in each, and which begin another
    shot."""
    counts: list[int] = []
    cuts: list[bool] = []
    with ExitStack() as stack:
        detector = stack.enter_context(closing(landmarker.hands()))
        shots = Shots(landmarker, params.max_faces, params.detect_px)
        stack.enter_context(closing(shots))
        watch = HandWatch(detector, params.hands_every)
        for some in _some_at_a_time(pictures):
            looked = shots.look(some)
            noted = _records(some, [faces for _, faces in looked], len(counts))
            coloured = zip(noted, parts(noted["swatches"]), strict=True)
            for picture, (cut, faces) in zip(some, looked, strict=True):
                of_each = [next(coloured) for _ in faces]
                records, colours = [it for it, _ in of_each], [it for _, it in of_each]
                if cut:
                    watch.forget()
                    tracks.cut(len(counts))
                seen = watch.look(picture, faces, colours)
                for face, record, track in zip(
                    faces, records, tracks.assign(faces, len(counts)), strict=True
                ):
                    record["under_hand"] = hands.under(seen, face.points)
                    track.notes.add(record)
                counts.append(len(faces))
                cuts.append(cut)
    return counts, cuts


def _some_at_a_time(pictures: Iterable[Picture]) -> Iterator[list[Picture]]:
    some: list[Picture] = []
    for picture in pictures:
        some.append(picture)
        if len(some) == TOGETHER or len(some) * picture.nbytes >= TOGETHER_BYTES:
            yield some
            some = []
    if some:
        yield some


def _records(
    pictures: Sequence[Picture], faces: Sequence[Sequence[Face]], first: int
) -> NDArray[np.void]:
    """What is noted at once of the faces of pictures, of one picture after the other, (N,).

    All but the hands before them, and what `records.complete` adds. `first` is the number of the
    first picture.
    """
    every = [(at, it) for at, some in enumerate(faces) for it in some]
    records = np.zeros(len(every), dtype=RECORD)
    if not every:
        return records
    points = np.stack([it.points for _, it in every])
    poses = head_poses(points)
    records["frame"] = [first + at for at, _ in every]
    records["faces"] = [len(faces[at]) for at, _ in every]
    records["picture_px"] = [pictures[at].shape[1::-1] for at, _ in every]
    records["score"] = [it.score for _, it in every]
    records["scores"] = np.nan
    records["points"] = points
    for name in ("yaw_deg", "pitch_deg", "roll_deg", "px_per_mm", "rotation"):
        records[name] = [getattr(pose, name) for pose in poses]
    records["face_px"] = face_px(points, records["roll_deg"])
    for record, pose, (at, it) in zip(records, poses, every, strict=True):
        cut = crop.cut(pictures[at], it.points, pose.px_per_mm)
        for name, value in quality.quality(cut)._asdict().items():
            record[name] = value
        record["swatches"] = swatches.take(cut)
        if it.scores is not None:
            record["scores"] = it.scores
    return records


def _assemble(
    tracks: Tracks, faces: list[int], cuts: list[bool], folder: Path | None, device: str
) -> Measured:
    """Join the infant's tracks into one row a frame."""
    count = len(faces)
    points = _spacious((count, POINTS, 3), np.dtype(np.float32), folder)
    points[:] = np.nan
    seen = np.zeros((count, POINTS), dtype=np.float16)
    columns = _nothing_found(faces, cuts)
    told = tell(tracks.all, device)
    chosen = infants(told)
    taken = np.zeros(count, bool)
    for track in (told[number] for number in chosen):
        taken[track.frames[track.mine]] = True
    for track in (told[number] for number in chosen):
        # Where it shows somebody else, another track may show the infant.
        rows = track.mine | ~taken[track.frames]
        where = track.frames[rows]
        points[where], seen[where] = track.records["points"][rows], track.visible[rows]
        for name, column in _columns(track).items():
            columns[name][where] = column[rows]
    everybody = pd.DataFrame(
        {
            "track": np.arange(len(told)),
            "chosen": np.isin(np.arange(len(told)), chosen),
            "infant_likeness": [_likeness(track) for track in told],
            "share": [len(track.frames) / count for track in told],
            "face_px": [track.size_px for track in told],
            "frame": [track.frames for track in told],
            "aperture_mm": [_aperture_mm(track) for track in told],
        }
    )
    return Measured(points, seen, pd.DataFrame(columns), everybody)


def _nothing_found(faces: list[int], cuts: list[bool]) -> dict[str, NDArray[Any]]:
    """A column (F,) for each of `SCHEMA`, as it is while there is no face."""
    count = len(faces)
    return {
        **{name: np.full(count, np.nan) for name in MEASURES},
        "face_score": np.zeros(count),
        "found": np.zeros(count, bool),
        "faces": np.asarray(faces, np.int64),
        "frame": np.arange(count),
        "cut": np.asarray(cuts, bool),
        "hidden_by": np.full(count, "", object),
    }


def _aperture_mm(track: Told) -> NDArray[np.float32]:
    """Between the lips of a track in each of its frames, nan where the mouth is hidden."""
    hidden = track.visible[:, MOUTH].mean(axis=1) <= SEEN
    return np.where(hidden, np.float32(np.nan), track.records["aperture_mm"])


def _likeness(track: Told) -> float:
    return UNTOLD if np.isnan(track.likeness) else track.likeness


def _columns(track: Told) -> dict[str, NDArray[Any]]:
    """A column (F,) of a track for each of `SCHEMA` that is told track by track."""
    rows, visible = track.records, track.visible
    of_mouth = areas(rows["points"], mouth())
    # What lies outside counts in full, and how far a head is turned is asked for by its angles.
    there = np.where(rows["inside"], track.shares["turned"], np.float32(1.0))
    mouth_visible = lasting(_of_what_is_there(there, visible, of_mouth), SHOWN_FRAMES)
    of_usual = _of_usual(there[:, lips()], visible[:, lips()], of_mouth[:, lips()])
    mouth_of_usual = lasting(of_usual, SHOWN_FRAMES)
    by = hidden_by(track.shares, np.minimum(mouth_visible, mouth_of_usual))
    return {
        "found": np.ones(len(rows), bool),
        "face_score": rows["score"],
        "infant_likeness": np.full(len(rows), _likeness(track)),
        **{name: rows[name] for name in AS_NOTED},
        "face_visible": _of_what_is_there(there, visible, areas(rows["points"], face())),
        "mouth_visible": mouth_visible,
        "mouth_of_usual": mouth_of_usual,
        "eyes_visible": _of_what_is_there(there, visible, OF_EYES),
        "cheek_left_visible": visible[:, CHEEK_LEFT].mean(axis=1),
        "cheek_right_visible": visible[:, CHEEK_RIGHT].mean(axis=1),
        "mouth_inside": (of_mouth * rows["inside"]).sum(axis=1) / of_mouth.sum(axis=1),
        "ita_deg": tone.ita_deg(rows["swatches"], visible),
        "stirs_mm": np.full(len(rows), _stirs_mm(track)),
        "hidden_by": np.array(by, object),
    }


def _stirs_mm(track: Told) -> float:
    # Where the picture ends, landmarks tremble.
    rows = track.records[track.mine & (track.records["inside"].mean(axis=1) > WHOLLY_INSIDE)]
    return stirring.stirs_mm(rows["points"], rows["px_per_mm"])


def _of_what_is_there(
    there: NDArray[np.float32], visible: NDArray[np.float32], weights: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Share of a part of the face that can be seen in each frame, of what is there (F, 478) of it.

    `weights` (F or 1, 478) say what each landmark counts for.
    """
    shown = np.maximum((weights * there).sum(axis=1), LEAST_SHOWN * weights.sum(axis=1))
    return np.asarray((weights * visible).sum(axis=1) / shown)


def _of_usual(
    there: NDArray[np.float32], visible: NDArray[np.float32], weights: NDArray[np.float32]
) -> NDArray[np.float32]:
    """What is seen (F,) of the part of a mouth that is seen least, of what mostly is."""
    seen = least(visible / np.maximum(there, LEAST_SHOWN), weights * there, PART)
    return np.asarray(seen / max(float(np.quantile(seen, USUALLY)), LEAST_SHOWN))


def _spacious(
    shape: tuple[int, ...], dtype: np.dtype[Any], folder: Path | None
) -> NDArray[np.float32]:
    """An array in an unnamed file: the landmarks of a long clip need not fit into memory."""
    if 0 in shape:
        return np.zeros(shape, dtype=dtype)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.truncate(int(np.prod(shape)) * dtype.itemsize)
        return np.memmap(file, dtype=dtype, mode="r+", shape=shape)
