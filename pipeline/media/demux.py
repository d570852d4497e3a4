"""What a media file holds, by demuxing it: a program of its own, run as a bounded child.

    python -I demux.py FILE FORMATS PROTOCOLS

Prints one line of JSON; see `pipeline.media.probing`, which reads it. Nothing is decoded here
beyond what libav looks at to know its streams.
"""

from __future__ import annotations

import json
import sys
from fractions import Fraction
from typing import Any

import av
from av.stream import Disposition


def main(argv: list[str]) -> int:
    """Print what the file `argv[0]` holds, or why it cannot be told."""
    json.dump(told(*argv), sys.stdout)
    return 0


def told(name: str, formats: str, protocols: str) -> dict[str, Any]:
    """What a file holds, as plain values, or `error`."""
    try:
        return _told(name, formats, protocols)
    except (av.error.FFmpegError, MemoryError) as error:
        # The reason is for `probing` to name; here it is only passed on.
        return {"error": getattr(error, "strerror", None) or type(error).__name__}


def _told(name: str, formats: str, protocols: str) -> dict[str, Any]:
    allowed = {"format_whitelist": formats, "protocol_whitelist": protocols}
    # Titles are a stranger's text in whatever letters; nothing of them is used.
    with av.open(name, container_options=allowed, metadata_errors="replace") as container:
        streams = {stream.index: _Stream(stream) for stream in container.streams}
        broken = _demux(container, streams)
        duration_s = None if container.duration is None else container.duration / av.time_base
        return {
            "format": container.format.name,
            "duration_s": duration_s,
            "broken": broken,
            "streams": [stream.told() for stream in streams.values()],
        }


def _demux(container: Any, streams: dict[int, _Stream]) -> str | None:
    try:
        for packet in container.demux():
            if packet.stream.index in streams and packet.size:
                streams[packet.stream.index].take(packet)
    except av.error.FFmpegError as error:
        return str(error.strerror)
    return None


class _Stream:
    """The account of one stream."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._base = stream.time_base or Fraction(1)
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._read = 0
        self._unknown_spans = 0

    def take(self, packet: Any) -> None:
        """Count one packet, unless it is only there to be decoded and not to be shown."""
        self._read += 1
        start = packet.pts if packet.pts is not None else packet.dts
        if packet.is_discard or start is None:
            return
        if not packet.duration:
            self._unknown_spans += 1
        self._starts.append(start)
        self._ends.append(start + (packet.duration or 0))

    def told(self) -> dict[str, Any]:
        """What is known of the stream; times in seconds."""
        stream, codec = self._stream, self._stream.codec_context
        about = {
            "index": stream.index,
            "type": stream.type,
            "codec": codec.name if codec else "unknown",
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
        if stream.type == "audio" and codec:
            spans = sum(self._ends) - sum(self._starts)
            known = None if self._unknown_spans else float(spans * self._base)
            about |= {"rate": codec.sample_rate, "channels": codec.channels, "sounding_s": known}
        return about


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
