"""What a report was made from: code, catalogue, media, parameters.

The commit is not here: it changes where nothing else does, and the report is an out of the graph,
whose bytes follow from its deps. The digest of the code stands for it; `cradle summary` prints it
beside the commit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from pipeline.audit.read import Account
from pipeline.core.code import PROJECT

INPUTS = ("data/sources.csv", "data/takedowns.csv", "data/overrides.csv")
NO_RESULT = ("run",)
"""Sections of params.yaml that change no result."""


@dataclass(frozen=True)
class Param:
    """One key of params.yaml."""

    key: str
    value: str
    default: str | None
    """None where there is none."""

    @property
    def changed(self) -> bool:
        """Whether it is not what it would be if nobody had said anything."""
        return self.default is not None and self.value != self.default


@dataclass(frozen=True)
class Provenance:
    """Where a report comes from."""

    code: str
    """Digest of every source file of the project."""
    inputs: list[tuple[str, str]]
    """Files that people write, and their SHA-256 as `sha256sum` prints it; empty where there is no
    such file."""
    media: str
    """Digest of all clips' media, by name."""
    clips: int
    params: list[Param]

    @property
    def changed(self) -> list[Param]:
        """The parameters that are not at their default."""
        return [param for param in self.params if param.changed]


def provenance(root: Path, account: Account, everything: BaseModel) -> Provenance:
    """Collect it for the project in `root`, run with all of these parameters."""
    clips = account.clips["download"]
    media = "".join(f"{clip} {row['media_digest']}\n" for clip, row in sorted(clips.items()))
    return Provenance(
        source_digest(),
        [(name, _digest(root / name)) for name in INPUTS],
        hashlib.sha256(media.encode()).hexdigest(),
        len(clips),
        list(_params(everything, "")),
    )


def source_digest(project: Path = PROJECT) -> str:
    """SHA-256 over the names and content of all source files, in order of their names."""
    digest = hashlib.sha256()
    for path in sorted([*project.glob("pipeline/**/*.py"), *project.glob("stages/*.py")]):
        name = path.relative_to(project).as_posix()
        digest.update(f"{name}\n{_digest(path)}\n".encode())
    return digest.hexdigest()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _params(model: BaseModel, where: str) -> Iterator[Param]:
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if where + name in NO_RESULT:
            continue
        if isinstance(value, BaseModel):
            yield from _params(value, f"{where}{name}.")
        else:
            default = field.get_default(call_default_factory=True)
            known = None if default is PydanticUndefined else _text(default)
            yield Param(where + name, _text(value), known)


def _text(value: Any) -> str:
    return json.dumps(value, default=_plain, ensure_ascii=False)


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else str(value)
