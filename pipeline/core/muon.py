"""Muon (Jordan et al. 2024) as this project's networks are trained with it."""

from __future__ import annotations

from typing import Any

import torch
from pytorch_optimizer import Muon
from pytorch_optimizer.optimizer.utils import zero_power_via_newton_schulz_5
from torch import Tensor


class Exact(Muon):
    """In float32 on a CPU, and as it comes elsewhere.

    There bfloat16 takes hardware that many have not, and thrice the time of a whole batch without.
    """

    @staticmethod
    def _orthogonalize(group: dict[str, Any], updates: list[Tensor]) -> list[Tensor]:
        if any(update.device.type != "cpu" for update in updates):
            made: list[Tensor] = Muon._orthogonalize(group, updates)
            return made
        return [
            zero_power_via_newton_schulz_5(
                update.reshape(update.size(0), -1),
                num_steps=group["ns_steps"],
                weights=group["ns_coeffs"],
                dtype=torch.float32,
            )
            for update in updates
        ]
