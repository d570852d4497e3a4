"""What moves the weights: Muon those between layers, AdamW the rest.

Muon (Jordan et al. 2024) takes of a matrix's mean gradient the nearest orthogonal one, so that
every direction in which a layer can learn is learned as fast as the few that are loudest. What
comes in, what goes out, embeddings, biases and scales are vectors by their nature and stay with
AdamW (Loshchilov & Hutter 2019), as its authors advise.
"""

from __future__ import annotations

import math

import torch

from pipeline.core.muon import Exact
from pipeline.generator.model import Denoiser
from pipeline.generator.params import Train


def optimizer_of(denoiser: Denoiser, params: Train) -> torch.optim.Optimizer:
    """Make it; weights that a loss does not hang on stay where they are."""
    hidden = denoiser.hidden if params.matrix_learning_rate else []
    known = {id(weight) for weight in hidden}
    others = [weight for weight in denoiser.parameters() if id(weight) not in known]
    decay = {"weight_decay": params.weight_decay}
    fast = {"params": hidden, "use_muon": True, "lr": params.matrix_learning_rate, **decay}
    slow = {"params": others, "use_muon": False, "lr": params.learning_rate, **decay}
    optimizer: torch.optim.Optimizer = Exact([fast, {**slow, "betas": (0.9, 0.99)}])
    return optimizer


def set_pace(optimizer: torch.optim.Optimizer, step: int, params: Train) -> None:
    """Give every group of weights its learning rate for a step."""
    for group in optimizer.param_groups:
        group["lr"] = group.setdefault("initial_lr", group["lr"]) * pace(step, params)


def pace(step: int, params: Train) -> float:
    """Share of the learning rate at a step: a straight rise, then half a cosine down to 2%."""
    if step <= params.warmup_steps:
        return step / params.warmup_steps
    done = (step - params.warmup_steps) / max(1, params.steps - params.warmup_steps)
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done))
