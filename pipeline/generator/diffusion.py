"""Diffusion as the generator uses it: a cosine schedule, and two samplers of the clean.

x_t = signal(t) x_0 + noise(t) e. The network predicts x_0 (Ramesh et al. 2022), the schedule is
Nichol & Dhariwal's (2021), the samplers are DDIM at eta 0 (Song et al. 2021) and DPM-Solver++ 2M
(Lu et al. 2022), guidance is Ho & Salimans' (2022). A denoiser here is any function of (noisy,
level) that returns the clean; it never sees anything else, so the same code samples from a network
and from a Gaussian known in closed form.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

Denoiser = Callable[[Tensor, Tensor], Tensor]
"""(noisy (B, ...), level (B,) long) -> clean (B, ...)"""

Sampler = Literal["ddim", "dpm"]

_OFFSET = 0.008
_LEAST_SIGNAL = 1e-4
_FAR = 3.0


@dataclass(frozen=True)
class Schedule:
    """How much of the clean and of the noise is left at each level, least noise first."""

    signal: Tensor
    """(levels,) factor of the clean, falling."""
    noise: Tensor
    """(levels,) factor of the noise, rising; squares of both sum to 1."""
    last: int = 0
    """The level that sampling ends at; what noise is left there is not made up but averaged out."""

    @property
    def levels(self) -> int:
        """How many noise levels there are."""
        return len(self.signal)

    def to(self, device: str) -> Schedule:
        """Move both."""
        return Schedule(self.signal.to(device), self.noise.to(device), self.last)


def cosine(levels: int, last: int = 0) -> Schedule:
    """Make the cosine schedule of so many levels; the top one is noise alone, but for 1e-4."""
    signal = signal_at(torch.arange(1, levels + 1, dtype=torch.float64) / levels)
    return Schedule(signal.float(), torch.sqrt(1 - signal**2).float(), last)


def signal_at(height: Tensor) -> Tensor:
    """Factor of the clean at heights over the number of levels, 0..1."""
    angle = (height + _OFFSET) / (1 + _OFFSET) * math.pi / 2
    first = math.cos(_OFFSET / (1 + _OFFSET) * math.pi / 2)
    return (torch.cos(angle) / first).clamp(_LEAST_SIGNAL, 1.0)


def add_noise(schedule: Schedule, clean: Tensor, noise: Tensor, level: Tensor) -> Tensor:
    """Mix (B, ...) clean and noise at each item's own level (B,)."""
    shape = (-1, *[1] * (clean.dim() - 1))
    signal = schedule.signal[level].reshape(shape)
    return signal * clean + schedule.noise[level].reshape(shape) * noise


def sampling_levels(schedule: Schedule, steps: int) -> list[int]:
    """Pick `steps` levels, evenly spread from the noisiest down to the last; one is the noisiest.

    Every other level of 2 n - 1 steps is one of n steps.
    """
    top = schedule.levels - 1
    steps = min(steps, top - schedule.last + 1)
    return [
        round(top - (top - schedule.last) * number / max(1, steps - 1)) for number in range(steps)
    ]


def sample(
    schedule: Schedule, denoise: Denoiser, noise: Tensor, steps: int, sampler: Sampler = "ddim"
) -> Tensor:
    """Walk from noise (B, ...) to the clean, in `steps` calls of the denoiser.

    Nothing is drawn on the way: the same noise gives the same sample. Entries are mixed with
    themselves alone, so that a sequence may as well be walked a piece at a time.
    """
    return {"ddim": ddim, "dpm": dpm_solver}[sampler](schedule, denoise, noise, steps)


def ddim(schedule: Schedule, denoise: Denoiser, noise: Tensor, steps: int) -> Tensor:
    """Go each step straight from where the denoiser thinks the clean is."""
    path = sampling_levels(schedule, steps)
    x = noise
    for level, after in pairwise(path):
        clean = _ask(denoise, x, level)
        rest = (x - schedule.signal[level] * clean) / schedule.noise[level]
        x = schedule.signal[after] * clean + schedule.noise[after] * rest
    return _ask(denoise, x, path[-1])


def dpm_solver(schedule: Schedule, denoise: Denoiser, noise: Tensor, steps: int) -> Tensor:
    """DPM-Solver++ 2M: lead the last two guesses of the clean on along the log of signal to noise.

    The first step has one guess alone and is DDIM's; so is the last, as to be clean is infinitely
    far (Lu et al. 2022, algorithm 2, with the lower order at the end), and one that goes much
    further than the one before it, as that to a level without noise.
    """
    path = sampling_levels(schedule, steps)
    x, before, stride = noise, None, 0.0
    for level, after in pairwise(path):
        clean = _ask(denoise, x, level)
        ahead = _log_ratio(schedule, after) - _log_ratio(schedule, level)
        led = clean
        if before is not None and ahead < _FAR * stride:
            led = clean + ahead / (2 * stride) * (clean - before)
        shrink = schedule.noise[after] / schedule.noise[level]
        x = shrink * x - schedule.signal[after] * math.expm1(-ahead) * led
        before, stride = clean, ahead
    return _ask(denoise, x, path[-1])


def _ask(denoise: Denoiser, x: Tensor, level: int) -> Tensor:
    return denoise(x, torch.full((len(x),), level, dtype=torch.long, device=x.device))


def _log_ratio(schedule: Schedule, level: int) -> float:
    return math.log(float(schedule.signal[level]) / float(schedule.noise[level]))


def guided(conditional: Denoiser, unconditional: Denoiser, scale: float) -> Denoiser:
    """Push from what is guessed without the condition through what is guessed with it.

    Scale 1 is the condition alone and costs one call; 0 leaves it out; above 1 exaggerates.
    """
    if scale == 1.0:
        return conditional

    def denoise(noisy: Tensor, level: Tensor) -> Tensor:
        without = unconditional(noisy, level)
        return without + scale * (conditional(noisy, level) - without)

    return denoise
