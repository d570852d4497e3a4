"""Measurements, remembered by content: a folder a measurement, published by one rename.

    data/.store/landmarks/3f/3f9a.../landmarks.npz     what the step wrote
    data/.store/landmarks/8c/8c01.../failed.json       or the named reason why it could not
    data/.store/.tmp-4711-...                          what a killed process leaves; swept at start

The store stands outside DVC. Deleting it loses time, never truth.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.core import vault
from pipeline.core.errors import ClipFailed, StoreError
from pipeline.core.reasons import Reason
from pipeline.core.words import without_addresses

FAILED = "failed.json"


@dataclass(frozen=True)
class Failure:
    """Why a clip could not be measured, as its row in the ledger will say it."""

    reason: Reason
    detail: str = ""
    measured: float | None = None
    threshold: float | None = None
    op: str | None = None

    @classmethod
    def of(cls, error: ClipFailed) -> Failure:
        """What an error says, without the error."""
        detail = without_addresses(error.detail)[:200]
        return cls(error.reason, detail, error.measured, error.threshold, error.op)

    @classmethod
    def told(cls, content: Mapping[str, Any]) -> Failure:
        """The same again, from what `asdict` and JSON made of it."""
        return cls(**{**content, "reason": Reason.named(content["reason"])})


@dataclass(frozen=True, slots=True)
class Entry:
    """A published measurement."""

    key: str
    step: Path
    """The folder of all that its step has measured."""

    @property
    def path(self) -> Path:
        """Its own folder; made when asked for, as a stage holds an entry of every clip."""
        return self.step / self.key[:2] / self.key


class Store:
    """A folder of measurements by step and key."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._root = str(root)
        self._steps: dict[str, Path] = {}
        """One path a step, which all of its entries share."""

    def find(self, step: str, key: str) -> Entry | Failure | None:
        """What is known under `key`: a measurement, a reason why there is none, or nothing yet."""
        # Plain words, not paths: a stage asks this of every clip, most often of all that it does.
        path = os.path.join(self._root, step, key[:2], key)  # noqa: PTH118
        if not os.path.isdir(path):  # noqa: PTH112
            return None
        failed = os.path.join(path, FAILED)  # noqa: PTH118
        if os.path.exists(failed):  # noqa: PTH110
            return _read_failure(Path(failed))
        return Entry(key, self._steps.setdefault(step, self.root / step))

    def entry(self, step: str, key: str) -> Entry:
        """The measurement under `key`.

        Raises:
            StoreError: it is not there; says which stage makes it.
        """
        found = self.find(step, key)
        if isinstance(found, Entry):
            return found
        raise StoreError(
            f"{self.root}: measurement {step}/{key[:12]} is not there, though a table names it; "
            f"run `dvc repro --force` to measure again what is missing"
        )

    @contextmanager
    def publish(self, step: str, key: str) -> Iterator[Path]:
        """Give an empty folder to write into; it appears under `key` when the block ends well.

        A ClipFailed that leaves the block is published as the reason and raised on; any other
        error publishes nothing. Pictures and sounds are sealed where `vault` has a key.
        """
        folder = self._temporary()
        try:
            yield folder
        except ClipFailed as error:
            shutil.rmtree(folder)
            folder.mkdir()
            text = json.dumps(asdict(Failure.of(error)), sort_keys=True)
            (folder / FAILED).write_text(text, encoding="utf-8")
            self._rename(self._sealed(folder), self.folder(step, key))
            raise
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self._rename(self._sealed(folder), self.folder(step, key))

    def forget(self, step: str, key: str) -> None:
        """Remove what is known under `key`, if anything."""
        shutil.rmtree(self.folder(step, key), ignore_errors=True)

    def sweep(self) -> None:
        """Remove what processes that no longer live left half-written."""
        left = [*self.root.glob(".tmp-*"), *vault.MEMORY.glob(f".tmp-*-{self._name}-*")]
        for folder in left:
            if not _lives(int(folder.name.split("-")[1])):
                _remove(folder)

    def steps(self) -> dict[str, dict[str, int]]:
        """Everything that is remembered: bytes on disk by step and key."""
        found: dict[str, dict[str, int]] = {}
        for folder in sorted(self.root.glob("[!.]*/??/*")):
            size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
            found.setdefault(folder.parts[-3], {})[folder.name] = size
        return found

    def folder(self, step: str, key: str) -> Path:
        """Where a measurement lies, or would."""
        return self.root / step / key[:2] / key

    def _temporary(self) -> Path:
        # Only the owner may read what may hold a child's face or voice.
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.root.stat().st_mode & 0o077:
            self.root.chmod(0o700)
        return vault.workplace(self.root, f".tmp-{os.getpid()}-{self._name}-")

    @property
    def _name(self) -> str:
        """What tells its folders in memory from those of other projects, which sweep their own."""
        return hashlib.sha256(str(self.root.resolve()).encode()).hexdigest()[:8]

    def _sealed(self, folder: Path) -> Path:
        if not vault.in_use():
            return folder
        sealed = Path(tempfile.mkdtemp(prefix=f".tmp-{os.getpid()}-", dir=self.root))
        vault.put_away(folder, sealed)
        return sealed

    def _rename(self, folder: Path, target: Path) -> None:
        _sync(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            folder.rename(target)
        except OSError:
            # Somebody published the same content first; content is the key, so theirs is ours.
            shutil.rmtree(folder, ignore_errors=True)
            if not target.is_dir():
                raise


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def _read_failure(path: Path) -> Failure:
    return Failure.told(json.loads(path.read_text(encoding="utf-8")))


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
