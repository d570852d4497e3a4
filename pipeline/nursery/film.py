"""Writes a clip as an ordinary phone or camera would: H.264 and AAC in mp4."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

SOUND_HZ = 44_100
_TICKS_HZ = 90_000
_AAC_FRAME = 1024


class Film:
    """A file being written: frames in order, then the sound."""

    def __init__(
        self, container: av.container.OutputContainer, video: av.VideoStream, turns: int
    ) -> None:
        self._container = container
        self._video = video
        self._turns = turns
        self._sound: av.AudioStream | None = None

    def add(self, frame: NDArray[np.uint8], time_s: float) -> None:
        """Add a picture (H, W, 3), RGB and upright, to be shown from `time_s` on."""
        stored = np.ascontiguousarray(np.rot90(frame, self._turns))
        # An eighth of the time that libav takes for it.
        planes = np.asarray(cv2.cvtColor(stored, cv2.COLOR_RGB2YUV_I420), np.uint8)
        picture = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        picture.pts = round(time_s * _TICKS_HZ)
        picture.time_base = Fraction(1, _TICKS_HZ)
        for packet in self._video.encode(picture):
            self._container.mux(packet)

    def add_sound(self, sound: NDArray[np.floating]) -> None:
        """Add the whole sound, (n, 2) in -1..1 at `SOUND_HZ`."""
        assert self._sound is not None, "this film was opened without sound"
        samples = np.clip(np.asarray(sound, np.float32).T, -1.0, 1.0)
        for start in range(0, samples.shape[1], _AAC_FRAME):
            block = np.ascontiguousarray(samples[:, start : start + _AAC_FRAME])
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
            frame.rate, frame.pts, frame.time_base = SOUND_HZ, start, Fraction(1, SOUND_HZ)
            for packet in self._sound.encode(frame):
                self._container.mux(packet)

    def _finish(self) -> None:
        for stream in (self._video, self._sound):
            if stream is not None:
                for packet in stream.encode(None):
                    self._container.mux(packet)


@contextmanager
def shooting(
    path: Path,
    width_px: int,
    height_px: int,
    fps: int,
    *,
    rotate_deg: int = 0,
    has_sound: bool = True,
) -> Iterator[Film]:
    """Open a film at `path`; it is complete when the block ends.

    Frames are given upright. With `rotate_deg`, a multiple of 90, they are stored turned, and the
    file's metadata asks players to turn them back clockwise by as much.
    """
    turns = (rotate_deg // 90) % 4
    stored = (height_px, width_px) if turns % 2 else (width_px, height_px)
    # bitexact keeps version strings and clocks out of the file.
    container = av.open(str(path), "w", format="mp4", container_options={"fflags": "+bitexact"})
    with container:
        video = container.add_stream("libx264", rate=fps)
        video.width, video.height = stored
        video.pix_fmt = "yuv420p"
        video.codec_context.time_base = Fraction(1, _TICKS_HZ)
        video.codec_context.thread_count = 1
        # The macroblock tree reads memory that nobody wrote, on processors with AVX-512.
        video.codec_context.options = {"preset": "veryfast", "crf": "23", "bf": "0", "mbtree": "0"}
        if rotate_deg:
            video.set_display_rotation(-rotate_deg)
        film = Film(container, video, turns)
        if has_sound:
            film._sound = container.add_stream("aac", rate=SOUND_HZ, layout="stereo")
            film._sound.bit_rate = 128_000
            film._sound.codec_context.options = {"aac_coder": "fast"}
        yield film
        film._finish()
