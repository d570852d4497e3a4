"""The digest of the code that a measurement runs: syntax, not text, so comments cost nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from pipeline.core.syntax import syntax

PROJECT = Path(__file__).resolve().parents[2]
PACKAGE = "pipeline"
CORE = "pipeline.core"


def code_digest(modules: Iterable[str]) -> str:
    """SHA-256 over the syntax trees of `modules` and of the project modules that they import.

    Comments, formatting and docstrings do not count. `pipeline.core` does not count either: it
    runs measurements and holds none.
    """
    digest = hashlib.sha256()
    for name in sorted(closure(modules)):
        digest.update(f"{name}\n{syntax(module_file(name)).dumped}\n".encode())
    return digest.hexdigest()


def closure(modules: Iterable[str]) -> frozenset[str]:
    """Names of `modules` and of every project module outside the core that they import."""
    seen: set[str] = set()
    ahead = [name for name in modules if _counts(name)]
    while ahead:
        name = ahead.pop()
        if name not in seen:
            seen.add(name)
            ahead += [found for found in imports(module_file(name)) if _counts(found)]
    return frozenset(seen)


@cache
def imports(path: Path) -> tuple[str, ...]:
    """Names of the project modules that a source file imports anywhere, functions included."""
    found: dict[str, None] = {}
    for name in syntax(path).imported:
        # Importing a module runs the packages above it.
        parts = name.split(".")
        parents = (".".join(parts[:depth]) for depth in range(1, len(parts) + 1))
        found.update(dict.fromkeys(parent for parent in parents if is_module(parent)))
    return tuple(found)


def is_module(name: str) -> bool:
    """Whether `name` is a module of the project with a file of its own."""
    return name.split(".")[0] in {PACKAGE, "stages"} and _file(name) is not None


def module_file(name: str) -> Path:
    """The source file of a project module."""
    path = _file(name)
    if path is None:
        raise ModuleNotFoundError(f"{name} is not a module of the project")
    return path


def _file(name: str) -> Path | None:
    return _found(PROJECT, name)


@cache
def _found(project: Path, name: str) -> Path | None:
    stem = project.joinpath(*name.split("."))
    for path in (stem.with_suffix(".py"), stem / "__init__.py"):
        if path.is_file():
            return path
    return None


def _counts(name: str) -> bool:
    return is_module(name) and not (name == CORE or name.startswith(f"{CORE}."))
