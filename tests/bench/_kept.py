"""Published models that were trained once, kept beside the dataset that they learned from.

peers/faceformer-0.safetensors    weights, and by what parameters they came about
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import load_file, save_file

from pipeline.generator import judge
from pipeline.generator.baselines import PEERS, Task, codetalker, faceformer, imitator
from pipeline.generator.baselines.codebook import MotionPrior

Peer = faceformer.FaceFormer | codetalker.CodeTalker | imitator.Imitator


@dataclass(frozen=True)
class Kept:
    """Stands in a peer's place: trains it unless that was done."""

    name: str
    folder: Path

    def fit(self, task: Task, seed: int) -> Peer:
        """Train one, or take the one that was trained by the same parameters."""
        path = self.folder / f"{self.name}-{seed}.safetensors"
        of = json.dumps(task.params.model_dump(exclude={"methods"}), sort_keys=True)
        if path.exists() and told(path) == of:
            peer = untrained(self.name, task)
            peer.network.load_state_dict(load_file(path))
            peer.network.eval()
            return peer
        peer = PEERS[self.name].fit(task, seed)
        self.folder.mkdir(parents=True, exist_ok=True)
        state = {name: one.contiguous() for name, one in peer.network.state_dict().items()}
        save_file(state, path, metadata={"of": of})
        return peer


def told(path: Path) -> str:
    """By what parameters it was trained."""
    with safe_open(path, framework="pt") as file:
        return str((file.metadata() or {}).get("of", ""))


def untrained(name: str, task: Task) -> Peer:
    """One of random weights."""
    sizes = (task.audio_width, task.people_width, task.params.width)
    if name == "codetalker":
        prior = MotionPrior(task.params.width)
        return codetalker.CodeTalker(codetalker.Network(*sizes, prior), task)
    if name == "faceformer":
        return faceformer.FaceFormer(faceformer.Network(*sizes), task)
    return imitator.Imitator(imitator.Network(*sizes), task)


@contextmanager
def kept(folder: Path) -> Iterator[None]:
    """Judge against peers that are kept in a folder."""
    before: Any = judge.PEERS
    registry: Any = {name: Kept(name, folder) for name in PEERS}
    judge.PEERS = registry
    try:
        yield
    finally:
        judge.PEERS = before


__all__ = ["Kept", "kept"]
