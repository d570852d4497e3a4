"""Whether a file may be normalised, and which part of it: rules over a probe, nothing decoded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.core.errors import ClipFailed
from pipeline.core.reasons import Reason
from pipeline.media.command import MAX_PIXELS
from pipeline.media.probing import Picture, Probe, Sound

FPS = 30
_SLACK_PACKETS = 2
_SLACK_S = 0.5
_INDEXED = ("mov", "matroska")
_HEADER_TELLS = ("mov", "matroska", "avi")
"""Containers whose header states how long the file runs, and is to be believed."""


@dataclass(frozen=True)
class Limits:
    """What a clip may cost, and what it is made into."""

    max_bytes: int = 2 << 30
    max_pixels: int = MAX_PIXELS
    """Of a frame."""
    max_frames: int = 36_000
    """Of the source, within the section."""
    max_s: float = 300.0
    """Of the section."""
    min_s: float = 1 / FPS
    max_side_px: int = 1280
    """Long side of what is made; what is smaller stays as it is."""
    crf: int = 14
    wall_s: float = 300.0
    """For each of the two passes."""


@dataclass(frozen=True)
class Section:
    """The part of a source that is the clip, in seconds from the source's beginning."""

    start_s: float | None = None
    end_s: float | None = None

    @property
    def whole(self) -> bool:
        """Whether nothing is cut away."""
        return self.start_s is None and self.end_s is None


WHOLE = Section()


@dataclass(frozen=True)
class Plan:
    """Which streams are read, and from when to when on the file's own clock."""

    picture: Picture
    sound: Sound
    start_s: float
    end_s: float
    whole: bool
    due: int
    """How many of the source's frames lie between the two."""
    indexed: tuple[bool, bool] = (True, True)
    """Whether the file of the picture, and of the sound, tells where a whole picture begins."""

    @property
    def frames(self) -> int:
        """How many frames the clip will have."""
        return max(1, round((self.end_s - self.start_s) * FPS))


def check_size(path: Path, limits: Limits) -> None:
    """Refuse what is too many bytes, or none."""
    count = path.stat().st_size
    if count == 0:
        raise ClipFailed(Reason.NOT_MEDIA, "the file is empty")
    _at_most(count, limits.max_bytes, "bytes")


def plan(seen: Probe, heard: Probe, limits: Limits, section: Section) -> Plan:
    """Decide what to read of the picture in `seen` and the sound in `heard`, often the same file.

    Raises:
        ClipFailed: no_video, no_sound, media_damaged, too_large, too_long, too_short.
    """
    picture, sound = _streams(seen, heard)
    for probe in (seen, heard):
        _check_whole(probe)
    _check_promise("pictures", picture, seen)
    _check_promise("packets of sound", sound, heard)
    _at_most(picture.width * picture.height, limits.max_pixels, "px a frame")
    start_s, end_s = _extent(seen, picture, section)
    _check_span(end_s - start_s, limits)
    due = sum(start_s - 1e-4 <= time < end_s - 1e-4 for time in picture.times_s)
    due = len(picture.times_s) if section.whole else due
    _at_most(due, limits.max_frames, "frames")
    indexed = (seen.format.startswith(_INDEXED), heard.format.startswith(_INDEXED))
    return Plan(picture, sound, start_s, end_s, section.whole, due, indexed)


def _streams(seen: Probe, heard: Probe) -> tuple[Picture, Sound]:
    picture, sound = seen.picture, heard.sound
    if picture is None or (not picture.times_s and not picture.promised):
        raise ClipFailed(Reason.NO_VIDEO, f"no moving picture in the {_short(seen)} file")
    if sound is None:
        raise ClipFailed(Reason.NO_SOUND, f"no sound in the {_short(heard)} file")
    return picture, sound


def _short(probe: Probe) -> str:
    return probe.format.split(",")[0]


def _check_whole(probe: Probe) -> None:
    if probe.broken:
        raise ClipFailed(Reason.MEDIA_DAMAGED, f"reading it stopped: {probe.broken}")
    if probe.duration_s is None or not probe.format.startswith(_HEADER_TELLS):
        return
    there_s = probe.end_s - probe.start_s
    if there_s < probe.duration_s - _SLACK_S:
        raise ClipFailed(
            Reason.MEDIA_DAMAGED,
            f"the header promises {probe.duration_s:.2f} s, {there_s:.2f} s are there",
            round(there_s, 3),
            round(probe.duration_s - _SLACK_S, 3),
            ">=",
        )


def _check_promise(what: str, stream: Picture | Sound, probe: Probe) -> None:
    # An avi counts the moments at which a picture could have come, and not those that came.
    promised = stream.promised if probe.format.startswith("mov") else 1
    if stream.read >= promised - _SLACK_PACKETS and stream.read:
        return
    raise damaged(f"{what} are there", stream.read, stream.promised, _SLACK_PACKETS)


def damaged(what: str, got: float, wanted: float, slack: float) -> ClipFailed:
    """The failure of a file of which less came than it promises, with both numbers."""
    words = f"{got:g} of {wanted:g} {what}"
    return ClipFailed(Reason.MEDIA_DAMAGED, words, got, max(1.0, wanted - slack), ">=")


def _extent(seen: Probe, picture: Picture, section: Section) -> tuple[float, float]:
    # Some containers give the last picture no span, and a single one is shown all the same.
    end_s = max(picture.end_s, picture.start_s + 1 / FPS)
    if section.whole:
        return picture.start_s, end_s
    start_s = seen.start_s + (section.start_s or 0.0)
    if section.end_s is not None:
        end_s = min(end_s, seen.start_s + section.end_s)
    return start_s, end_s


def _check_span(span_s: float, limits: Limits) -> None:
    span_s = round(max(0.0, span_s), 4)
    if span_s > limits.max_s:
        raise ClipFailed(Reason.TOO_LONG, "seconds", span_s, limits.max_s, "<=")
    least_s = round(max(limits.min_s, 1 / FPS), 4)
    if span_s < least_s:
        raise ClipFailed(Reason.TOO_SHORT, "seconds", span_s, least_s, ">=")


def _at_most(value: int, most: int, what: str) -> None:
    if value > most:
        raise ClipFailed(Reason.TOO_LARGE, what, value, most, "<=")
