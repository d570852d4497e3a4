"""DVC's remotes: where copies of tables may lie, and which of those places can be reached."""

from __future__ import annotations

import configparser
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

_CONFIGS = (".dvc/config", ".dvc/config.local")


@dataclass(frozen=True)
class Remote:
    """One remote of the project."""

    name: str
    folder: Path | None
    """Where it is, of one that is a folder of this machine and is there."""


def remotes(root: Path) -> list[Remote]:
    """Every remote that the project in `root` names."""
    found: dict[str, Remote] = {}
    for file in _CONFIGS:
        config = configparser.ConfigParser(interpolation=None)
        config.read(root / file, encoding="utf-8")
        for section in config.sections():
            kind, _, name = section.strip("'").partition(" ")
            if kind == "remote":
                name = name.strip('"')
                folder = _folder(config[section].get("url", ""), (root / file).parent)
                found[name] = Remote(name, folder)
    return [found[name] for name in sorted(found)]


def _folder(url: str, beside: Path) -> Path | None:
    parts = urlsplit(url)
    if parts.scheme not in ("", "file") or not url:
        return None
    path = Path(unquote(parts.path)) if parts.scheme else beside / url
    return path.resolve() if path.is_dir() else None
