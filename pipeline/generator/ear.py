"""The ear first: what sound and infant tell of a face is learned before there is noise to remove.

A batch of the guess by the sound alone costs a third of what one of everything does. What was
learned of it then stays as it is: taught on beside the rest, it is pulled at by noise that it does
not hear, and guesses worse.

It learns from fits as they are. On average their noise says nothing; without it what is quick is
smoother than it was, and of that a guess has little enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from pipeline.generator import losses
from pipeline.generator.checkpoint import Generator
from pipeline.generator.face import lip_decoder
from pipeline.generator.optimizer import optimizer_of
from pipeline.generator.spans import Pack
from pipeline.generator.trainer import Drawn, Trainer, cleaned


def taught(trainer: Trainer, pack: Pack, live: Any, unfinished: Path) -> None:
    """Teach the ear of a generator that is about to be trained; the rest goes on without it.

    Args:
        trainer: not begun yet.
        pack: its dataset, as it was fitted.
        live: where the curves go, under `ear/`.
        unfinished: beside it, a file holds what a run that is cut short goes on from.
    """
    beside = unfinished.with_name(f"{unfinished.stem}-ear{unfinished.suffix}")
    best = Ear.of(trainer, pack).learn(live, beside)
    trainer.generator.denoiser.load_state_dict(best.denoiser.state_dict())
    for weight in trainer.generator.denoiser.ear:
        weight.requires_grad_(False)


@dataclass
class Ear(Trainer):
    """A training of the guess alone; what it does not hang on stays as it is."""

    @classmethod
    def of(cls, trainer: Trainer, pack: Pack) -> Ear:
        """Begin with the same weights, in place, on a dataset as it was fitted."""
        # No noise is heard, so that one level of it says as much as many.
        changed = {"steps": trainer.params.ear_steps, "validation_levels": 1}
        params = trainer.params.model_copy(update=changed)
        return cls(
            params,
            pack,
            trainer.face,
            trainer.device,
            trainer.generator,
            trainer.averaged,
            optimizer_of(trainer.generator.denoiser, params),
            np.random.default_rng([params.seed, 2]),
            role="ear",
            group="ear/",
        )

    def result(self, verdict: str, at: int = 0, loss: float | None = None) -> Generator:
        """Say how it went; the training that follows says the rest."""
        told = {"steps": self.progress.step, "best_step": at, "verdict": verdict}
        self.averaged.about["ear"] = told
        return self.averaged

    def _terms(self, generator: Generator, drawn: Drawn) -> dict[str, Tensor]:
        batch = drawn.batch
        with self._precision():
            guessed = generator.denoiser.guessed(
                generator.conditions(batch, *drawn.keep), batch.valid.shape[1]
            )
        return losses.of_guess(
            guessed.float(),
            cleaned(generator, batch),
            batch.valid,
            generator.expression.undo,
            lip_decoder(self.face, batch.identity, batch.age),
            self.mouth,
        )
