"""A source's file, had from a local path or from the network, within bounds."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import media
from pipeline.core import disk, vault
from pipeline.core.errors import ClipFailed, CradleError
from pipeline.core.reasons import Reason
from pipeline.media import child
from pipeline.media.child import Bounds
from pipeline.media.planning import WHOLE
from pipeline.sources import address as addresses
from pipeline.sources import partial, turns

_SAYS = {str(it): it for it in (Reason.UNREACHABLE, Reason.GONE, Reason.TOO_LARGE, Reason.TOO_LONG)}
"""All that the program which fetches may say."""
_SPARE_BYTES = 1 << 20
_WAIT_S = 20.0
_INHERITED = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")


@dataclass(frozen=True)
class Reach:
    """How far fetching may go."""

    max_bytes: int = 500_000_000
    max_s: float = 3600.0
    """Of the source, where the site says it."""
    max_side_px: int = 1280
    """Which of several sizes of a recording is taken."""
    wall_s: float = 300.0
    extractors: tuple[str, ...] = ()
    """Sites that may be asked, by the names that yt-dlp has for them."""
    hosts: tuple[str, ...] = ()
    """Hosts any page or file of which may be asked for."""
    allow_hosts: tuple[str, ...] = ()
    """The same, though their addresses are private."""
    attempts: int = 1
    """At what may pass."""
    backoff_s: float = 1.0
    """Before the second attempt; twice as long before each further one."""
    pause_s: float = 0.0
    """From one request to a host to the next."""
    bytes_per_s: float = 0.0
    """The most that is taken of one source; 0 is all it gives."""
    cookies: str = ""
    """A file of cookies, which are shown to the sites that they are of."""

    @property
    def listed(self) -> tuple[str, ...]:
        """Every host that any page of may be asked for."""
        return self.hosts + self.allow_hosts


@dataclass(frozen=True)
class Fetched:
    """What was had."""

    picture: Path
    sound: Path | None
    """Where the sound is, when a site keeps it apart from the picture."""
    begins_s: float = 0.0
    """When in the recording they begin."""


def fetch(address: str, folder: Path, reach: Reach, section: media.Section = WHOLE) -> Fetched:
    """Have the recording at `address` as files in `folder`, from the network by yt-dlp.

    Args:
        address: http(s), or the absolute path of a file.
        folder: an existing folder, empty or with what came of the same address before.
        reach: how far to go.
        section: the part that is wanted; the rest is not asked for where a site gives parts.

    Raises:
        ClipFailed: unreachable or gone, with the site's words; too_large, too_long.
    """
    if addresses.is_remote(address):
        answer = partial.had(folder) or _remote(address, folder, reach, section)
    else:
        answer = _local(Path(address), folder, reach)
    if "reason" in answer:
        disk.make_sure_of_room(answer["words"], folder)
        raise _failure(answer)
    partial.note(folder, answer)
    sound = answer["sound"]
    begins_s = answer["begins_s"]
    return Fetched(folder / answer["picture"], folder / sound if sound else None, begins_s)


def check(reach: Reach) -> None:
    """Refuse a reach that nothing can be fetched with.

    Raises:
        CradleError: there are no such cookies, or others may read them.
    """
    if not reach.cookies:
        return
    path = Path(reach.cookies).expanduser()
    if not path.is_file():
        raise CradleError(f"download.cookies: {str(path)!r}: there is no such file")
    if path.stat().st_mode & 0o077:
        raise CradleError(
            f"download.cookies: {str(path)!r} can be read by others; `chmod 600` it first"
        )


@dataclass(frozen=True)
class Found:
    """A recording that a list names."""

    address: str
    length_s: float | None
    """Where the list says it."""


def listing(address: str, reach: Reach, most: int) -> list[Found]:
    """Ask which recordings there are at `address`, a list perhaps; nothing is fetched.

    Args:
        address: http(s), or a search such as `ytsearch20:baby crying`.
        reach: how far to go.
        most: how many to name.

    Raises:
        ClipFailed: unreachable or gone, with the site's words.
    """
    with tempfile.TemporaryDirectory(prefix="cradle-") as folder:
        answer = _asked({**_request(address, Path(folder), reach), "most": most}, reach)
    if "reason" in answer:
        raise _failure(answer)
    return [Found(it["address"], it["length_s"]) for it in answer["found"]]


def _failure(answer: Mapping[str, Any]) -> ClipFailed:
    op = None if answer.get("threshold") is None else "<="
    return ClipFailed(
        _SAYS[answer["reason"]],
        answer["words"],
        answer.get("measured"),
        answer.get("threshold"),
        op,
    )


def _local(path: Path, folder: Path, reach: Reach) -> dict[str, Any]:
    if not path.is_file():
        return {"reason": "unreachable", "words": "no such file"}
    size = path.stat().st_size
    if size > reach.max_bytes:
        return {
            "reason": "too_large",
            "words": "bytes",
            "measured": size,
            "threshold": reach.max_bytes,
        }
    had = folder / "1.media"
    try:
        # A copy, as what it is made of must be one thing from beginning to end.
        with vault.opened(path) as plain:
            shutil.copyfile(plain, had)
    except OSError as error:
        return {"reason": "unreachable", "words": error.strerror or type(error).__name__}
    return {"picture": had.name, "sound": None, "begins_s": 0.0}


def _remote(address: str, folder: Path, reach: Reach, section: media.Section) -> dict[str, Any]:
    request = _request(address, folder, reach)
    if not section.whole:
        request["section"] = [section.start_s or 0.0, section.end_s]
    return _asked(request, reach)


def _asked(request: dict[str, Any], reach: Reach) -> dict[str, Any]:
    """The answer of the program that alone may use the network."""
    from pipeline.sources import grab

    turns.wait(request["address"], reach.pause_s)
    argv = [sys.executable, "-I", grab.__file__]
    bounds = Bounds(
        wall_s=reach.wall_s,
        cpu_s=int(reach.wall_s) + 1,
        memory_bytes=2 << 30,
        file_bytes=reach.max_bytes + _SPARE_BYTES,
    )
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    try:
        ended = child.run(
            argv, bounds, {"HOME": request["folder"], **inherited}, json.dumps(request).encode()
        )
    except ClipFailed as error:
        # It was not Cradle that was slow.
        return {"reason": "unreachable", "words": f"the site was too slow: {error.detail}"}
    if ended.code != 0:
        lines = ended.err.strip().splitlines() or [f"the fetcher ended with {ended.code}"]
        return {"reason": "unreachable", "words": lines[-1][:180]}
    answer: dict[str, Any] = json.loads(ended.out)
    return answer


def _request(address: str, folder: Path, reach: Reach) -> dict[str, Any]:
    return {
        "address": address,
        "folder": str(folder),
        "max_bytes": reach.max_bytes,
        "max_s": reach.max_s,
        "max_side_px": reach.max_side_px,
        "extractors": list(reach.extractors),
        "generic": addresses.within(address, reach.listed),
        "allow_hosts": list(reach.allow_hosts),
        "wait_s": min(_WAIT_S, reach.wall_s),
        "attempts": reach.attempts,
        "backoff_s": reach.backoff_s,
        "pause_s": reach.pause_s,
        "bytes_per_s": reach.bytes_per_s,
        "cookies": _cookies(reach.cookies),
    }


def _cookies(file: str) -> str:
    return Path(file).expanduser().read_text(encoding="utf-8") if file else ""
