"""A part of a recording, had without the rest of it: the server is asked for those bytes alone.

Part of the program that fetches, which loads it by its place; nothing of Cradle is imported here.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm"
"""Containers that tell where in them a time is."""
PIECES = f"mpegts,{FORMATS}"
"""Of those in which a site gives pieces; a piece of any other has no clock of the recording."""
CLOCKS_AGREE_S = 2.0
PREROLL_S, TAIL_S = 10.0, 1.0
PIECE = 1 << 18

Ask = Callable[[dict[str, str]], Any]
"""Asks the server for the recording with some headers; gives an answer as urllib does."""


class NotInPartsError(Exception):
    """The server, or the container, gives the whole recording or nothing."""


class Remote(io.RawIOBase):
    """A file on a server, of which only what is read is asked for."""

    def __init__(self, ask: Ask, came: Callable[[int], None]) -> None:
        self._ask, self._came = ask, came
        self._at, self._first, self._held = 0, 0, b""
        self.size = self._open()

    def _open(self) -> int:
        span, self._held = self._piece(0)
        total = span.rpartition("/")[2]
        if not total.isdecimal():
            raise NotInPartsError
        return int(total)

    def _piece(self, start: int) -> tuple[str, bytes]:
        with self._ask({"Range": f"bytes={start}-{start + PIECE - 1}"}) as answer:
            if answer.status != 206:
                raise NotInPartsError
            content = answer.read(PIECE)
            self._came(len(content))
            return str(answer.headers.get("Content-Range", "")), content

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go elsewhere; nothing is asked for."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """Where the next byte comes from."""
        return self._at

    def read(self, count: int = -1) -> bytes:
        """Some bytes, fewer than `count` at the end of a piece."""
        if self._at >= self.size or not count:
            return b""
        if not self._first <= self._at < self._first + len(self._held):
            self._first, self._held = self._at, self._piece(self._at)[1]
        offset = self._at - self._first
        found = self._held[offset : offset + count] if count > 0 else self._held[offset:]
        self._at += len(found)
        return found


def cut(
    remote: Remote, span_s: tuple[float, float | None], out: Path, base_s: float | None = None
) -> tuple[float, float]:
    """Write the packets around a section as a Matroska file, undecoded.

    Args:
        remote: the recording.
        span_s: from when to when, from the recording's beginning; None for its end.
        out: the file to write.
        base_s: what is to be its time 0, on the recording's clock; its first picture without.

    Returns:
        Its time 0, from the recording's beginning and on the recording's clock, in seconds.

    Raises:
        NotInPartsError: the container cannot be read so.
    """
    with _opened(remote, FORMATS) as source:
        zero_s = _starts_s(source)
        if span_s[0] > PREROLL_S:
            source.seek(int((zero_s + span_s[0] - PREROLL_S) * 1_000_000))
        return _copy(source, zero_s, span_s, out, base_s)


def begins_s(file: Any) -> float:
    """When, by its own clock, a recording begins of which this is the first piece.

    Raises:
        NotInPartsError: it cannot be read so.
    """
    with _opened(file, PIECES) as source:
        return _starts_s(source)


def cut_pieces(
    file: Any,
    span_s: tuple[float, float | None],
    out: Path,
    base_s: float | None,
    told_s: tuple[float, float],
) -> tuple[float, float]:
    """Do as `cut` of pieces that follow one another.

    Args:
        file: the pieces, behind what has to stand before them.
        span_s: as for `cut`.
        out: as for `cut`.
        base_s: as for `cut`.
        told_s: when the first of the pieces begins as the list says, from the recording's
            beginning, and when that was, on the recording's clock.

    Returns:
        What `cut` does.

    Raises:
        NotInPartsError: they cannot be read so, or their clock is not that of the list.
    """
    listed_s, zero_s = told_s
    with _opened(file, PIECES) as source:
        if abs(_starts_s(source) - zero_s - listed_s) > CLOCKS_AGREE_S:
            raise NotInPartsError
        return _copy(source, zero_s, span_s, out, base_s)


@contextmanager
def _opened(file: Any, formats: str) -> Iterator[Any]:
    import av

    options = {"format_whitelist": formats, "protocol_whitelist": ""}
    try:
        with av.open(file, container_options=options, metadata_errors="replace") as source:
            yield source
    except (av.error.FFmpegError, ValueError) as error:
        raise NotInPartsError from error


def _starts_s(source: Any) -> float:
    return float((source.start_time or 0) / 1_000_000)


def _copy(
    source: Any,
    zero_s: float,
    span_s: tuple[float, float | None],
    out: Path,
    base_s: float | None,
) -> tuple[float, float]:
    import av

    streams = [*source.streams.video[:1], *source.streams.audio[:1]]
    last_s = None if span_s[1] is None else zero_s + span_s[1] + TAIL_S
    packets = list(_until(source, streams, last_s))
    if not packets:
        raise NotInPartsError
    if base_s is None:
        base_s = min(_time_s(it) for it in packets if it.stream.index == streams[0].index)
    with av.open(str(out), "w", format="matroska", options={"fflags": "+bitexact"}) as target:
        copies = {it.index: target.add_stream_from_template(it) for it in streams}
        for packet in packets:
            if _time_s(packet) < base_s:
                continue
            shift = round(base_s / packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            packet.stream = copies[packet.stream.index]
            target.mux(packet)
    return base_s - zero_s, base_s


def _time_s(packet: Any) -> float:
    return float(packet.pts * packet.time_base)


def _until(source: Any, streams: list[Any], last_s: float | None) -> Iterator[Any]:
    """The packets of some streams up to a time, each stream's own last one the end."""
    going = {it.index for it in streams}
    for packet in source.demux(streams):
        if packet.dts is None or packet.pts is None or packet.is_discard:
            continue
        if last_s is not None and float(packet.dts * packet.time_base) > last_s:
            going.discard(packet.stream.index)
            if not going:
                return
            continue
        yield packet
