"""What pictures look like, in a few numbers: enough to know them again, and to show nothing.

    looks.npy    (n, windows) uint64, of every `EVERY`th frame

A picture is the signs of its first cosines, over the whole frame and over windows into it: what
somebody cut the edges off is like a window. They are taken while a video is decoded to see whether
all of it can be.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
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
        shape = (-1, _SIDE_PX, _SIDE_PX, 3)
        return ended.out.count(b"\n"), of_pictures(np.fromfile(small, np.uint8).reshape(shape))


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


def of_pictures(frames: Iterable[NDArray[np.uint8]]) -> Looks:
    """The signs of the first cosines of frames, each (64, 64, 3), over every window."""
    across, down = _windows()
    grey = np.array([frame.mean(axis=2) for frame in frames]).reshape(-1, 1, _SIDE_PX, _SIDE_PX)
    found = down @ grey @ across.transpose(0, 2, 1)
    bits = (found > 0).reshape(len(grey), len(across), _COSINES**2)
    # The mean brightness has no sign.
    bits[..., 0] = False
    return np.packbits(bits, axis=-1).view(np.uint64)[..., 0]


@cache
def _windows() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cosines (windows, 8, 64) across and down; the first window is the whole."""
    spans = [((0.0, 1.0), (0.0, 1.0))]
    for share in (0.9, 0.8):
        places = [(start, start + share) for start in (0.0, (1 - share) / 2, 1 - share)]
        spans += [(x, y) for x in places for y in places]
        spans += [(x, (0.0, 1.0)) for x in places] + [((0.0, 1.0), y) for y in places]
    across = np.stack([_cosines(*x) for x, _ in spans])
    down = np.stack([_cosines(*y) for _, y in spans])
    return across, down


def _cosines(start: float, end: float) -> NDArray[np.float64]:
    """The first cosines (8, 64) over a part of the side, each pixel weighed by its share in it."""
    edges = np.linspace(0, 1, _SIDE_PX + 1)
    inside = np.clip((edges - start) / (end - start), 0, 1)
    order = np.arange(1, _COSINES)[:, None]
    waves = np.diff(np.sin(np.pi * order * inside), axis=1) / (np.pi * order)
    return np.vstack([np.diff(inside)[None], waves])
