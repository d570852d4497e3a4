"""Both sounds of a clip, exactly as long as its picture and in step with it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from pipeline.media.child import Bounds
from pipeline.media.command import ffmpeg, merged, named, source, succeed
from pipeline.media.cutting import seek, trim
from pipeline.media.planning import FPS, Limits, Plan, damaged

SOUND_44K, SOUND_16K = "sound_44k.flac", "sound_16k.flac"
RATE_44K_HZ, RATE_16K_HZ = 44_100, 16_000
_PIECE = 4096
_SLACK_S = 0.25


def sound_samples(frames: int, rate_hz: int) -> int:
    """How many samples run as long as `frames` frames."""
    return round(frames * rate_hz / FPS)


def make(
    path: Path,
    out: Path,
    planned: Plan,
    picture: tuple[int, float],
    limits: Limits,
    bounds: Bounds,
) -> None:
    """Write both files by a command of their own; arguments as for `outputs`.

    Raises:
        ClipFailed: media_damaged, timed_out, too_large.
    """
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder, "told")
        where = seek(planned, planned.indexed[1])
        stream = source(path, limits.max_pixels, copyts=None, **where)
        succeed(ffmpeg(merged(*outputs(stream, out, planned, picture, told)), bounds), out)
        check(told, planned)


def outputs(
    stream: Any, out: Path, planned: Plan, picture: tuple[int, float], told: Path
) -> list[Any]:
    """What a command that reads `stream` writes both files with.

    Args:
        stream: an input of ffmpeg-python.
        out: the folder for them.
        planned: what is made of the clip.
        picture: how many frames it has, and when on the file's clock it begins, in s.
        told: a file that takes how many samples each packet held, for `check`.
    """
    return [
        _sounding(stream, out / SOUND_44K, planned, RATE_44K_HZ, 2, picture),
        _sounding(stream, out / SOUND_16K, planned, RATE_16K_HZ, 1, picture),
        _heard(stream, planned, told),
    ]


def check(told: Path, planned: Plan) -> None:
    """Make sure that as much could be decoded as the file says there is.

    Raises:
        ClipFailed: media_damaged.
    """
    spans = told.read_text(encoding="ascii").split()
    got_s = sum(int(span) for span in spans) / max(1, planned.sound.rate_hz)
    wanted_s = planned.sound.sounding_s
    if planned.whole and wanted_s is not None and got_s < wanted_s - _SLACK_S:
        raise damaged("s of sound could be decoded", got_s, wanted_s, _SLACK_S)


def _sounding(
    stream: Any,
    file: Path,
    planned: Plan,
    rate_hz: int,
    channels: int,
    picture: tuple[int, float],
) -> Any:
    frames, zero_s = picture
    samples = sound_samples(frames, rate_hz)
    layout = "stereo" if channels == 2 else "mono"
    filters = [
        f"asetpts=PTS-({zero_s:.6f}/TB)",
        # Silence into gaps and before a late start; what sounds before the picture is cut off.
        f"aresample={rate_hz}:async=1:first_pts=0:ochl={layout}",
        f"apad=whole_len={samples}",
        f"atrim=end_sample={samples}",
        # The encoder takes the first piece's size for all, and refuses a very small one.
        f"asetnsamples=n={_PIECE}:p=0",
    ]
    return stream.output(
        named(file),
        map=f"0:{planned.sound.index}",
        format="flac",
        af=",".join(filters),
        sample_fmt="s16",
        map_metadata=-1,
        fflags="+bitexact",
        threads=1,
        **{"c:a": "flac", "flags:a": "+bitexact"},
    )


def _heard(stream: Any, planned: Plan, decoded: Path) -> Any:
    """A reading of the same sound that keeps nothing and counts its samples."""
    part = trim(planned)
    return stream.output(
        "pipe:1",
        map=f"0:{planned.sound.index}",
        format="null",
        af=f"a{part}" if part else "anull",
        stats_enc_pre=str(decoded),
        stats_enc_pre_fmt="{samp}",
    )
