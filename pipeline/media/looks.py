"""What pictures look like, in a few numbers: enough to know them again, and to show nothing.

    looks.npy    (n, windows) uint64, of every `EVERY`th frame

A picture is the signs of its first cosines, over the whole frame and over windows into it: what
somebody cut the edges off is like a window. They are taken while a video is decoded to see whether
all of it can be.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.media.child import Bounds
from pipeline.media.command import ffmpeg, merged, named, source
from pipeline.media.frames import FLAGS

FILE = "looks.npy"
EVERY = 5
"""Of the frames, which are 30 a second."""
_SIDE_PX = 64
_SHAPE = (_SIDE_PX, _SIDE_PX, 3)
_COSINES = 8

Looks = NDArray[np.uint64]
"""(n, windows); the first window is the whole frame."""


def read(folder: Path) -> Looks:
    """What `normalise` left in `folder`."""
    return np.asarray(np.load(folder / FILE, allow_pickle=False), np.uint64)


def look(
    video: Path, size: tuple[int, int], max_pixels: int, bounds: Bounds
) -> tuple[int, Looks] | None:
    """Decode a video of that width and height, as every later stage will, once.

    Returns:
        How many frames there are, and what they look like; None where one of them cannot be
        decoded, or is of another size.

    Raises:
        ClipFailed: timed_out, too_large.
    """
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder, "small")
        stream = source(video, max_pixels)
        ended = ffmpeg(merged(_counted(stream, size), _shrunk(stream, small)), bounds)
        if ended.code != 0:
            return None
        pictures = np.fromfile(small, np.uint8).reshape(-1, *_SHAPE)
        return ended.out.count(b"\n"), of_pictures(pictures)


def _counted(stream: Any, size: tuple[int, int]) -> Any:
    """A reading that says a line a picture, and ends in an error at one of another size."""
    same = f"if(eq(iw,{size[0]})*eq(ih,{size[1]}),iw,-1)"
    return stream.output(
        "pipe:1",
        map="0:v:0",
        format="null",
        vf=f"crop=w='{same}':h=ih",
        fps_mode="passthrough",
        stats_enc_pre="pipe:1",
        **{"c:v": "wrapped_avframe"},
    )


def _shrunk(stream: Any, file: Path) -> Any:
    scaled = f"scale={_SIDE_PX}:{_SIDE_PX}:flags={FLAGS},format=gbrp,scale=flags={FLAGS}"
    return stream.output(
        named(file),
        map="0:v:0",
        format="rawvideo",
        vf=f"select=not(mod(n\\,{EVERY})),{scaled}",
        fps_mode="passthrough",
        pix_fmt="rgb24",
        threads=1,
    )


def of_pictures(frames: NDArray[np.uint8]) -> Looks:
    """The signs of the first cosines of frames (n, 64, 64, 3) over every window."""
    spans, across, down = _windows()
    red, green, blue = np.moveaxis(np.asarray(frames).reshape(-1, *_SHAPE), 3, 0)
    grey = (red + green.astype(np.float64) + blue) / 3
    waves = np.concatenate([_cosines(*span) for span in spans])
    found = (waves @ grey @ waves.T).reshape(-1, len(spans), _COSINES, len(spans), _COSINES)
    bits = (np.moveaxis(found[:, down, :, across], 0, 1) > 0).reshape(-1, len(down), _COSINES**2)
    # The mean brightness has no sign.
    bits[..., 0] = False
    return np.packbits(bits, axis=-1).view(np.uint64)[..., 0]


@cache
def _windows() -> tuple[list[tuple[float, float]], list[int], list[int]]:
    """Spans of a side, and for each window which it is across and down; the first is the whole."""
    whole, spans = (0.0, 1.0), [(0.0, 1.0)]
    windows = [(whole, whole)]
    for share in (0.9, 0.8):
        places = [(start, start + share) for start in (0.0, (1 - share) / 2, 1 - share)]
        spans += places
        windows += [(x, y) for x in places for y in places]
        windows += [(x, whole) for x in places] + [(whole, y) for y in places]
    return spans, [spans.index(x) for x, _ in windows], [spans.index(y) for _, y in windows]


@cache
def _cosines(start: float, end: float) -> NDArray[np.float64]:
    """The first cosines (8, 64) over a part of the side, each pixel weighed by its share in it."""
    edges = np.linspace(0, 1, _SIDE_PX + 1)
    inside = np.clip((edges - start) / (end - start), 0, 1)
    order = np.arange(1, _COSINES)[:, None]
    waves = np.diff(np.sin(np.pi * order * inside), axis=1) / (np.pi * order)
    return np.vstack([np.diff(inside)[None], waves])
