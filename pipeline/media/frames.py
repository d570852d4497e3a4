"""Frames out of a video, one after the other, never all at once in memory."""

from __future__ import annotations

import fcntl
import os
import select
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.core import vault
from pipeline.core.errors import ClipFailed
from pipeline.core.reasons import Reason
from pipeline.media import child
from pipeline.media.child import Bounds
from pipeline.media.command import compiled, complaint, source

Frame = NDArray[np.uint8]
_BOUNDS = Bounds(wall_s=60.0, cpu_s=1800)
FLAGS = "bicubic+accurate_rnd+full_chroma_int+bitexact"
_PIPE_BYTES = 1 << 20
_HEADER_BYTES = 64


def read_frames(path: Path, size: tuple[int, int] | None = None) -> Iterator[Frame]:
    """Decode a video as it is shown: rotated, every frame once, in order.

    Args:
        path: a video file.
        size: width and height in px to scale to; its own without.

    Yields:
        (height, width, 3) uint8 RGB; each frame is the caller's to keep and to change.

    Raises:
        ClipFailed: `media_damaged` where decoding fails, `timed_out` when no frame comes for long.
    """
    with vault.opened(path) as plain, tempfile.TemporaryFile() as err:
        argv = _command(plain, size)
        with child.started(argv, _BOUNDS, stdout=subprocess.PIPE, stderr=err) as ffmpeg:
            assert ffmpeg.stdout is not None
            yield from _frames(ffmpeg.stdout.fileno())
            code = ffmpeg.wait(_BOUNDS.wall_s)
        child.check_signal(code, argv[0], _BOUNDS)
        if code != 0:
            err.seek(0)
            words = complaint(err.read(1 << 16).decode("utf-8", "replace"))
            raise ClipFailed(Reason.MEDIA_DAMAGED, words)


def _command(path: Path, size: tuple[int, int] | None) -> list[str]:
    scale = f"scale={size[0]}:{size[1]}:" if size else "scale="
    stream = source(path).output(
        "pipe:1",
        map="0:v:0",
        # By way of planes: straight to packed pixels costs three times as much, and gives the same.
        vf=f"{scale}flags={FLAGS},format=gbrp,scale=flags={FLAGS}",
        f="image2pipe",
        fps_mode="passthrough",
        pix_fmt="rgb24",
        threads=1,
        **{"c:v": "ppm"},
    )
    return compiled(stream)


def _frames(pipe: int) -> Iterator[Frame]:
    """Split a stream of binary PPM pictures; each tells its own size, so nobody has to ask."""
    reader = _Reader(pipe)
    while header := reader.line():
        width, height = (int(number) for number in reader.line().split())
        reader.line()
        if header != b"P6":
            raise ClipFailed(Reason.MEDIA_DAMAGED, "the decoder gave something that is no picture")
        frame = np.empty((height, width, 3), np.uint8)
        if not reader.into(frame.data.cast("B")):
            return
        yield frame


class _Reader:
    """Reads a pipe with a bound on the wait for each piece."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._ahead = b""
        # A picture that goes through in few pieces costs both ends less.
        with suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    def line(self) -> bytes:
        """Up to the next newline, without it; empty at the end of the stream."""
        while b"\n" not in self._ahead:
            self._wait()
            piece = os.read(self._pipe, _HEADER_BYTES)
            if not piece:
                return b""
            self._ahead += piece
        line, self._ahead = self._ahead.split(b"\n", 1)
        return line

    def into(self, target: memoryview) -> bool:
        """Fill `target`; False when the stream ends before it is full."""
        filled = min(len(self._ahead), len(target))
        target[:filled] = self._ahead[:filled]
        self._ahead = self._ahead[filled:]
        while filled < len(target):
            self._wait()
            read = os.readv(self._pipe, [target[filled:]])
            if not read:
                return False
            filled += read
        return True

    def _wait(self) -> None:
        ready, _, _ = select.select([self._pipe], [], [], _BOUNDS.wall_s)
        if not ready:
            raise child.timed_out(_BOUNDS)
