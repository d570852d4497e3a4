"""What is known of a synthetic clip, written beside it; compared with decisions, never decided by.

    truth = read(folder)            # folder: a store entry of the step "nursery"
    truth.expression[frame]         # (64,) latents
    truth.why[frame]                # "" where the frame is good, else a reason's name
    truth.frames_at(30.0)           # which of its frames each frame at 30 fps shows

`truth.npz` holds, over the F frames of the file as recorded (not as normalised):

    time_s (F,)                     when each is shown
    identity (32,), age (1,), expression (F, 64), focal_px ()
    rotation (F, 3), translation (F, 3) mm, yaw_deg, pitch_deg, roll_deg (F,)
    landmarks_px (F, 478, 2)        where mediapipe's landmarks are, upright pixels, x right y down
    landmark_known (478,)           which of them the model has a place for
    landmark_visibility (F, 478)    not turned away, not behind anything, inside the picture
    landmark_covered (F, 478)       behind something laid over the face
    infant_sounds, adult_sounds, other_sounds (T,)    at 50 Hz
    good (F,)

Where no infant is in the picture, what belongs to one is nan or False. `infant.flac` and
`rest.flac` are the infant alone and everything else, 16 kHz; `truth.json` is the scene and `why`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.morph import embedding, pose, raster
from pipeline.nursery.face import in_sight
from pipeline.nursery.scenes import Scene
from pipeline.nursery.shot import Frame, Shot
from pipeline.nursery.soundtrack import Soundtrack

Array = NDArray[np.floating]
Flags = NDArray[np.bool_]

LANDMARKS = 478
STEM_HZ = 16_000
LIPS = (
    *(61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409),
    *(78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415),
)

# What still counts as good in a frame; a stage has thresholds of its own.
_WIDEST_YAW_DEG, _WIDEST_PITCH_DEG = 40.0, 30.0
_MOUTH_COVERED, _FACE_COVERED, _OUTSIDE = 0.10, 0.20, 0.10


@dataclass(frozen=True)
class Truth:
    """The arrays that the module's head lists, the scene, and why frames are not good."""

    time_s: Array
    identity: Array
    age: Array
    expression: Array
    focal_px: Array
    rotation: Array
    translation: Array
    yaw_deg: Array
    pitch_deg: Array
    roll_deg: Array
    landmarks_px: Array
    landmark_known: Flags
    landmark_visibility: Flags
    landmark_covered: Flags
    infant_sounds: Flags
    adult_sounds: Flags
    other_sounds: Flags
    good: Flags
    scene: dict[str, Any]
    why: list[str]

    def frames_at(self, fps: float) -> NDArray[np.int64]:
        """Index of the frame that each frame of a copy at a constant rate shows."""
        count = round(float(self.scene["span_s"]) * fps)
        shown_from = np.floor(self.time_s * fps + 0.5)
        return np.searchsorted(shown_from, np.arange(count), side="right") - 1


class Notebook:
    """Collects the truth while a shot is filmed.

    Args:
        shot: what is filmed; its frames are handed to `note` in order.
    """

    def __init__(self, shot: Shot) -> None:
        self._shot = shot
        self._places = embedding.load(shot.model.name)
        count = len(shot)
        self._turns = np.full((count, 3, 3), np.nan)
        self.translation = np.full((count, 3), np.nan, np.float32)
        self.landmarks_px = np.full((count, LANDMARKS, 2), np.nan, np.float32)
        self.visible = np.zeros((count, LANDMARKS), bool)
        self.covered = np.zeros((count, LANDMARKS), bool)

    def note(self, index: int, frame: Frame) -> None:
        """Take down where the infant is in a frame, and what of it can be seen."""
        if frame.placed is None:
            return
        placed, which = frame.placed, self._places.landmark
        height, width = frame.depth.shape
        points = self._places.place(placed.vertices)
        normals = self._places.place(raster.normals(placed.vertices, self._shot.model.triangles))
        px = placed.px(points, width, height)
        column = np.clip(px[:, 0].astype(int), 0, width - 1)
        row = np.clip(px[:, 1].astype(int), 0, height - 1)
        self._turns[index] = placed.rotation
        self.translation[index] = placed.translation
        self.landmarks_px[index, which] = px[:, :2]
        self.covered[index, which] = frame.cover[row, column] >= 0.5
        self.visible[index, which] = in_sight(placed, points, frame.depth, frame.cover, normals)

    def write(self, folder: Path, track: Soundtrack) -> None:
        """Write truth.npz, truth.json and the stems into a folder."""
        arrays = self._arrays(track)
        np.savez_compressed(folder / "truth.npz", **arrays)
        described = {
            "scene": self._shot.scene.described(),
            "age_months": self._shot.infant.person.age_months if self._shot.infant else None,
            "why": self.why(),
        }
        text = json.dumps(described, indent=1, sort_keys=True)
        (folder / "truth.json").write_text(text + "\n", encoding="utf-8")
        _write_stems(folder, track, self._shot.scene)

    def why(self) -> list[str]:
        """Why each frame is not good, a reason's name, or "" where it is."""
        shot, how = self._shot, self._shot.scene.how
        if not how.good and not (how.occluder or how.yaw_deg or how.aside):
            return [how.expected[0]] * len(shot)
        assert shot.infant is not None
        motion = shot.infant.motion
        turned = np.abs(motion.yaw_deg) > _WIDEST_YAW_DEG
        turned |= np.abs(motion.pitch_deg) > _WIDEST_PITCH_DEG
        px, size = self.landmarks_px, (shot.scene.width_px, shot.scene.height_px)
        with np.errstate(invalid="ignore"):
            outside = ((px < 0) | (px >= size)).any(-1).mean(-1) > _OUTSIDE
        mouth = self.covered[:, LIPS].mean(-1) > _MOUTH_COVERED
        face = self.covered.mean(-1) > _FACE_COVERED
        faults = [turned, outside, mouth, face]
        names = ["turned_away", "out_of_frame", "mouth_hidden", "face_hidden"]
        return [str(name) for name in np.select(faults, names, "")]

    def _rotation(self) -> NDArray[np.float32]:
        """Rotation vectors (F, 3), nan where nobody is in the picture."""
        there = np.isfinite(self._turns[:, 0, 0])
        found = np.full((len(self._turns), 3), np.nan, np.float32)
        if there.any():
            found[there] = pose.rotation_vector(self._turns[there])
        return found

    def _arrays(self, track: Soundtrack) -> dict[str, NDArray[Any]]:
        shot, role = self._shot, self._shot.infant
        frames, layout = len(shot), shot.model.layout
        nothing = np.full(frames, np.nan, np.float32)
        unknown = {part: np.full(n, np.nan, np.float32) for part, n in layout.items()}
        known = np.zeros(LANDMARKS, bool)
        known[self._places.landmark] = True
        return {
            "time_s": shot.time_s,
            "identity": role.person.identity if role else unknown["identity"],
            "age": np.array([role.person.age], np.float32) if role else unknown["age"],
            "expression": role.expression if role else np.tile(unknown["expression"], (frames, 1)),
            "focal_px": np.array(shot.focal_px, np.float32),
            "rotation": self._rotation(),
            "translation": self.translation,
            "yaw_deg": _short(role.motion.yaw_deg) if role else nothing,
            "pitch_deg": _short(role.motion.pitch_deg) if role else nothing,
            "roll_deg": _short(role.motion.roll_deg) if role else nothing,
            "landmarks_px": self.landmarks_px,
            "landmark_known": known,
            "landmark_visibility": self.visible,
            "landmark_covered": self.covered,
            "infant_sounds": track.infant_sounds,
            "adult_sounds": track.adult_sounds,
            "other_sounds": track.other_sounds,
            "good": np.array([not reason for reason in self.why()]),
        }


def read(folder: Path) -> Truth:
    """Read the truth of the clip in `folder`."""
    described = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    names = {field.name for field in fields(Truth)} - {"scene", "why"}
    with np.load(folder / "truth.npz", allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in names}
    return Truth(**arrays, scene=described["scene"], why=described["why"])


def _short(values: Array) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)


def _write_stems(folder: Path, track: Soundtrack, scene: Scene) -> None:
    from scipy.signal import resample_poly

    from pipeline.media.sound import write_sound

    count = round(scene.span_s * STEM_HZ)
    for name, stem in (("infant", track.infant), ("rest", track.rest)):
        write_sound(folder / f"{name}.flac", resample_poly(stem, 160, 441)[:count], STEM_HZ)
