"""Weights are what models/weights.lock says they are, or they are not loaded.

separator:
  path: models/separator/model.safetensors
  sha256: 9c1f...
  licence: ODbL-1.0 AND CC-BY-SA-4.0
  origin: models/separator/dvc.yaml
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

import yaml
from pydantic import Field, model_validator

from pipeline.core.backends import file_digest
from pipeline.core.code import PROJECT
from pipeline.core.errors import WeightsError
from pipeline.core.params import Params, fit

LOCK = PROJECT / "models" / "weights.lock"


class Weights(Params):
    """One file of weights."""

    path: str
    """Below the project's folder."""
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    """Of the file's bytes."""
    licence: str
    """Under which it may be used and passed on."""
    origin: str
    """The recipe that made it, or the address it was fetched from with its revision."""

    address: str | None = Field(None, pattern="^https?://")
    """Where it is fetched from, with `{revision}` in the place of its revision."""
    revision: str | None = Field(None, pattern="^[A-Za-z0-9._-]{1,100}$")
    """Which of several under that address; one that never changes, such as a commit."""

    @model_validator(mode="after")
    def _names_a_revision(self) -> Self:
        if self.address and ("{revision}" in self.address) != (self.revision is not None):
            raise ValueError("an address with {revision} in it goes with a revision")
        return self

    @property
    def file(self) -> Path:
        """Where it lies."""
        return PROJECT / self.path

    @property
    def source(self) -> str | None:
        """The address of this very revision."""
        return self.address and self.address.replace("{revision}", self.revision or "")

    def is_there(self) -> bool:
        """Whether the file is there and is the one that is meant."""
        return self.file.is_file() and file_digest(self.file) == self.sha256


def listed() -> dict[str, Weights]:
    """Everything that the lock file names."""
    content = yaml.safe_load(LOCK.read_text(encoding="utf-8"))
    return {name: fit(row, Weights, f"{LOCK.name}: {name}") for name, row in content.items()}


def of_the_user(name: str, what: str) -> Weights:
    """The row of the lock that only a user can write, because `what` does not ship.

    Raises:
        WeightsError: there is none; says what to add.
    """
    known = listed()
    if name not in known:
        raise WeightsError(
            f"models/weights.lock: no {name!r}; add path, sha256, licence and origin of {what} "
            f"to use this backend"
        )
    return known[name]


def locked(name: str) -> Path:
    """Return the file of weights of that name, once its digest has been checked.

    Raises:
        WeightsError: the lock does not name it, or the file is missing or another one.
    """
    known = listed()
    if name not in known:
        raise WeightsError(f"{LOCK}: no weights named {name!r}; there are: {', '.join(known)}")
    weights = known[name]
    found = file_digest(weights.file)
    if found != weights.sha256:
        raise WeightsError(
            f"{weights.path}: sha256 {found[:12]}..., expected {weights.sha256[:12]}... by "
            f"models/weights.lock; restore the file, or lock the new one if you made it"
        )
    return weights.file
