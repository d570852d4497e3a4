"""Fewer steps: a pupil learns to go in one step where its teacher goes in two, again and again.

Progressive distillation (Salimans & Ho 2022, algorithm 2): the pupil begins as its teacher. A noisy
window is taken two DDIM steps on by the teacher; the pupil is to name the clean from which a single
step goes to the same place. The losses are those of the training, with what is to be named in the
truth's place. Each halving makes a teacher for the next. As sampling ends at a noise level of its
own, what is halved are the n - 1 ways between levels; at the last level both name the same.

A pupil knows the noise levels that it steps on alone. It streams as its teacher did, and samples
vary as its teacher's: with the same noise both come to nearly the same face.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.generator import checkpoint, losses
from pipeline.generator.checkpoint import Generator
from pipeline.generator.diffusion import Denoiser, Schedule, sampling_levels
from pipeline.generator.model import Block, Conditions
from pipeline.generator.params import Distil, Train
from pipeline.generator.trainer import Trainer

METHOD = "progressive distillation (Salimans & Ho 2022)"


def distilled(teacher: Generator, trained: Trainer, live: Any, unfinished: Path) -> Generator:
    """Halve a trained generator's steps until they are as few as its parameters ask for.

    Args:
        teacher: as trained.
        trained: what trained it; its parameters, data, face and device serve on.
        live: where the curves go, under `to_N_steps/`.
        unfinished: beside it, a file a halving holds what a run that is cut short goes on from.
    """
    for steps in halvings(trained.params.distil):
        pupil = Pupil.of(teacher, trained, steps)
        beside = unfinished.with_name(f"{unfinished.stem}-{steps}{unfinished.suffix}")
        teacher = pupil.learn(live, beside)
    return teacher


def halvings(asked: Distil) -> Iterator[int]:
    """Steps of one pupil after another."""
    steps = asked.from_steps
    while steps > asked.steps:
        steps = (steps + 1) // 2
        yield steps


@dataclass
class Pupil(Trainer):
    """A generator that learns from one of twice the steps."""

    teacher: Generator | None = None
    steps: int = 0

    @classmethod
    def of(cls, teacher: Generator, trained: Trainer, steps: int) -> Pupil:
        """Begin as the teacher, of which it will need half the steps."""
        params = _params(trained.params)
        torch.manual_seed(params.seed)
        generator, averaged = _without_dropout(teacher), _without_dropout(teacher)
        averaged.denoiser.eval()
        return cls(
            params,
            trained.pack,
            trained.face,
            trained.device,
            generator,
            averaged,
            torch.optim.AdamW(generator.denoiser.parameters(), params.learning_rate, (0.9, 0.99)),
            np.random.default_rng([params.seed, steps]),
            role=f"to {steps} steps of {_digest(teacher)}",
            group=f"to_{steps}_steps/",
            teacher=teacher,
            steps=steps,
        )

    def result(self, verdict: str, at: int = 0, loss: float | None = None) -> Generator:
        """Say what it was distilled from and to; how its first teacher was trained stays."""
        told: dict[str, Any] = {"steps": self.steps, "method": METHOD, "verdict": verdict}
        told["from_steps"] = self.params.distil.from_steps
        told["batches"] = self.progress.step
        if loss is not None:
            told["validation_loss"] = loss
        self.averaged.about["distilled"] = told
        return self.averaged

    def _levels(self, height: NDArray[np.float64]) -> NDArray[np.int64]:
        own = np.array(sampling_levels(self.generator.schedule, self.steps)[::-1])
        return own[(height * self.steps).astype(np.int64)]

    @torch.no_grad()
    def _wanted(
        self, clean: Tensor, noisy: Tensor, level: Tensor, valid: Tensor, given: Conditions
    ) -> Tensor:
        assert self.teacher is not None
        network, levels = self.teacher.denoiser, self.params.noise_levels

        def denoise(x: Tensor, at: Tensor) -> Tensor:
            with self._precision():
                made, _ = network(x, (at + 1) / levels, valid, given)
            return cast(Tensor, made.float())

        return two_as_one(self.teacher.schedule, denoise, noisy, level, self.steps)


def two_as_one(
    schedule: Schedule, denoise: Denoiser, noisy: Tensor, level: Tensor, steps: int
) -> Tensor:
    """Name the clean from which one of `steps` DDIM steps goes where two half as long go.

    Args:
        schedule: of the noise.
        denoise: the teacher.
        noisy: (B, ...) at each item's own level.
        level: (B,) long, each among the levels of `steps` steps.
        steps: of the pupil, 2 or more.

    Returns:
        (B, ...); at the last of the levels, what the teacher names there.
    """
    own = sampling_levels(schedule, steps)
    double = torch.tensor([*sampling_levels(schedule, 2 * steps - 1), own[-1]], device=level.device)
    turn = torch.tensor([own.index(int(one)) for one in level], device=level.device)
    shape = (-1, *[1] * (noisy.dim() - 1))
    last = (turn == steps - 1).reshape(shape)
    middle, after = double[2 * turn + 1], double[2 * torch.clamp(turn + 1, max=steps - 1)]

    def factors(at: Tensor) -> tuple[Tensor, Tensor]:
        return schedule.signal[at].reshape(shape), schedule.noise[at].reshape(shape)

    (signal, noise), (signal_mid, noise_mid) = factors(level), factors(middle)
    signal_after, noise_after = factors(after)
    clean = denoise(noisy, level)
    half = signal_mid * clean + noise_mid / noise * (noisy - signal * clean)
    ended = denoise(half, middle)
    there = signal_after * ended + noise_after / noise_mid * (half - signal_mid * ended)
    shrink = noise_after / noise
    # From the last level there is no way on that could be gone in one.
    rest = (signal_after - shrink * signal).masked_fill(last, 1.0)
    return torch.where(last, clean, (there - shrink * noisy) / rest)


def _params(trained: Train) -> Train:
    asked = trained.distil
    # What is guessed by the sound alone has been learned, and from the truth.
    weights = trained.weights.model_copy(update=dict.fromkeys(losses.OF_GUESS, 0.0))
    changed = {
        "steps": asked.batches,
        "learning_rate": asked.learning_rate,
        "weight_decay": 0.0,
        "sparse_habits": 0.0,
        # A pupil's first step goes the longest way.
        "noise_tilt": 2.0,
    }
    return trained.model_copy(update={**changed, "weights": weights})


def _without_dropout(teacher: Generator) -> Generator:
    """A copy; what is to be learned is without chance."""
    made = copy.deepcopy(teacher)
    for block in made.denoiser.blocks:
        assert isinstance(block, Block)
        block.dropout.p = 0.0
    return made


def _digest(teacher: Generator) -> str:
    whole = hashlib.sha256()
    for name, tensor in sorted(checkpoint.tensors(teacher).items()):
        whole.update(name.encode())
        whole.update(tensor.numpy().tobytes())
    return whole.hexdigest()
