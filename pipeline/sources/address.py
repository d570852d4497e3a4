"""Addresses of sources: which are allowed, and when two of them mean the same thing."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import PurePosixPath
from urllib.parse import parse_qs, urlsplit

ALLOWED = (
    "an http:// or https:// address without a password in it, "
    "or the path of a file, relative to the project or absolute"
)
NURSERY = "nursery:"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_YOUTUBE = ("youtube.com", "youtube-nocookie.com", "youtu.be")
_YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}")


def check(address: str) -> str:
    """Return `address` if a catalogue may hold it.

    Raises:
        ValueError: it may not.
    """
    if not address or not address.isprintable() or len(address) > 2000:
        raise ValueError(ALLOWED)
    if is_remote(address):
        parts = urlsplit(address)
        if not parts.hostname or parts.username or parts.password:
            raise ValueError(ALLOWED)
    elif _SCHEME.match(address):
        raise ValueError(ALLOWED)
    return address


def is_remote(address: str) -> bool:
    """Whether an address is fetched from the network."""
    return address.lower().startswith(("http://", "https://"))


def within(address: str, hosts: Collection[str]) -> bool:
    """Whether an address lies on one of some hosts, or on one below them."""
    host = (urlsplit(address).hostname or "") if is_remote(address) else ""
    return any(host == known or host.endswith(f".{known}") for known in hosts)


def is_nursery(address: str) -> bool:
    """Whether an address names a clip that the nursery makes."""
    return address.startswith(NURSERY)


def youtube(video: str) -> str:
    """The address of a video of YouTube.

    Raises:
        ValueError: YouTube has no such ids.
    """
    if not _YOUTUBE_ID.fullmatch(video):
        raise ValueError(f"{video[:80]!r} is no id of YouTube, which match {_YOUTUBE_ID.pattern}")
    return f"https://www.youtube.com/watch?v={video}"


def same(address: str) -> str:
    """A form that is equal for addresses of the same thing.

    Scheme, letter case of the host, `www.`, a fragment and a final slash make no difference, nor
    do the several ways to name one YouTube video. What is sent back as a takedown is seldom
    spelled as the catalogue spells it.
    """
    if not is_remote(address):
        return address if is_nursery(address) else str(PurePosixPath(address))
    parts = urlsplit(address)
    host = (parts.hostname or "").removeprefix("www.").removeprefix("m.")
    video = _youtube_id(host, parts.path, parts.query)
    if video:
        return f"youtube:{video}"
    port = f":{parts.port}" if parts.port not in (None, 80, 443) else ""
    query = f"?{parts.query}" if parts.query else ""
    return f"{host}{port}{parts.path.rstrip('/')}{query}"


def _youtube_id(host: str, path: str, query: str) -> str | None:
    if not any(host == known or host.endswith(f".{known}") for known in _YOUTUBE):
        return None
    named = parse_qs(query).get("v", [""])[0]
    last = path.rstrip("/").rsplit("/", 1)[-1]
    return next((text for text in (named, last) if _YOUTUBE_ID.fullmatch(text)), None)
