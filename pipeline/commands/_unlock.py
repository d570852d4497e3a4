"""Clears what a killed DVC left half-written; run as a module, before DVC runs again.

DVC writes its table of locks in place. Killed in that instant it leaves a file that it refuses to
read ever after, although whoever held a lock is gone.
"""

from __future__ import annotations

import json
from pathlib import Path

LOCKS = Path(".dvc/tmp/rwlock")


def clear(root: Path) -> bool:
    """Remove a table of locks that cannot be read; returns whether there was one."""
    path = root / LOCKS
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    except ValueError:
        path.unlink()
        return True
    return False


if __name__ == "__main__":
    if clear(Path.cwd()):
        print(f"{LOCKS}: was left half-written by a run that was killed; removed")
