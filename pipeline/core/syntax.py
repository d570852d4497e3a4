"""What a source file comes to: its syntax, and what it imports; remembered beside the file.

    pipeline/face/__pycache__/measure.cpython-311.syntax

Reading all that a measurement runs takes seconds, and every command and stage asks for it first.
What is remembered begins with the digest of the text that it was made of, so it is never stale.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import sys
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_VERSION = "1"


@dataclass(frozen=True)
class Syntax:
    """Of one source file."""

    dumped: str
    """Its syntax tree, without docstrings."""
    imported: tuple[str, ...]
    """Dotted names that it imports anywhere, functions included; of `from a import b` also a.b."""


@cache
def syntax(path: Path) -> Syntax:
    """Read a source file, or what is remembered of the same text."""
    text = path.read_bytes()
    digest = hashlib.sha256(_VERSION.encode() + text).digest()
    beside = path.parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.syntax"
    known = _recall(beside, digest)
    if known is None:
        known = _parse(text.decode())
        _remember(beside, digest, known)
    return known


def _parse(text: str) -> Syntax:
    tree = ast.parse(text)
    imported: dict[str, None] = {}
    for node in ast.walk(tree):
        imported.update(dict.fromkeys(_imported(node)))
        _drop_docstring(node)
    return Syntax(ast.dump(tree), tuple(imported))


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _drop_docstring(node: ast.AST) -> None:
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        node.body = [statement for statement in node.body if not _is_text(statement)]


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _recall(beside: Path, digest: bytes) -> Syntax | None:
    try:
        content = beside.read_bytes()
        if not content.startswith(digest):
            return None
        dumped, imported = json.loads(zlib.decompress(content[len(digest) :]))
    except (OSError, ValueError, zlib.error):
        return None
    return Syntax(dumped, tuple(imported))


def _remember(beside: Path, digest: bytes, known: Syntax) -> None:
    """Write it whole or not at all; who may not write there reads the source again next time."""
    if sys.dont_write_bytecode:
        return
    temporary = beside.with_name(f"{beside.name}.{os.getpid()}")
    content = json.dumps([known.dumped, known.imported]).encode()
    with suppress(OSError):
        beside.parent.mkdir(exist_ok=True)
        temporary.write_bytes(digest + zlib.compress(content))
        temporary.replace(beside)
