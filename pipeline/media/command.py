"""The words of every ffmpeg command: built by ffmpeg-python, guarded the same way everywhere."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.core import disk
from pipeline.core.errors import ClipFailed
from pipeline.core.reasons import Reason
from pipeline.media import child
from pipeline.media.child import Bounds, Ended

FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,ogg,asf,wav,mp3,flac,aac"
"""Containers that hold media themselves. Playlists, scripts and lists of files are not here: they
make a decoder open other files and addresses."""

PROTOCOLS = "file"
MAX_PIXELS = 3840 * 2160
_GLOBAL = ("-nostdin", "-hide_banner", "-y", "-v", "error", "-xerror")
_ADDRESS = re.compile(r" @ 0x[0-9a-f]+")


@cache
def ffmpeg_path() -> str:
    """The binary that the package imageio-ffmpeg carries."""
    import imageio_ffmpeg

    return str(imageio_ffmpeg.get_ffmpeg_exe())


@cache
def ffmpeg_version() -> str:
    """The version of the binary, the only program that decides pictures and sound."""
    import imageio_ffmpeg

    return str(imageio_ffmpeg.get_ffmpeg_version())


def named(path: Path) -> str:
    """How ffmpeg is told of a file: never an option, a pattern or an address, whatever its name."""
    return f"file:{path.absolute()}"


def source(path: Path, max_pixels: int = MAX_PIXELS, **options: Any) -> Any:
    """An ffmpeg-python input that reads one file of a known container, and fails on damage."""
    import ffmpeg

    return ffmpeg.input(
        named(path),
        protocol_whitelist=PROTOCOLS,
        format_whitelist=FORMATS,
        err_detect="+explode",
        max_pixels=max_pixels,
        threads=1,
        **options,
    )


def compiled(stream: Any) -> list[str]:
    """The whole command for an ffmpeg-python stream, or several merged."""
    words: list[str] = stream.compile(cmd=[ffmpeg_path(), *_GLOBAL])
    return words


def merged(*streams: Any) -> Any:
    """Several outputs of one command."""
    import ffmpeg

    return ffmpeg.merge_outputs(*streams)


def ffmpeg(stream: Any, bounds: Bounds) -> Ended:
    """Run a command to its end; see `child.run` for what it raises."""
    return child.run(compiled(stream), bounds)


def complaint(err: str) -> str:
    """The first thing that ffmpeg complained of, the same in every run."""
    lines = [_ADDRESS.sub("", line).strip() for line in err.splitlines()]
    return next((line for line in lines if line), "no message")[:200]


def succeed(ended: Ended, out: Path) -> None:
    """Make sure that a command which wrote into the folder `out` came to its own end.

    Raises:
        ClipFailed: media_damaged.
        CradleError: there is no room for more.
    """
    if ended.code != 0:
        disk.make_sure_of_room(ended.err, out)
        raise ClipFailed(Reason.MEDIA_DAMAGED, complaint(ended.err))
