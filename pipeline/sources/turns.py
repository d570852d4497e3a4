"""One fetch after another: every process leaves a host alone for a while after the last one."""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit


def wait(address: str, pause_s: float, folder: Path | None = None) -> None:
    """Wait until the host of an address may be asked again, and say that it now is.

    Args:
        address: http(s), or a search.
        pause_s: the shortest time from one fetch of a host to the next.
        folder: where processes tell one another; that of this user without.
    """
    if not pause_s:
        return
    folder = folder or _folder()
    host = urlsplit(address).hostname or address.split(":")[0]
    # No host in a name of a file: it tells where somebody's videos come from.
    path = folder / hashlib.sha256(host.encode()).hexdigest()[:16]
    with path.open("a+", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        # Since the machine started, whatever its calendar says.
        time.sleep(min(max(0.0, _number(file.read()) - time.monotonic()), pause_s))
        file.truncate(0)
        file.write(f"{time.monotonic() + pause_s:.3f}")
        file.flush()


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _folder() -> Path:
    folder = Path(tempfile.gettempdir(), f"cradle-turns-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid() or folder.is_symlink():
        return Path(tempfile.mkdtemp(prefix="cradle-turns-"))
    return folder
