"""Frames into a video: H.264 and AAC in mp4, the same bytes for the same frames.

with VideoWriter(path, 320, 240, fps=30, sound=flac, tags={"synthetic": "true"}) as video:
    for frame in frames:
        video.write(frame)
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pipeline.core import disk
from pipeline.core.errors import CradleError
from pipeline.media import child
from pipeline.media.child import Bounds
from pipeline.media.command import compiled, complaint, named, source

# The frames are our own, so memory is bounded by what 4K takes, not by what a stranger may claim.
_BOUNDS = Bounds(wall_s=120.0, cpu_s=1800, memory_bytes=4 << 30)
_SCALE = (
    "scale=flags=bicubic+accurate_rnd+full_chroma_int+bitexact:out_color_matrix=bt709:out_range=tv"
)
ENCODING: dict[str, Any] = {
    "pix_fmt": "yuv420p",
    "preset": "veryfast",
    "threads": 1,
    # Its macroblock tree reads memory that nobody wrote, on processors with AVX-512.
    "mbtree": 0,
    "colorspace": "bt709",
    "color_range": "tv",
    "map_metadata": -1,
    "map_chapters": -1,
    "fflags": "+bitexact",
    "flags": "+bitexact",
    "c:v": "libx264",
}
"""H.264 that depends on the frames alone: one thread, no clock, no name of the encoder."""


class VideoWriter:
    """A video file in the making; it exists when the block has ended well, and not otherwise."""

    def __init__(
        self,
        path: Path,
        width: int,
        height: int,
        fps: float = 30,
        sound: Path | None = None,
        tags: Mapping[str, str] | None = None,
        *,
        crf: int = 18,
        rotation_deg: int = 0,
        filters: str = "",
    ) -> None:
        """Prepare to write.

        Args:
            path: the mp4 to write.
            width: of the frames, px, even.
            height: of the frames, px, even.
            fps: frames a second.
            sound: a sound file to put under the picture, as AAC.
            tags: metadata of the file.
            crf: x264's quality, lower is better.
            rotation_deg: how far a player turns the picture counter-clockwise, by metadata alone.
            filters: an ffmpeg filter chain over the frames; one that drops some of them, such as
                "select='mod(n,5)'", makes a file of variable rate.
        """
        if width % 2 or height % 2:
            raise CradleError(f"{path}: {width} x {height} px; H.264 needs even sides")
        self._path = path
        self._partial = path.with_name(f".{path.name}.partial.mp4")
        self._shape = (height, width, 3)
        self._argv = self._command(fps, sound, tags or {}, crf, rotation_deg, filters)
        self._held = ExitStack()

    def __enter__(self) -> Self:
        self._err = self._held.enter_context(tempfile.TemporaryFile())
        started = child.started(self._argv, _BOUNDS, stdin=subprocess.PIPE, stderr=self._err)
        self._child = self._held.enter_context(started)
        return self

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Add a frame, (height, width, 3) uint8 RGB."""
        if frame.shape != self._shape or frame.dtype != np.uint8:
            raise CradleError(
                f"{self._path}: a frame is {frame.dtype} {frame.shape}, not uint8 {self._shape}"
            )
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(np.ascontiguousarray(frame).data)
        except BrokenPipeError:
            self._finish()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._held:
            try:
                if kind is None:
                    self._finish()
                    self._partial.replace(self._path)
            finally:
                self._partial.unlink(missing_ok=True)

    def _finish(self) -> None:
        """Wait for the encoder's end."""
        assert self._child.stdin is not None
        # Where the encoder is gone already, its status says why.
        with suppress(BrokenPipeError):
            self._child.stdin.close()
        try:
            code = self._child.wait(_BOUNDS.wall_s)
        except subprocess.TimeoutExpired:
            raise child.timed_out(_BOUNDS) from None
        child.check_signal(code, self._argv[0], _BOUNDS)
        if code != 0:
            self._err.seek(0)
            words = complaint(self._err.read(1 << 16).decode("utf-8", "replace"))
            disk.make_sure_of_room(words, self._path.parent)
            raise CradleError(f"{self._path}: could not be written: {words}")

    def _command(
        self,
        fps: float,
        sound: Path | None,
        tags: Mapping[str, str],
        crf: int,
        rotation_deg: int,
        filters: str,
    ) -> list[str]:
        height, width, _ = self._shape
        streams = [_raw(width, height, fps, rotation_deg)]
        if sound is not None:
            streams.append(source(sound).audio)
        return compiled(_output(streams, self._partial, tags, crf, filters))


def _raw(width: int, height: int, fps: float, rotation_deg: int) -> Any:
    import ffmpeg

    turned = {"display_rotation": rotation_deg, "noautorotate": None} if rotation_deg else {}
    return ffmpeg.input(
        "pipe:0",
        format="rawvideo",
        pix_fmt="rgb24",
        video_size=(width, height),
        framerate=fps,
        protocol_whitelist="pipe",
        threads=1,
        **turned,
    ).video


def _output(streams: list[Any], path: Path, tags: Mapping[str, str], crf: int, filters: str) -> Any:
    import ffmpeg

    # The number only keeps the words of several tags apart; every one is the file's own.
    tagged = {
        f"metadata:g:{place}": f"{k}={v}" for place, (k, v) in enumerate(sorted(tags.items()))
    }
    sounding = {"c:a": "aac", "b:a": "128k", "flags:a": "+bitexact"} if len(streams) > 1 else {}
    return ffmpeg.output(
        *streams,
        named(path),
        format="mp4",
        vf=",".join(filter(None, [filters, _SCALE])),
        fps_mode="vfr" if filters else "passthrough",
        movflags="+faststart+use_metadata_tags",
        crf=crf,
        **ENCODING,
        **sounding,
        **tagged,
    )
