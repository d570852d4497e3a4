"""A picture that came in the normal form already, kept as it was encoded: nothing is lost twice.

Its packets go into a file of ours with our clock, without what else a stranger wrote beside the
pictures, and the whole of that file is decoded once, as every later stage will decode it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pipeline.media import looks
from pipeline.media.child import Bounds
from pipeline.media.command import ffmpeg, merged, named, source
from pipeline.media.planning import FPS, Limits, Plan

_GRID_S = 0.002
"""How far from its moment a picture may come: clocks of phones tremble."""
_SUPPLEMENT = 6
"""The unit of H.264 that holds text, captions and what a camera noted."""


def keepable(planned: Plan, container: str, limits: Limits) -> bool:
    """Whether the planned picture is in the normal form as it is."""
    picture = planned.picture
    sides = (picture.width, picture.height)
    return (
        planned.whole
        and picture.plain
        and not (picture.interlaced or picture.bright)
        and container.startswith("mov")
        and picture.clock_hz % FPS == 0
        and max(sides) <= limits.max_side_px
        and not any(side % 2 for side in sides)
        and len(picture.times_s) == picture.read == planned.frames
        and all(
            abs(time_s - picture.start_s - place / FPS) <= _GRID_S
            for place, time_s in enumerate(picture.times_s)
        )
    )


def keep(
    path: Path,
    video: Path,
    planned: Plan,
    limits: Limits,
    bounds: Bounds,
    beside: Callable[[Any], Sequence[Any]],
) -> looks.Looks | None:
    """Write the picture of `path` to `video` without encoding it anew.

    Args:
        path: what somebody sent.
        video: the file to write.
        planned: what is made of it, which is `keepable`.
        limits: what the clip may cost.
        bounds: what each command may.
        beside: outputs that the same command makes of its input.

    Returns:
        What it looks like; None where not every picture of it can be decoded, in one size. Then
        what `video` holds is to be written over, and to encode it will tell what is wrong.

    Raises:
        ClipFailed: timed_out, too_large.
    """
    stream = source(path, limits.max_pixels, copyts=None)
    copied = ffmpeg(merged(_copied(stream, video, planned), *beside(stream)), bounds)
    if copied.code != 0:
        return None
    size = (planned.picture.width, planned.picture.height)
    frames, found = looks.look(video, size, limits.max_pixels, bounds) or (0, None)
    return found if frames == planned.frames else None


def _copied(stream: Any, video: Path, planned: Plan) -> Any:
    picture = planned.picture
    ticks = round(picture.clock_hz / FPS)
    shown = f"round((PTS*TB-({picture.start_s:.6f}))*{FPS})*{ticks}"
    clock = f"setts=pts={shown}:dts=(N-{picture.reorder})*{ticks}:duration={ticks}"
    return stream.output(
        named(video),
        map=f"0:{picture.index}",
        format="mp4",
        map_metadata=-1,
        map_chapters=-1,
        movflags="+faststart",
        fflags="+bitexact",
        **{
            "c:v": "copy",
            "bsf:v": f"filter_units=remove_types={_SUPPLEMENT},{clock}",
        },
    )
