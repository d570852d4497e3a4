"""What a training that was cut short goes on from, on the very curve that it was on.

One safetensors file holds the weights, their running mean and the best of it, the optimizer, every
source of chance, and the curves so far. It speaks for one set of parameters, data and code; another
run leaves it alone and, in time, writes over it.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from pipeline.core.code import code_digest

if TYPE_CHECKING:
    from pipeline.generator.trainer import Trainer

Terms = dict[str, float]
Weights = dict[str, Tensor]
_KEY = "cradle"


@dataclass
class Progress:
    """How far a training is, and how it came there."""

    step: int = 0
    lowest: float = math.inf
    best_step: int = 0
    in_vain: int = 0
    """Validations since the lowest loss."""
    logged: list[tuple[int, str, Terms]] = field(default_factory=list)
    """Step, group and terms of every point of the curves."""
    unlogged: dict[str, list[float]] = field(default_factory=dict)
    """Terms of the steps since the last point."""

    def note(self, terms: Terms) -> None:
        """Remember the terms of a step."""
        for name, value in terms.items():
            self.unlogged.setdefault(name, []).append(value)

    def noted(self) -> Terms:
        """Mean terms of the steps since this was last asked."""
        means = {name: float(np.mean(values)) for name, values in self.unlogged.items()}
        self.unlogged.clear()
        return means


def keep(trainer: Trainer, path: Path) -> None:
    """Write all that `restore` needs, by one rename."""
    device = torch.device(trainer.device)
    tensors = {
        **_named("weights", trainer.generator.denoiser.state_dict()),
        **_named("mean", trainer.averaged.denoiser.state_dict()),
        **_named("best", trainer.best),
        **{
            f"optimizer/{number}/{name}": value
            for number, state in trainer.optimizer.state_dict()["state"].items()
            for name, value in state.items()
        },
        "chance/cpu": torch.get_rng_state(),
    }
    if device.type == "cuda":
        tensors["chance/cuda"] = torch.cuda.get_rng_state(device)
    about = {
        "of": _of(trainer),
        "progress": asdict(trainer.progress),
        "chance": trainer.random.bit_generator.state,
    }
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.tmp")
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    save_file(whole, partial, metadata={_KEY: json.dumps(about)})
    partial.replace(path)


def restore(trainer: Trainer, path: Path) -> None:
    """Put a trainer where the run that wrote `path` was, if it was the same one."""
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {}).get(_KEY, "{}"))
            if about.get("of") != _of(trainer):
                return
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (FileNotFoundError, SafetensorError, json.JSONDecodeError):
        return
    progress = about["progress"]
    progress["logged"] = [tuple(point) for point in progress["logged"]]
    trainer.progress = Progress(**progress)
    trainer.random.bit_generator.state = about["chance"]
    trainer.generator.denoiser.load_state_dict(_under("weights", tensors))
    trainer.averaged.denoiser.load_state_dict(_under("mean", tensors))
    trainer.best = {k: v.to(trainer.device) for k, v in _under("best", tensors).items()}
    whole = trainer.optimizer.state_dict()
    for group in whole["param_groups"]:
        # Muon counts its steps there, and not with what it knows of each weight.
        group["step"] = trainer.progress.step
    whole["state"] = _optimizer(_under("optimizer", tensors))
    trainer.optimizer.load_state_dict(whole)
    torch.set_rng_state(tensors["chance/cpu"])
    if "chance/cuda" in tensors:
        torch.cuda.set_rng_state(tensors["chance/cuda"], torch.device(trainer.device))


def _of(trainer: Trainer) -> str:
    """Digest of all that decides how a training goes."""
    told: list[Any] = [
        trainer.params.model_dump(mode="json"),
        trainer.pack.digest,
        trainer.face.digest,
        trainer.device,
        trainer.role,
        torch.__version__,
        code_digest(["pipeline.generator.train"]),
    ]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _named(group: str, tensors: Weights) -> Weights:
    return {f"{group}/{name}": tensor for name, tensor in tensors.items()}


def _under(group: str, tensors: Weights) -> Weights:
    start = f"{group}/"
    return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}


def _optimizer(tensors: Weights) -> dict[int, Weights]:
    found: dict[int, Weights] = {}
    for path, tensor in tensors.items():
        number, name = path.split("/")
        found.setdefault(int(number), {})[name] = tensor
    return found
