"""What may be seen of a clip: landmarks over a picture that nobody can be recognised in.

Whole pictures are blurred and not faces alone: a face that was not found is a face all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline import media
from pipeline.audit.pictures import overlay
from pipeline.audit.review.footage import Footage

BLURRED_PX = 14
"""Long side that a picture is shrunk to before it is shown: a face is two or three pixels then."""
VEIL_COLUMNS = 64
STRIP_WIDTH_PX, STRIP_HEIGHT_PX = 1200, 100
JPEG_QUALITY = 80

Picture = NDArray[np.uint8]


def strip(of: Footage, frames: int, *, bare: bool) -> bytes:
    """Frames side by side with their landmarks over a clip's time, as JPEG; blurred unless `bare`.

    The strip is STRIP_WIDTH_PX by STRIP_HEIGHT_PX or nearly so, whatever the picture's shape.
    """
    count = max(1, min(frames, round(STRIP_WIDTH_PX / STRIP_HEIGHT_PX * of.height / of.width)))
    picture_px = round(STRIP_HEIGHT_PX * max(of.width, of.height) / of.height)
    wanted = {(2 * part + 1) * frames // (2 * count) for part in range(count)}
    points, seen = _landmarks(of.landmarks)
    tiles = []
    for number, picture in _read(of.video, wanted):
        known = points is not None and seen is not None and number < len(points)
        drawn = overlay(
            picture if bare else blurred(picture),
            points[number] if known and points is not None else None,
            seen[number] if known and seen is not None else None,
            picture_px,
        )
        tiles.append(drawn)
    return jpeg(np.hstack(tiles)) if tiles else b""


def veil(of: Footage) -> bytes:
    """Every frame of a clip, blurred beyond recognition, as a PNG of VEIL_COLUMNS tiles a row."""
    width, height = veiled_size(of)
    tiles = list(media.read_frames(of.video, (width, height)))
    rows = -(-len(tiles) // VEIL_COLUMNS)
    sheet = np.zeros((rows * height, min(len(tiles), VEIL_COLUMNS) * width, 3), np.uint8)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, VEIL_COLUMNS)
        sheet[row * height :, column * width :][:height, :width] = tile
    return png(sheet)


def veiled_size(of: Footage) -> tuple[int, int]:
    """Width and height of a blurred frame, px."""
    scale = BLURRED_PX / max(of.width, of.height)
    return max(1, round(of.width * scale)), max(1, round(of.height * scale))


def blurred(picture: Picture) -> Picture:
    """A picture in which light and place are left, and nobody."""
    import cv2

    height, width = picture.shape[:2]
    scale = BLURRED_PX / max(height, width)
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    tiny = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(tiny, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


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


def jpeg(picture: Picture) -> bytes:
    """An RGB picture as JPEG."""
    import cv2

    quality = [int(cv2.IMWRITE_JPEG_QUALITY), JPEG_QUALITY]
    _, content = cv2.imencode(".jpg", picture[:, :, ::-1], quality)
    return bytes(content.tobytes())


def png(picture: Picture) -> bytes:
    """An RGB picture as PNG."""
    import cv2

    _, content = cv2.imencode(".png", picture[:, :, ::-1])
    return bytes(content.tobytes())
