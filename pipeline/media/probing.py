"""What a media file says it holds, without decoding more than a first picture."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.core.errors import ClipFailed
from pipeline.core.reasons import Reason
from pipeline.media import child
from pipeline.media.child import Bounds
from pipeline.media.command import FORMATS, PROTOCOLS, named

_BOUNDS = Bounds(wall_s=60.0, cpu_s=60)
_BRIGHT = (16, 18)
"""Transfer functions of libav: SMPTE ST 2084, and hybrid log-gamma."""
_INTERLACED = (2, 3, 4, 5)
"""Orders of fields of libav."""
_MAGIC = {b"ftyp": slice(4, 8), b"moov": slice(4, 8), b"\x1a\x45\xdf\xa3": slice(0, 4)}


@dataclass(frozen=True)
class Picture:
    """A stream of pictures that plays; cover art is none."""

    index: int
    codec: str
    width: int
    height: int
    """px, as coded: before any rotation."""
    fps: float
    promised: int
    """How many packets the header speaks of; 0 where it says nothing."""
    read: int
    """How many packets there are, with those that are not to be shown."""
    times_s: tuple[float, ...]
    """When each packet that is to be shown is due, ascending."""
    start_s: float
    end_s: float
    default: bool
    bright: bool
    """Whether it is graded for screens of high dynamic range."""
    interlaced: bool
    plain: bool
    """Whether it is H.264 that is shown just as it was coded: upright, whole, in square pixels, of
    eight bits, in ordinary colours. Not looked at in a file of our own."""
    reorder: int
    """By how many places a packet comes after its turn to be shown, at most."""
    clock_hz: float
    """Of the clock by which the file says when."""


@dataclass(frozen=True)
class Sound:
    """A stream of sound."""

    index: int
    codec: str
    rate_hz: int
    channels: int
    promised: int
    """How many packets the header speaks of; 0 where it says nothing."""
    read: int
    """How many packets there are, with those that are not to be heard."""
    sounding_s: float | None
    """The sum of the spans of the packets, where each is known."""
    start_s: float
    end_s: float
    default: bool


@dataclass(frozen=True)
class Probe:
    """What a file holds; times are those of the file, which need not start at 0."""

    format: str
    duration_s: float | None
    """What the header says, where it does."""
    end_s: float
    """When the last packet of any stream ends."""
    start_s: float
    pictures: tuple[Picture, ...]
    sounds: tuple[Sound, ...]
    broken: str | None
    """What was said when reading stopped before the end."""

    @property
    def picture(self) -> Picture | None:
        """The stream that a player shows: marked as default, then large, then first."""
        return max(
            self.pictures,
            key=lambda it: (it.default, it.width * it.height, -it.index),
            default=None,
        )

    @property
    def sound(self) -> Sound | None:
        """The stream that a player plays: marked as default, then first."""
        return max(self.sounds, key=lambda it: (it.default, -it.index), default=None)


def probe(path: Path, *, own: bool = False) -> Probe:
    """Say what a file holds, from its headers and packets.

    Args:
        path: the file.
        own: whether Cradle itself wrote it; then it is read in this process, which is quicker.

    Raises:
        ClipFailed: `not_media`; `media_damaged` where it begins as media does and cannot be read;
            `timed_out`.
    """
    told = _ask(path, own)
    if "error" in told:
        raise ClipFailed(_unreadable(path), str(told["error"]))
    streams = told["streams"]
    shown = [it for it in streams if it["packets"] and not it["attached"]]
    return Probe(
        format=told["format"],
        duration_s=told["duration_s"],
        start_s=min((it["start_s"] for it in shown), default=0.0),
        end_s=max((it["end_s"] for it in shown), default=0.0),
        pictures=tuple(_picture(it) for it in streams if it["type"] == "video" and _plays(it)),
        sounds=tuple(_sound(it) for it in streams if it["type"] == "audio" and _plays(it)),
        broken=told["broken"],
    )


def _ask(path: Path, own: bool) -> dict[str, Any]:
    from pipeline.media import demux

    if own:
        return demux.told(named(path), FORMATS, PROTOCOLS, look=False)
    argv = [demux.__file__, named(path), FORMATS, PROTOCOLS]
    ended = child.run(argv, _BOUNDS)
    if ended.code != 0:
        words = ended.err.strip().splitlines() or [f"the demuxer ended with {ended.code}"]
        return {"error": words[-1]}
    told: dict[str, Any] = json.loads(ended.out)
    return told


def _unreadable(path: Path) -> Reason:
    with path.open("rb") as file:
        head = file.read(12)
    begins = any(head[place] == magic for magic, place in _MAGIC.items())
    return Reason.MEDIA_DAMAGED if begins else Reason.NOT_MEDIA


def _plays(told: Mapping[str, Any]) -> bool:
    return bool((told["packets"] or told["promised"]) and not told["attached"])


def _picture(told: Mapping[str, Any]) -> Picture:
    return Picture(
        index=told["index"],
        codec=told["codec"],
        width=told.get("width", 0),
        height=told.get("height", 0),
        fps=told.get("fps", 0.0),
        promised=told["promised"],
        read=told["read"],
        times_s=tuple(told.get("times", ())),
        start_s=told["start_s"],
        end_s=told["end_s"],
        default=told["default"],
        bright=told.get("transfer") in _BRIGHT,
        interlaced=told.get("field_order") in _INTERLACED,
        plain=told.get("plain", False),
        reorder=told.get("reorder", 0),
        clock_hz=told.get("clock_hz", 0.0),
    )


def _sound(told: Mapping[str, Any]) -> Sound:
    return Sound(
        index=told["index"],
        codec=told["codec"],
        rate_hz=told.get("rate", 0),
        channels=told.get("channels", 0),
        promised=told["promised"],
        read=told["read"],
        sounding_s=told.get("sounding_s"),
        start_s=told["start_s"],
        end_s=told["end_s"],
        default=told["default"],
    )
