"""Any clip into the one form that every later stage reads.

    out/video.mp4       H.264, constant 30 frames a second, square pixels, even sides, upright;
                        as it was encoded where it came so, see pipeline.media.keeping
    out/sound_44k.flac  44.1 kHz stereo, 1470 samples a frame
    out/sound_16k.flac  16 kHz mono
    out/media.json      a MediaInfo

Time 0 of all three is the first picture that a player shows. The same file gives the same bytes.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core.backends import file_digest
from pipeline.core.errors import ClipFailed
from pipeline.core.reasons import Reason
from pipeline.media import looks, sounding
from pipeline.media.child import Bounds
from pipeline.media.command import ffmpeg, merged, named, source, succeed
from pipeline.media.cutting import seek, trim
from pipeline.media.keeping import keep, keepable
from pipeline.media.planning import FPS, WHOLE, Limits, Plan, Section, check_size, damaged, plan
from pipeline.media.probing import Picture, Probe, probe
from pipeline.media.writer import ENCODING

VIDEO, INFO = "video.mp4", "media.json"
_SLACK_FRAMES = 2
_DIM = (
    *("zscale=transfer=linear:npl=203", "format=gbrpf32le", "zscale=primaries=bt709"),
    *(
        "tonemap=mobius:desat=0",
        "zscale=transfer=bt709:matrix=bt709:range=tv",
        "format=yuv420p10le",
    ),
)
"""From high dynamic range to what every screen and every model of a face knows."""
_HIDDEN = ("vp8", "vp9", "av1", "mpeg4", "msmpeg4")
"""Codecs that put pictures which are only referred to into packets of their own."""


@dataclass(frozen=True)
class MediaInfo:
    """What a clip became, and what it was."""

    frames: int
    width: int
    height: int
    """px, after rotation."""
    duration_s: float
    digest: str
    """SHA-256 over the three files."""
    source_digest: str
    """SHA-256 over what somebody sent; it does not depend on the form that it was brought into."""
    source_format: str
    source_picture: str
    source_fps: float
    source_width: int
    source_height: int
    source_sound: str
    source_rate_hz: int
    source_channels: int

    @classmethod
    def read(cls, folder: Path) -> MediaInfo:
        """Read the account that `normalise` left in `folder`."""
        return cls(**json.loads((folder / INFO).read_text(encoding="utf-8")))


@dataclass(frozen=True)
class _Made:
    """A video that every later stage can decode: that was tried."""

    frames: int
    size: tuple[int, int]
    looks: looks.Looks


def normalise(
    path: Path,
    out: Path,
    limits: Limits,
    section: Section = WHOLE,
    sound: Path | None = None,
) -> MediaInfo:
    """Make the clip in `path`, or a section of it, into the files above, in the folder `out`.

    Args:
        path: what somebody sent.
        out: an existing folder.
        limits: what the clip may cost, and its form.
        section: the part that is wanted.
        sound: where the sound is, when a site keeps it apart from the picture.

    Raises:
        ClipFailed: not_media, media_damaged, no_video, no_sound, too_long, too_short, too_large,
            timed_out; with both numbers where two numbers decided.
    """
    for file in {path, sound or path}:
        check_size(file, limits)
    seen = probe(path)
    planned = plan(seen, probe(sound) if sound else seen, limits, section)
    heard = sound or path
    made = None
    if keepable(planned, seen.format, limits):
        made = _keep(path, heard, out, planned, limits)
    if made is None:
        made = _encode(path, heard, out, planned, limits)
    np.save(out / looks.FILE, made.looks)
    sent = file_digest(*dict.fromkeys((path, sound or path)))
    info = _info(out, seen, planned, made, sent)
    text = json.dumps(asdict(info), indent=1, sort_keys=True)
    (out / INFO).write_text(text, encoding="utf-8")
    return info


def _keep(path: Path, heard: Path, out: Path, planned: Plan, limits: Limits) -> _Made | None:
    """Keep the picture and make both sounds; None where it cannot be kept."""
    picture, bounds = (planned.frames, planned.start_s), _bounds(limits)
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder, "told")

        def beside(stream: Any) -> list[Any]:
            return sounding.outputs(stream, out, planned, picture, told) if heard == path else []

        found = keep(path, out / VIDEO, planned, limits, bounds, beside)
        if found is None:
            return None
        if heard == path:
            sounding.check(told, planned)
        else:
            sounding.make(heard, out, planned, picture, limits, bounds)
    return _Made(planned.frames, (planned.picture.width, planned.picture.height), found)


def _encode(path: Path, heard: Path, out: Path, planned: Plan, limits: Limits) -> _Made:
    """Make the picture and both sounds."""
    frames, zero_s = _make_picture(path, out / VIDEO, planned, limits)
    size, bounds = _size(out / VIDEO), _bounds(limits)
    looked = looks.look(out / VIDEO, size, limits.max_pixels, bounds)
    got, found = looked or (0, None)
    if found is None or got != frames:
        raise damaged("frames are in what was made", got, frames, 0)
    sounding.make(heard, out, planned, (frames, zero_s), limits, bounds)
    return _Made(frames, size, found)


def _size(video: Path) -> tuple[int, int]:
    made = probe(video, own=True).picture
    assert made is not None
    return made.width, made.height


def _make_picture(path: Path, video: Path, planned: Plan, limits: Limits) -> tuple[int, float]:
    """Write the video; return how many frames it has, and when on the file's clock it begins."""
    with tempfile.TemporaryDirectory() as folder:
        made, decoded = Path(folder, "made"), Path(folder, "decoded")
        where = seek(planned, planned.indexed[0])
        stream = source(path, limits.max_pixels, copyts=None, **where)
        command = merged(
            _encoded(stream, video, planned, limits, made), _counted(stream, planned, decoded)
        )
        succeed(ffmpeg(command, _bounds(limits)), video.parent)
        times_s, frames = _times_s(decoded), len(made.read_text(encoding="ascii").splitlines())
    _check_decoded(planned, len(times_s))
    if abs(frames - planned.frames) > _SLACK_FRAMES:
        # Too many and too few are the same damage; the rule is about what is missing or spare.
        words = f"{frames} frames made, {planned.frames} expected"
        off = abs(frames - planned.frames)
        raise ClipFailed(Reason.MEDIA_DAMAGED, words, off, _SLACK_FRAMES, "<=")
    # Packets of some containers do not say when their pictures are due; decoded pictures do.
    return frames, times_s[0] if planned.whole else planned.start_s


def _times_s(decoded: Path) -> list[float]:
    """When each decoded picture is due, on the file's own clock."""
    lines = decoded.read_text(encoding="ascii").splitlines()
    return [float(int(pts) * Fraction(base)) for pts, base in (line.split() for line in lines)]


def _check_decoded(planned: Plan, got: int) -> None:
    hidden = planned.due // 5 if planned.picture.codec.startswith(_HIDDEN) else 0
    slack = _SLACK_FRAMES + hidden
    if got == 0 or got < planned.due - slack:
        raise damaged("frames could be decoded", got, planned.due, slack)


def _encoded(stream: Any, video: Path, planned: Plan, limits: Limits, made: Path) -> Any:
    spare = 1 if planned.whole else 0
    return stream.output(
        named(video),
        map=f"0:{planned.picture.index}",
        format="mp4",
        vf=",".join(_picture_filters(planned, limits.max_side_px)),
        fps_mode="passthrough",
        movflags="+faststart",
        crf=limits.crf,
        stats_enc_pre=str(made),
        **{"frames:v": planned.frames + _SLACK_FRAMES * spare, **ENCODING},
    )


def _counted(stream: Any, planned: Plan, decoded: Path) -> Any:
    """A second reading of the same frames, which keeps none and counts all."""
    return stream.output(
        "pipe:1",
        map=f"0:{planned.picture.index}",
        format="null",
        vf=trim(planned) or "null",
        fps_mode="passthrough",
        stats_enc_pre=str(decoded),
        stats_enc_pre_fmt="{pts} {tb}",
        **{"c:v": "wrapped_avframe"},
    )


def _picture_filters(planned: Plan, max_side_px: int) -> list[str]:
    # Square pixels first: a face in stretched ones has the wrong proportions.
    aspect = "clip(sar,0.1,10)"
    factor = f"min(1,{max_side_px}/max(iw*{aspect},ih))"
    width = f"2*max(1,round(iw*{aspect}*{factor}/2))"
    height = f"2*max(1,round(ih*{factor}/2))"
    picture = planned.picture
    return [
        *(["bwdif=mode=send_frame"] if picture.interlaced and _deinterlaces(picture) else []),
        "setpts=PTS-STARTPTS" if planned.whole else f"setpts=PTS-({planned.start_s:.6f}/TB)",
        f"fps={FPS}:start_time=0:round=near",
        *(_DIM if picture.bright else []),
        f"scale=w='{width}':h='{height}':flags=bicubic+accurate_rnd+full_chroma_int+bitexact"
        ":out_color_matrix=bt709:out_range=tv",
        "setsar=1",
        "format=yuv420p",
    ]


def _deinterlaces(picture: Picture) -> bool:
    """Whether there is enough of a picture for its lines to be told apart."""
    return picture.width >= 3 and picture.height >= 4


def _bounds(limits: Limits) -> Bounds:
    return Bounds(wall_s=limits.wall_s, cpu_s=int(limits.wall_s) + 1, file_bytes=2 << 30)


def _info(out: Path, seen: Probe, planned: Plan, made: _Made, sent: str) -> MediaInfo:
    picture, sound = planned.picture, planned.sound
    width, height = made.size
    return MediaInfo(
        frames=made.frames,
        width=width,
        height=height,
        duration_s=round(made.frames / FPS, 6),
        digest=file_digest(out / VIDEO, out / sounding.SOUND_44K, out / sounding.SOUND_16K),
        source_digest=sent,
        source_format=seen.format,
        source_picture=picture.codec,
        source_fps=round(picture.fps, 3),
        source_width=picture.width,
        source_height=picture.height,
        source_sound=sound.codec,
        source_rate_hz=sound.rate_hz,
        source_channels=sound.channels,
    )
