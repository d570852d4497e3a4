"""CodeTalker (Xing et al. 2023): speech to a code of motion, so that what moves has been seen move.

First a VQ autoencoder learns the motion, see codebook.py. Then, with that frozen, a transformer as
FaceFormer's says which features come next; they are replaced by the nearest codes and decoded. It
is trained on the true past (teacher forcing), on the squared error of features and of motion, and
used on its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pipeline.generator import losses
from pipeline.generator.baselines import learned
from pipeline.generator.baselines.codebook import MotionPrior
from pipeline.generator.baselines.decoder import DecoderLayer, Seen, places
from pipeline.generator.baselines.interface import Floats
from pipeline.generator.baselines.learned import HEADS, LATENTS, Listener, Task
from pipeline.generator.spans import Batch, Span

PERIOD_FRAMES = 30


class Network(nn.Module):
    """Features of the next frame from sound and the motion so far."""

    def __init__(self, audio: int, people: int, width: int, prior: MotionPrior) -> None:
        super().__init__()
        self.prior = prior.requires_grad_(False)
        self.listener = Listener(audio, width)
        self.style = nn.Linear(people, width, bias=False)
        self.motion = nn.Linear(LATENTS, width)
        self.decoder = DecoderLayer(width, HEADS, PERIOD_FRAMES)
        self.out = nn.Linear(width, prior.features, bias=False)
        nn.init.zeros_(self.out.weight)

    def taught(self, sound: Tensor, people: Tensor, motion: Tensor) -> Tensor:
        """Say the features (B, T, F) of every frame, given the true motion (B, T, 64) before it."""
        before = torch.cat([torch.zeros_like(motion[:, :1]), motion[:, :-1]], 1)
        style = self.style(people)[:, None]
        at = places(motion.shape[1], style.shape[-1], PERIOD_FRAMES, sound.device)
        x = self.motion(before) + style + at
        features: Tensor = self.out(self.decoder(x, self.listener(sound)))
        return features

    def spoken(self, features: Tensor) -> Tensor:
        """Motion (B, T, 64) of the codes nearest to features."""
        motion: Tensor = self.prior.decoder(self.prior.codebook(features).features)
        return motion

    def forward(self, sound: Tensor, people: Tensor) -> Tensor:
        """Predict (B, T, 64), each frame on the motion that was decoded before."""
        memory, style = self.listener(sound), self.style(people)[:, None]
        frames = memory.shape[1]
        at = places(frames, style.shape[-1], PERIOD_FRAMES, sound.device)
        seen, codes = Seen(), []
        made = sound.new_zeros(len(sound), 1, LATENTS)
        for frame in range(frames):
            now = slice(frame, frame + 1)
            x = self.motion(made[:, -1:]) + style + at[now]
            features = self.out(self.decoder.step(x, memory[:, now], seen))
            codes.append(self.prior.codebook(features).features)
            # The decoder sees all of them at once, so that the past may still change.
            made = self.prior.decoder(torch.cat(codes, 1))
        return made


@dataclass(frozen=True)
class CodeTalker:
    """A trained one."""

    network: Network
    task: Task

    def predict(self, span: Span) -> Floats:
        """Latents (T, 64) for a span's sound."""
        return learned.predicted(self._asked, self.task, span)

    def _asked(self, batch: Batch) -> Tensor:
        made: Tensor = self.network(self.task.heard(batch), self.task.told(batch))
        return made

    @classmethod
    def fit(cls, task: Task, seed: int) -> CodeTalker:
        """Train the prior, then what speaks in it, each for as long as others are trained."""
        torch.manual_seed(seed)
        prior = fit_prior(task, seed)
        width = task.params.width
        network = Network(task.audio_width, task.people_width, width, prior)
        fitted = cls(network, task)
        learned.train(network, task, fitted.loss, seed, task.params.steps)
        return fitted

    def loss(self, batch: Batch) -> Tensor:
        """Squared error of the features, and of the motion that their codes decode to."""
        network, task = self.network, self.task
        true = task.true(batch)
        with torch.no_grad():
            wanted = network.prior.codebook(network.prior.encoder(true)).features
        said = network.taught(task.heard(batch), task.told(batch), true)
        return losses.squared(said, wanted, batch.valid) + task.reconstruction(
            batch, network.spoken(said)
        )


def fit_prior(task: Task, seed: int) -> MotionPrior:
    """Train the autoencoder of motion."""
    prior = MotionPrior(task.params.width)

    def loss(batch: Batch) -> Tensor:
        made, coded = prior(task.true(batch))
        return task.reconstruction(batch, made) + coded.loss

    learned.train(prior, task, loss, seed, task.params.steps)
    return prior
