"""The one door to every model: a task's backends by name, each naming its weights by digest.

A backend is a module with two functions:

    info() -> BackendInfo      what it is; light, imports nothing heavy
    load(device: str) -> object   the thing itself, with the interface that its task states

    FACES = Registry("landmarks", {"mediapipe": "pipeline.face.mediapipe_landmarker"})
    FACES.info("mediapipe").digest
    FACES.load("mediapipe", "cpu").measure(frame)
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.core.errors import BackendError, WeightsError


@dataclass(frozen=True)
class BackendInfo:
    """What every output of a backend says of its origin."""

    task: str
    name: str
    digest: str
    """Of the weights, or of whatever else decides the output beside the code."""
    licence: str
    embedded: bool
    """Whether it ships with Cradle and works offline."""
    module: str = ""
    """Where its code is; filled in by the registry."""


@dataclass(frozen=True)
class Registry:
    """The backends of one task."""

    task: str
    modules: Mapping[str, str]

    def info(self, name: str) -> BackendInfo:
        """Describe a backend without loading it."""
        path = self._path(name)
        info: BackendInfo = importlib.import_module(path).info()
        return replace(info, module=path)

    def load(self, name: str, device: str = "cpu") -> Any:
        """Load a backend, once a process and device."""
        return _load(self._path(name), device)

    def _path(self, name: str) -> str:
        if name not in self.modules:
            known = ", ".join(sorted(self.modules))
            raise BackendError(f"{self.task}: no backend named {name!r}; there are: {known}")
        return self.modules[name]


@cache
def _load(path: str, device: str) -> Any:
    return importlib.import_module(path).load(device)


def file_digest(*paths: Path) -> str:
    """SHA-256 over the content of files, in the order given.

    Raises:
        WeightsError: one of them is not there.
    """
    digest = hashlib.sha256()
    for path in paths:
        if not path.is_file():
            raise WeightsError(f"{path}: not found; it belongs to the weights of a backend")
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()


def pick_device(wanted: str) -> str:
    """Turn `auto` into `cuda` where there is one, else `cpu`; other names are taken as they are."""
    if wanted != "auto":
        return wanted
    if not _has_driver():
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def at_hand(device: str) -> str:
    """The device, if this process can reach it, else `cpu`: for what does without a GPU as well."""
    if not device.startswith("cuda"):
        return device
    import torch

    return device if torch.cuda.is_available() else "cpu"


@cache
def _has_driver() -> bool:
    """Whether there can be a GPU at all; asking torch takes as long as a stage with nothing new."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True
