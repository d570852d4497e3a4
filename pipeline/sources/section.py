"""A section of a recording, had from a site without the rest, by ranges of bytes or by its pieces.

Part of the program that fetches, which loads it by its place; nothing of Cradle is imported here.
"""

from __future__ import annotations

import functools
import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from yt_dlp.networking import Request

_CHUNK = 1 << 18


def had(
    ydl: Any, request: dict[str, Any], gate: Any, beside: Callable[[str], Any]
) -> dict[str, Any] | None:
    """Fetch the section alone, as files.

    Args:
        ydl: yt-dlp, with its options.
        request: see `grab`.
        gate: holds against the limits what is offered and what comes.
        beside: loads another part of this program.

    Returns:
        What `grab` does; None where the site gives the whole recording or nothing.
    """
    info = ydl.extract_info(request["address"], download=False)
    formats = info.get("requested_formats") or [info]
    if info.get("entries"):
        return None
    gate.offered(info)
    site, folder = _Site(ydl, gate, beside), Path(request["folder"])
    # Not as yt-dlp calls its own: what is broken off here must not be taken for the whole.
    names: list[str | None] = [f"{number}.cut" for number in range(1, len(formats) + 1)]
    begins_s, base_s = [], None
    try:
        for it, name in zip(formats, names, strict=True):
            out = folder / str(name)
            began_s, base_s = site.cut(it, request["section"], out, base_s)
            begins_s.append(began_s)
    except site.whole_only:
        return None
    return {"picture": names[0], "sound": [*names, None][1], "begins_s": begins_s[0]}


class _Site:
    """Gives parts of recordings, and counts what comes."""

    def __init__(self, ydl: Any, gate: Any, beside: Callable[[str], Any]) -> None:
        self._ydl, self._gate, self._came = ydl, gate, 0
        self._part, self._pieces = beside("part"), beside("pieces")
        self.whole_only = (self._part.NotInPartsError, self._pieces.WholeOnlyError)

    def cut(
        self, it: dict[str, Any], span_s: Any, out: Path, base_s: float | None
    ) -> tuple[float, float]:
        """Write the section of one format; see `part.cut`."""
        ask = functools.partial(self._asking, it)
        if it.get("protocol") in ("http", "https"):
            remote = self._part.Remote(ask, self._count)
            return self._part.cut(remote, span_s, out, base_s)
        get = functools.partial(self._get, it)
        listed = self._pieces.pieces(it, get)
        header = get(listed.header) if listed.header else b""
        wanted = listed.within(span_s)
        # The clock of the first piece tells when, by the clock of the others, the recording began.
        first = get(listed.all[0].url)
        zero_s = self._part.begins_s(io.BytesIO(header + first))
        with tempfile.TemporaryFile(dir=out.parent) as file:
            file.write(header)
            for piece in wanted:
                file.write(first if piece is listed.all[0] else get(piece.url))
            file.seek(0)
            told_s = (wanted[0].begins_s, zero_s)
            return self._part.cut_pieces(file, span_s, out, base_s, told_s)

    def _asking(self, it: dict[str, Any], headers: dict[str, str], url: str = "") -> Any:
        about = {**it.get("http_headers", {}), **headers}
        return self._ydl.urlopen(Request(url or it["url"], headers=about))

    def _get(self, it: dict[str, Any], url: str) -> bytes:
        found = []
        with self._asking(it, {}, url) as answer:
            while chunk := answer.read(_CHUNK):
                self._count(len(chunk))
                found.append(chunk)
        return b"".join(found)

    def _count(self, size: int) -> None:
        self._came += size
        self._gate.arriving({"downloaded_bytes": self._came})
