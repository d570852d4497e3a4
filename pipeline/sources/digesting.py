"""Digests of a user's own files, taken once as long as a file is the one that it was.

    data/.store/files.json    {"3f9a...": [size, mtime_ns, ctime_ns, inode, "digest"], ...}

A file is known by the digest of its place, as no note of ours says where somebody's recordings are.
It is what git and DVC go by; whoever deletes the note loses the time to read the files again.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from pipeline.core import vault

FILE = "files.json"


class Digests:
    """What is known of files; `save` writes down what was asked for since."""

    def __init__(self, store: Path) -> None:
        self._path = store / FILE
        self._known = _read(self._path)
        self._asked: dict[str, list[Any]] = {}

    def of(self, path: Path) -> str:
        """SHA-256 of the plain content of a file, in hexadecimal digits."""
        name = hashlib.sha256(os.fsencode(path.absolute())).hexdigest()
        about = path.stat()
        state = [about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino]
        *was, digest = self._known.get(name, [None, ""])
        if was != state:
            digest = vault.digest(path)
        self._asked[name] = [*state, digest]
        return str(digest)

    def save(self) -> None:
        """Remember the files that were asked for, and no others."""
        if self._asked == self._known:
            return
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = self._path.with_name(f".tmp-{os.getpid()}-{FILE}")
        temporary.write_text(json.dumps(self._asked, sort_keys=True), encoding="utf-8")
        temporary.chmod(0o600)
        temporary.replace(self._path)


def _read(path: Path) -> dict[str, list[Any]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {name: [*map(int, row[:4]), str(row[4])] for name, row in content.items()}
    except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError):
        return {}
