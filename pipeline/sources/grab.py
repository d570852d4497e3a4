"""One source, had by yt-dlp: a program of its own, which alone may use the network.

    python -I grab.py < request.json > answer.json

A request that says `most` asks what there is at an address, a list perhaps, and fetches none of it.

Nothing of a user's yt-dlp settings, plugins, cookies or caches is read. In the program, every
connection to an address that is not public is refused where it is made, so that neither a
redirect, nor a name that resolves to it, nor a playlist leads there.
"""

from __future__ import annotations

import functools
import importlib.util
import io
import ipaddress
import json
import re
import socket
import sys
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import yt_dlp
import yt_dlp.globals
from yt_dlp.networking.exceptions import HTTPError, TransportError
from yt_dlp.utils import (
    DownloadCancelled,
    DownloadError,
    GeoRestrictedError,
    UnsupportedError,
    YoutubeDLError,
)

_NOISE = re.compile(
    r"\x1b\[[0-9;]*m| at 0x[0-9a-f]+|^ERROR: |\(caused by .*|; please report .*", re.S
)
_FOR_GOOD = frozenset({400, 401, 404, 405, 410, 451})
"""Answers of a site after which nothing else is to be expected."""
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers of a site that is only busy."""
_LONGEST_WAIT_S = 60.0
_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.I)
_GONE = re.compile(
    r"private|removed|deleted|terminated|no longer available|does not exist|members.only", re.I
)
_REFUSED = "is not a public address; see download.allow_hosts"
_ANY = ["generic", "html5"]
_UNKNOWN = "no site that download.extractors names, and its host is not in download.hosts"
_CONNECTING = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")


class RefusedError(OSError):
    """A connection that is not made."""


class Gate:
    """Holds what is offered against the limits, and keeps the first refusal.

    yt-dlp passes on that a gate said no, and drops why.
    """

    def __init__(self, max_s: float, max_bytes: int) -> None:
        self.refusal: dict[str, Any] | None = None
        self._max_s = max_s
        self._max_bytes = max_bytes

    def offered(self, info: dict[str, Any], *, incomplete: bool = False) -> None:
        """Judge a recording by what the site says of it, before it is fetched."""
        entries = info.get("n_entries") or info.get("playlist_count") or 1
        if entries > 1:
            self._refuse("gone", f"a list of {entries} recordings, not one")
        if info.get("is_live"):
            self._refuse("unreachable", "a live stream, which has no end yet")
        length_s = float(info.get("duration") or 0.0)
        if length_s > self._max_s:
            self._refuse("too_long", "seconds, as the site says", length_s, self._max_s)

    def arriving(self, status: dict[str, Any]) -> None:
        """Judge it by what has come and is yet to come."""
        count = max(status.get("total_bytes") or 0, status.get("downloaded_bytes") or 0)
        if count > self._max_bytes:
            self._refuse("too_large", "bytes", count, self._max_bytes)

    def _refuse(
        self,
        reason: str,
        what: str,
        measured: float | None = None,
        threshold: float | None = None,
    ) -> None:
        told = {"reason": reason, "words": what, "measured": measured, "threshold": threshold}
        self.refusal = self.refusal or told
        raise DownloadCancelled(what)


def main() -> int:
    """Answer the request on standard input."""
    request = json.load(sys.stdin)
    allowed = resolve(request["allow_hosts"])
    sys.addaudithook(functools.partial(refuse_private, allowed))
    json.dump(listed(request) if "most" in request else grab(request), sys.stdout)
    return 0


def listed(request: dict[str, Any]) -> dict[str, Any]:
    """Say which recordings there are at an address, and fetch none.

    Args:
        request: as for `grab`, and `most`, how many to name.

    Returns:
        `found`, a list of `address` and `length_s` (None where nobody says it); or `reason` and
        `words`. What a stranger calls them is not passed on.
    """
    yt_dlp.globals.plugin_dirs.value = []
    options = {
        **_options(request, None),
        "extract_flat": "in_playlist",
        "noplaylist": False,
        "playlist_items": f"1:{request['most']}",
    }
    try:
        with yt_dlp.YoutubeDL(options) as ydl:
            info = ydl.sanitize_info(ydl.extract_info(request["address"], download=False))
    except (YoutubeDLError, OSError) as error:
        return _refused(error, request)
    entries = [info] if info.get("entries") is None else info["entries"]
    return {"found": [_told(entry) for entry in entries if entry and not entry.get("is_live")]}


def _told(entry: dict[str, Any]) -> dict[str, Any]:
    # The page of one among several says nothing of which of them is meant.
    generic = entry.get("extractor_key") == "Generic"
    address = entry.get("url") if generic else entry.get("webpage_url")
    return {"address": address or entry["url"], "length_s": entry.get("duration")}


def grab(request: dict[str, Any]) -> dict[str, Any]:
    """Fetch one source into a folder.

    Args:
        request: address, folder, extractors (which may be asked), generic (whether any page may),
            max_bytes, max_s, max_side_px, wait_s (for one answer of a site), attempts (at what may
            pass), backoff_s (before the second one; then twice as long each time), cookies (what a
            file of them holds, or nothing), section (from when to when in s; of it alone something
            is asked for, where the site lets one).
            What lies in the folder already, of an earlier attempt, is not asked for again.

    Returns:
        `picture` and `sound`, names of files in the folder, the latter only where a site keeps
        them apart, and `begins_s`, when in the recording they begin; or `reason` and `words`.
    """
    for attempt in range(request["attempts"]):
        answer = _attempt(request)
        asked_s = answer.pop("later_s", None)
        if asked_s is None or attempt + 1 == request["attempts"]:
            break
        time.sleep(min(max(asked_s, _backoff(request, attempt)), _LONGEST_WAIT_S))
    return answer


def _backoff(request: dict[str, Any], attempt: int) -> float:
    return float(request["backoff_s"]) * 2**attempt


def _attempt(request: dict[str, Any]) -> dict[str, Any]:
    """One attempt; `later_s` in its answer says that a later one may do better, and how much."""
    yt_dlp.globals.plugin_dirs.value = []
    gate = Gate(request["max_s"], request["max_bytes"])
    try:
        info = _extract(request, gate)
    except (YoutubeDLError, OSError) as error:
        return gate.refusal or _refused(error, request)
    return gate.refusal or (info if "begins_s" in info else _answer(info))


def _extract(request: dict[str, Any], gate: Gate) -> Any:
    with yt_dlp.YoutubeDL(_options(request, gate)) as ydl:
        if request.get("section"):
            found = _section(request, gate)
            if found:
                return found
        return ydl.sanitize_info(ydl.extract_info(request["address"], download=True))


def _section(request: dict[str, Any], gate: Gate) -> Any:
    # Of two recordings that are one after the other, yt-dlp tells of the last alone.
    options = {**_options(request, gate), "format": "bv*[acodec=none]+ba/b"}
    with yt_dlp.YoutubeDL(options) as ydl:
        return _beside("section").had(ydl, request, gate, _beside)


def _beside(name: str) -> Any:
    """Another part of this program, which is run by its place and is no package then."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Where a dataclass looks for the names in its own annotations.
    sys.modules.setdefault(name, module)
    spec.loader.exec_module(module)
    return module


def _refused(error: BaseException, request: dict[str, Any]) -> dict[str, Any]:
    if isinstance(_inner(error), UnsupportedError) and not request["generic"]:
        return {"reason": "gone", "words": _UNKNOWN}
    later_s = _later_s(error)
    told = {"reason": _reason(error), "words": words(error)}
    return told if later_s is None else {**told, "later_s": later_s}


def _later_s(error: BaseException) -> float | None:
    """How long a site wants to be left alone, 0 where it does not say; None: for good."""
    inner = _inner(error)
    for it in (inner, getattr(inner, "cause", None)):
        if isinstance(it, HTTPError):
            if it.status not in _PASSING:
                return None
            said = str(it.response.headers.get("Retry-After", ""))
            return float(said) if said.isdecimal() else 0.0
        if isinstance(it, TransportError):
            # A connection that was refused here stays refused.
            return None if _REFUSED in str(it) else 0.0
    return None


def _inner(error: BaseException) -> BaseException | None:
    return error.exc_info[1] if isinstance(error, DownloadError) and error.exc_info else error


def _reason(error: BaseException) -> str:
    """Whether asking again may help."""
    inner = _inner(error)
    cause = getattr(inner, "cause", None)
    status = next((it.status for it in (inner, cause) if isinstance(it, HTTPError)), None)
    if status is not None:
        return "gone" if status in _FOR_GOOD else "unreachable"
    lasts = isinstance(inner, UnsupportedError | GeoRestrictedError) or _GONE.search(words(error))
    return "gone" if lasts else "unreachable"


def words(error: BaseException) -> str:
    """What a site said, without what changes from run to run, and without any address."""
    if isinstance(error, DownloadError) and error.exc_info and error.exc_info[1] is not None:
        inner = error.exc_info[1]
        text = str(getattr(inner, "orig_msg", None) or inner)
    else:
        text = str(error)
    cleaned = _ADDRESS.sub("(its address)", _NOISE.sub("", text))
    return " ".join(cleaned.split())[:180] or type(error).__name__


def refuse_private(allowed: Collection[str], event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: refuse to connect anywhere that is not public or in `allowed`."""
    if event not in _CONNECTING or not isinstance(arguments[-1], tuple):
        return
    host = str(arguments[-1][0]).split("%")[0]
    if host not in allowed and not is_public(host):
        raise RefusedError(f"{host} {_REFUSED}")


def is_public(host: str) -> bool:
    """Whether an IP address is one that anybody's server may have."""
    address = ipaddress.ip_address(host)
    if isinstance(address, ipaddress.IPv6Address):
        if address in _TRANSLATED:
            return is_public(str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)))
        inner = address.ipv4_mapped or address.sixtofour
        if inner is not None:
            return is_public(str(inner))
    return address.is_global and not address.is_multicast


def resolve(hosts: Collection[str]) -> set[str]:
    """The IP addresses of hosts that are allowed by name."""
    found: set[str] = set()
    for host in hosts:
        try:
            found.update(str(answer[4][0]) for answer in socket.getaddrinfo(host, None))
        except OSError:
            # A name that is unknown here allows nothing.
            continue
    return found


def _options(request: dict[str, Any], gate: Gate | None) -> dict[str, Any]:
    held = {"match_filter": gate.offered, "progress_hooks": [gate.arriving]} if gate else {}
    return {
        **held,
        # Those for any page are not among those that a site is known by.
        "allowed_extractors": [*request["extractors"], *(_ANY * request["generic"]), "end"],
        "quiet": True,
        "no_warnings": True,
        "noprogress": True,
        "no_color": True,
        "logger": _Silent(),
        "cachedir": False,
        "proxy": "",
        "noplaylist": True,
        "playlist_items": "1:2",
        "paths": {"home": request["folder"]},
        # Titles and ids are a stranger's text and never become the name of a file.
        "outtmpl": {"default": "%(autonumber)d.media"},
        "updatetime": False,
        "format": "(bv*[acodec=none],ba)/b",
        "format_sort": [f"res:{request['max_side_px'] * 9 // 16}"],
        "retries": request["attempts"] - 1,
        "fragment_retries": request["attempts"] - 1,
        "extractor_retries": request["attempts"] - 1,
        "retry_sleep_functions": dict.fromkeys(
            ("http", "fragment", "extractor"), lambda n: _backoff(request, n)
        ),
        "sleep_interval_requests": request["pause_s"],
        "ratelimit": request["bytes_per_s"] or None,
        # In memory: what a site sets is forgotten, and the file stays as it is.
        "cookiefile": io.StringIO(request["cookies"]) if request["cookies"] else None,
        "file_access_retries": 0,
        "socket_timeout": request["wait_s"],
        "enable_file_urls": False,
        "hls_prefer_native": True,
        # One program alone starts ffmpeg, and it is not this one.
        "ffmpeg_location": "/nonexistent",
        "fixup": "never",
        "allow_unplayable_formats": False,
    }


def _answer(info: Any) -> dict[str, Any]:
    entries = info.get("entries")
    if entries is not None:
        info = next((entry for entry in entries if entry), {})
    had = [it for it in info.get("requested_downloads", []) if Path(it["filepath"]).is_file()]
    if not had:
        return {"reason": "gone", "words": "the site offers no recording"}
    picture = next((it for it in had if it.get("vcodec") != "none"), had[0])
    sound = next((it for it in had if it is not picture and it.get("acodec") != "none"), None)
    apart = sound is not None and picture.get("acodec") == "none"
    names = [Path(it["filepath"]).name if it else None for it in (picture, sound)]
    return {"picture": names[0], "sound": names[1] if apart else None, "begins_s": 0.0}


class _Silent:
    """Takes what yt-dlp would print; what matters is in its exceptions."""

    def debug(self, message: str) -> None:
        """Take a message."""

    info = warning = error = debug


if __name__ == "__main__":
    sys.exit(main())
