"""The digest of the code that a measurement runs: syntax, not text, so comments cost nothing."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

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
        digest.update(f"{name}\n{_syntax(module_file(name))}\n".encode())
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


def imports(path: Path) -> Iterator[str]:
    """Names of the project modules that a source file imports anywhere, functions included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            # Importing a module runs the packages above it.
            parts = name.split(".")
            parents = (".".join(parts[:depth]) for depth in range(1, len(parts) + 1))
            yield from (parent for parent in parents if is_module(parent))


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
    stem = PROJECT.joinpath(*name.split("."))
    for path in (stem.with_suffix(".py"), stem / "__init__.py"):
        if path.is_file():
            return path
    return None


def _counts(name: str) -> bool:
    return is_module(name) and not (name == CORE or name.startswith(f"{CORE}."))


@cache
def _syntax(path: Path) -> str:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        _drop_docstring(node)
    return ast.dump(tree)


def _drop_docstring(node: ast.AST) -> None:
    if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return
    node.body = [statement for statement in node.body if not _is_text(statement)]


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
