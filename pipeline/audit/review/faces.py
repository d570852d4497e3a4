"""What may be seen of a clip: landmarks over a picture that nobody can be recognised in.

Whole pictures are blurred and not faces alone: a face that was not found is a face all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline import media
from pipeline.audit.pictures import overlay
from pipeline.audit.read import Account
from pipeline.core.store import Entry, Store

BLURRED_PX = 14
"""Long side that a picture is shrunk to before it is shown: a face is two or three pixels then."""
JPEG_QUALITY = 75

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Footage:
    """Where a clip's media and landmarks lie."""

    folder: Path
    landmarks: Path | None

    @property
    def video(self) -> Path:
        """Picture and sound."""
        return self.folder / media.VIDEO

    @property
    def sound(self) -> Path:
        """Sound alone."""
        return self.folder / media.SOUND_16K


def footage(account: Account, store: Store, clip: str) -> Footage | None:
    """A clip's media, if they are still here."""
    found = _entry(store, "media", account.about("download", clip).get("media_key"))
    if found is None:
        return None
    face = _entry(store, "face", account.about("landmarks", clip).get("face_key"))
    return Footage(found, None if face is None else face / "landmarks.npz")


def strip(of: Footage, frames: int, count: int, picture_px: int, *, bare: bool) -> bytes:
    """`count` frames side by side with their landmarks, as JPEG; blurred unless `bare`."""
    wanted = {(2 * part + 1) * frames // (2 * count) for part in range(count)}
    points, seen = _landmarks(of.landmarks)
    tiles = []
    for number, picture in _read(of.video, wanted):
        shown = picture if bare else blurred(picture)
        known = points is not None and number < len(points)
        drawn = overlay(
            shown,
            points[number] if known and points is not None else None,
            seen[number] if known and seen is not None else None,
            picture_px,
        )
        tiles.append(drawn)
    return _jpeg(np.hstack(tiles)) if tiles else b""


def blurred(picture: Picture) -> Picture:
    """A picture in which light and place are left, and nobody."""
    import cv2

    height, width = picture.shape[:2]
    scale = BLURRED_PX / max(height, width)
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    tiny = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(tiny, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def _entry(store: Store, step: str, key: object) -> Path | None:
    found = store.find(step, key) if isinstance(key, str) else None
    return found.path if isinstance(found, Entry) else None


def _read(video: Path, wanted: set[int]) -> Iterator[tuple[int, Picture]]:
    last = max(wanted)
    for number, picture in enumerate(media.read_frames(video)):
        if number in wanted:
            yield number, picture
        if number >= last:
            return


def _landmarks(path: Path | None) -> tuple[NDArray | None, NDArray | None]:
    if path is None:
        return None, None
    with np.load(path, allow_pickle=False) as file:
        return file["points"], file["visibility"]


def _jpeg(picture: Picture) -> bytes:
    import cv2

    quality = [int(cv2.IMWRITE_JPEG_QUALITY), JPEG_QUALITY]
    _, content = cv2.imencode(".jpg", picture[:, :, ::-1], quality)
    return bytes(content.tobytes())
