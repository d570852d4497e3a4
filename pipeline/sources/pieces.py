"""The pieces in which a site gives a recording (HLS, DASH), and those of them that a section needs.

Part of the program that fetches, which loads it by its place; nothing of Cradle is imported here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any
from urllib.parse import urljoin

PREROLL_S, TAIL_S = 10.0, 2.0
"""How much more is had: a list's times are rounded, and pictures build on earlier ones."""
PLAYLISTS = ("m3u8", "m3u8_native")
MANIFESTS = ("http_dash_segments",)
_SPECIAL = ("extra_param_to_segment_url", "extra_param_to_key_url", "hls_aes", "format_index")
"""What a site asks for beyond its list; yt-dlp knows how, for the whole of a recording."""
_UNLIKE = re.compile(
    r"^#EXT-X-(?:KEY:METHOD=(?!NONE)|BYTERANGE|DISCONTINUITY\b|PART|SKIP|GAP)|^#(?:ANVATO|UPLYNK)",
    re.M,
)
"""Encrypted, or with another clock or nothing in the middle: not to be cut by a list's times."""
_LENGTH = re.compile(r"#EXTINF:\s*(\d+(?:\.\d+)?)")
_HEADER = re.compile(r'#EXT-X-MAP:(?:.*,)?URI="([^"]+)"(.*)')

Get = Callable[[str], bytes]
"""Asks a site for an address; the content."""


class WholeOnlyError(Exception):
    """What a site says of the pieces is not enough to leave any out."""


@dataclass(frozen=True)
class Piece:
    """One piece, and when in the recording it begins and ends, as the list says."""

    url: str
    begins_s: float
    ends_s: float


@dataclass(frozen=True)
class Pieces:
    """A recording."""

    header: str | None
    """Address of what has to stand before any piece."""
    all: Sequence[Piece]

    def within(self, span_s: tuple[float, float | None]) -> list[Piece]:
        """Those that a section needs, with some before and after it."""
        first_s = span_s[0] - PREROLL_S
        last_s = self.all[-1].ends_s if span_s[1] is None else span_s[1] + TAIL_S
        found = [it for it in self.all if it.ends_s > first_s and it.begins_s < last_s]
        return found or list(self.all[-1:])


def pieces(it: Mapping[str, Any], get: Get) -> Pieces:
    """What a format of yt-dlp's consists of.

    Raises:
        WholeOnlyError: its pieces, or their times, are not all told beforehand.
    """
    if any(it.get(name) is not None for name in _SPECIAL):
        raise WholeOnlyError
    if it.get("protocol") in PLAYLISTS:
        text = it.get("hls_media_playlist_data") or get(it["url"]).decode("utf-8", "replace")
        return of_playlist(text, it["url"])
    if it.get("protocol") in MANIFESTS and isinstance(it.get("fragments"), list):
        return _of_fragments(it["fragments"], it.get("fragment_base_url") or it["url"])
    raise WholeOnlyError


def of_playlist(text: str, address: str) -> Pieces:
    """Read a list of RFC 8216, one of a recording that has an end and is not encrypted.

    Raises:
        WholeOnlyError: it is another sort of list.
    """
    headers = _HEADER.findall(text)
    if "#EXT-X-ENDLIST" not in text or _UNLIKE.search(text) or len(headers) > 1:
        raise WholeOnlyError
    if any("BYTERANGE" in rest for _, rest in headers):
        raise WholeOnlyError
    lengths = [float(length) for length in _LENGTH.findall(text)]
    lines = (line.strip() for line in text.splitlines())
    urls = [urljoin(address, line) for line in lines if line and not line.startswith("#")]
    return _pieces(urljoin(address, headers[0][0]) if headers else None, urls, lengths)


def _of_fragments(fragments: Sequence[Mapping[str, Any]], base: str) -> Pieces:
    """Read the list that yt-dlp makes of a DASH manifest."""
    urls = [it.get("url") or urljoin(base, it.get("path", "")) for it in fragments]
    lengths = [it.get("duration") for it in fragments]
    # What has to stand before the others lasts no time of its own.
    headed = lengths[:1] == [None]
    timed = [float(it) for it in lengths if it is not None]
    return _pieces(urls[0] if headed else None, urls[headed:], timed)


def _pieces(header: str | None, urls: Sequence[str], lengths: Sequence[float]) -> Pieces:
    if not urls or len(urls) != len(lengths):
        raise WholeOnlyError
    ends = list(accumulate(lengths))
    starts = [0.0, *ends[:-1]]
    return Pieces(header, [Piece(*it) for it in zip(urls, starts, ends, strict=True)])
