"""A video drawn over, frame by frame: whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from pipeline.media.frames import Frame, read_frames
from pipeline.media.planning import FPS
from pipeline.media.writer import VideoWriter


def redraw(video: Path, out: Path, draw: Callable[[Frame, int], Frame]) -> None:
    """Write what `draw` makes of each frame and its number, at 30 frames a second.

    Args:
        video: the clip in its normal form.
        out: an mp4 file to write; it is not there where an error ended the drawing.
        draw: returns a frame; all must be of the first one's size.

    Raises:
        ClipFailed: the video cannot be decoded.
        CradleError: a frame is of another size, or the file cannot be written.
    """
    with ExitStack() as held:
        writer: VideoWriter | None = None
        for number, frame in enumerate(read_frames(video)):
            drawn = draw(frame, number)
            if writer is None:
                height, width = drawn.shape[:2]
                writer = held.enter_context(VideoWriter(out, width, height, FPS))
            writer.write(drawn)
