"""What is noted of one face in one frame, and the file in which a track's notes wait.

A note takes 13 kB. Tracks of long clips keep theirs in unnamed files, so that memory does not grow
with the clip.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.face.likeness import PROPORTIONS, proportions
from pipeline.face.mesh import POINTS
from pipeline.face.self_occlusion import facing
from pipeline.face.swatches import CHANNELS, SWATCHES

RECORD = np.dtype(
    [
        ("frame", np.int32),
        ("score", np.float32),
        ("faces", np.int32),
        ("yaw_deg", np.float32),
        ("pitch_deg", np.float32),
        ("roll_deg", np.float32),
        ("px_per_mm", np.float64),
        ("rotation", np.float64, (3, 3)),
        ("face_px", np.float32),
        ("sharpness", np.float32),
        ("motion_blur", np.float32),
        ("brightness", np.float32),
        ("aperture_mm", np.float32),
        ("proportions", np.float32, (len(PROPORTIONS),)),
        ("points", np.float32, (POINTS, 3)),
        ("facing", np.float16, (POINTS,)),
        # Of the landmarker, nan where it says nothing.
        ("scores", np.float16, (POINTS,)),
        # Width and height of the picture.
        ("picture_px", np.int32, (2,)),
        ("inside", np.bool_, (POINTS,)),
        ("under_hand", np.bool_, (POINTS,)),
        ("swatches", np.uint8, (SWATCHES, CHANNELS)),
    ]
)


BLOCK = 32
"""Records that wait until they are completed together."""
LIPS = [13, 14]
"""Middle of the upper and of the lower lip, inside."""


class Notes:
    """The records of one track, in order."""

    def __init__(self, folder: Path | None = None) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        self._waiting = np.zeros(BLOCK, RECORD)
        self._count, self._written = 0, 0

    def __len__(self) -> int:
        return self._count

    def add(self, record: NDArray[np.void]) -> None:
        """Append one record, a `RECORD` of shape ()."""
        self._waiting[self._count - self._written] = record
        self._count += 1
        if self._count - self._written == BLOCK:
            self._write()

    def read(self) -> NDArray[np.void]:
        """All records (F,), mapped rather than loaded."""
        if not self._count:
            return np.zeros(0, dtype=RECORD)
        self._write()
        self._file.flush()
        return np.memmap(self._file, dtype=RECORD, mode="r", shape=(self._count,))

    def _write(self) -> None:
        records = self._waiting[: self._count - self._written]
        complete(records)
        self._file.write(records.tobytes())
        self._written = self._count

    def close(self) -> None:
        """Let go of the file; what `read` gave must not be used any more."""
        self._file.close()


def complete(records: NDArray[np.void]) -> None:
    """Note what follows from landmarks and pose alone: of many frames at a time it costs less."""
    points, px_per_mm = records["points"], records["px_per_mm"]
    flat, last = points[..., :2], records["picture_px"][:, None] - 1
    records["inside"] = ((flat >= 0) & (flat <= last)).all(axis=2)
    records["facing"] = facing(points, px_per_mm)
    records["proportions"] = proportions(points, records["rotation"])
    apart_px = np.linalg.norm(points[:, LIPS[0]] - points[:, LIPS[1]], axis=1)
    records["aperture_mm"] = apart_px / px_per_mm
