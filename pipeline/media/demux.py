"""What a media file holds, by demuxing it: a program of its own, run as a bounded child.

    demux.py FILE FORMATS PROTOCOLS

Prints one line of JSON; see `pipeline.media.probing`, which reads it. Nothing is decoded here
beyond what libav looks at to know its streams, and the first picture of each that is H.264.
"""

from __future__ import annotations

import json
import sys
from fractions import Fraction
from typing import Any

import av
from av.sidedata.sidedata import Type as Kind
from av.stream import Disposition
from av.video.reformatter import ColorRange

_MATRICES = (1, 2, 5, 6)
"""libav's numbers of BT.709, unspecified, and both forms of BT.601."""


def main(argv: list[str]) -> int:
    """Print what the file `argv[0]` holds, or why it cannot be told."""
    json.dump(told(*argv, look=True), sys.stdout)
    return 0


def told(name: str, formats: str, protocols: str, *, look: bool) -> dict[str, Any]:
    """What a file holds, as plain values, or `error`; with a `look` at first pictures."""
    try:
        return _told(name, formats, protocols, look)
    except (av.error.FFmpegError, MemoryError) as error:
        # The reason is for `probing` to name; here it is only passed on.
        return {"error": getattr(error, "strerror", None) or type(error).__name__}


def _told(name: str, formats: str, protocols: str, look: bool) -> dict[str, Any]:
    allowed = {"format_whitelist": formats, "protocol_whitelist": protocols}
    # Titles are a stranger's text in whatever letters; nothing of them is used.
    with av.open(name, container_options=allowed, metadata_errors="replace") as container:
        streams = {stream.index: _Stream(stream, look) for stream in container.streams}
        broken = _demux(container, streams)
        duration_s = None if container.duration is None else container.duration / av.time_base
        about = [stream.told() for stream in streams.values()]
        form = container.format.name
    return {"format": form, "duration_s": duration_s, "broken": broken, "streams": about}


def _plain(first: Any, codec: Any) -> bool:
    """Whether the first picture is shown just as it was coded: upright, whole, in square pixels."""
    if first.side_data.get(Kind.DISPLAYMATRIX) is not None:
        return False
    whole = (first.width, first.height) == (codec.width, codec.height)
    square = codec.sample_aspect_ratio in (None, 0, 1)
    return bool(whole and square and first.format.name == "yuv420p" and _known_colours(first))


def _known_colours(picture: Any) -> bool:
    """Whether a reader makes the same colours of a picture, whatever else it was told of them."""
    return picture.color_range != ColorRange.JPEG and picture.colorspace in _MATRICES


def _demux(container: Any, streams: dict[int, _Stream]) -> str | None:
    try:
        for packet in container.demux():
            if packet.stream.index in streams and packet.size:
                streams[packet.stream.index].take(packet)
    except av.error.FFmpegError as error:
        return str(error.strerror)
    return None


def _codec(stream: Any) -> str:
    return stream.codec_context.name if stream.codec_context else "unknown"


class _Stream:
    """The account of one stream."""

    def __init__(self, stream: Any, look: bool) -> None:
        self._stream = stream
        self._looks = look and stream.type == "video" and _codec(stream) == "h264"
        self._plain: bool | None = None
        if self._looks:
            # One picture is there sooner than threads are.
            stream.codec_context.thread_count = 1
        self._base = stream.time_base or Fraction(1)
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._read = 0
        self._unknown_spans = 0

    def take(self, packet: Any) -> None:
        """Count one packet, unless it is only there to be decoded and not to be shown."""
        self._read += 1
        self._look(packet)
        start = packet.pts if packet.pts is not None else packet.dts
        if packet.is_discard or start is None:
            return
        if not packet.duration:
            self._unknown_spans += 1
        self._starts.append(start)
        self._ends.append(start + (packet.duration or 0))

    def _look(self, packet: Any) -> None:
        """Decode, until there is a first picture to look at; None says that no packet follows.

        What cannot be decoded is not plain; why it cannot is for whoever decodes all to say.
        """
        if not self._looks or self._plain is not None:
            return
        codec = self._stream.codec_context
        try:
            for first in codec.decode(packet)[:1]:
                self._plain = _plain(first, codec)
        except (av.error.FFmpegError, MemoryError):
            self._plain = False

    def _reorder(self) -> int:
        """By how many places the latest packet comes after its turn to be shown."""
        shown = sorted(range(len(self._starts)), key=self._starts.__getitem__)
        return max((sent - turn for turn, sent in enumerate(shown)), default=0)

    def told(self) -> dict[str, Any]:
        """What is known of the stream; times in seconds."""
        stream, codec = self._stream, self._stream.codec_context
        about = {
            "index": stream.index,
            "type": stream.type,
            "codec": _codec(stream),
            "promised": stream.frames,
            "read": self._read,
            "packets": len(self._starts),
            "end_s": float(max(self._ends, default=0) * self._base),
            "start_s": float(min(self._starts, default=0) * self._base),
            "default": bool(stream.disposition & Disposition.default),
            "attached": bool(stream.disposition & Disposition.attached_pic),
        }
        if stream.type == "video" and codec:
            times = [round(float(start * self._base), 6) for start in sorted(self._starts)]
            rate = float(stream.average_rate or 0)
            about |= {"width": codec.width, "height": codec.height, "times": times, "fps": rate}
            about |= {"transfer": int(codec.color_trc), "field_order": int(codec.field_order)}
            about |= {"reorder": self._reorder(), "clock_hz": float(1 / self._base)}
            self._look(None)
            about |= {"plain": bool(self._plain)}
        if stream.type == "audio" and codec:
            spans = sum(self._ends) - sum(self._starts)
            known = None if self._unknown_spans else float(spans * self._base)
            about |= {"rate": codec.sample_rate, "channels": codec.channels, "sounding_s": known}
        return about
