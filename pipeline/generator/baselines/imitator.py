"""Imitator (Thambiraja et al. 2023): motion that is nobody's, then made somebody's own.

An autoregressive transformer over visemes is told nothing of who it is; a motion decoder is, and
turns visemes into that person's motion. Beside the squared error: ten times that of the velocity,
and five times that of frames in which the lips meet. Given a few seconds of somebody new, it adapts
by the same error: first the style code alone, then the last layer with it.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pipeline.generator import losses, spans
from pipeline.generator.baselines import learned
from pipeline.generator.baselines.decoder import DecoderLayer, Seen, places
from pipeline.generator.baselines.interface import Floats
from pipeline.generator.baselines.learned import HEADS, LATENTS, LIPS_MM2, Listener, Task
from pipeline.generator.face import mouth_of
from pipeline.generator.spans import Batch, Span

VELOCITY, CONTACT = 10.0, 5.0
ADAPT_STEPS, STYLE_RATE, LAST_RATE = 30, 1e-2, 1e-4
"""Steps of each of the two parts, and their rates: best of six on infants that are neither learned
from nor judged."""


class Network(nn.Module):
    """Whitened latents from sound: visemes frame by frame, then a person's motion."""

    own: Tensor
    """(width,) what adapting adds to the style that face and age tell."""

    def __init__(self, audio: int, people: int, width: int) -> None:
        super().__init__()
        self.listener = Listener(audio, width)
        self.decoder = DecoderLayer(width, HEADS, 0)
        self.style = nn.Linear(people, width, bias=False)
        last = nn.Linear(width, LATENTS)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.register_buffer("own", torch.zeros(width), persistent=False)
        self.motion = nn.Sequential(
            nn.Linear(2 * width, width),
            nn.LeakyReLU(0.01),
            nn.Linear(width, width),
            nn.LeakyReLU(0.01),
            last,
        )

    def visemes(self, sound: Tensor) -> Tensor:
        """Make the style-agnostic features (B, T, width) of sound (B, T, C)."""
        memory = self.listener(sound)
        batch, frames, width = memory.shape
        at = places(frames, width, 0, sound.device)
        seen, made = Seen(), []
        given = memory.new_zeros(batch, 1, width)
        for frame in range(frames):
            now = slice(frame, frame + 1)
            given = self.decoder.step(given + at[now], memory[:, now], seen)
            made.append(given)
        return torch.cat(made, 1)

    def forward(self, sound: Tensor, people: Tensor) -> Tensor:
        """Predict (B, T, 64) from sound (B, T, C) and who it is (B, P)."""
        return self.moved(self.visemes(sound), people)

    def moved(self, visemes: Tensor, people: Tensor) -> Tensor:
        """Turn visemes (B, T, width) into the motion of somebody (B, P), (B, T, 64)."""
        style = (self.style(people) + self.own)[:, None].expand_as(visemes)
        made: Tensor = self.motion(torch.cat([visemes, style], -1))
        return made


@dataclass(frozen=True)
class Imitator:
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
    def fit(cls, task: Task, seed: int) -> Imitator:
        """Train one."""
        torch.manual_seed(seed)
        network = Network(task.audio_width, task.people_width, task.params.width)
        fitted = cls(network, task)
        learned.train(network, task, fitted.loss, seed, task.params.steps)
        return fitted

    def adapted(self, seen: Sequence[Span]) -> Imitator:
        """Adapt a copy to spans of one infant."""
        if not seen:
            return self
        frames = max(span.frames for span in seen)
        batch = spans.collate(seen, [0] * len(seen), frames, self.task.vocalizations)
        network = copy.deepcopy(self.network).requires_grad_(False)
        with torch.no_grad():
            visemes = network.visemes(self.task.heard(batch))
        last = list(network.motion[-1].parameters())
        for wanted, rate in (([network.own], STYLE_RATE), ([network.own, *last], LAST_RATE)):
            optimizer = torch.optim.Adam([w.requires_grad_() for w in wanted], lr=rate)
            for _ in range(ADAPT_STEPS):
                optimizer.zero_grad()
                made = network.moved(visemes, self.task.told(batch))
                self._error(batch, made).backward()
                optimizer.step()
        return Imitator(network.requires_grad_(False), self.task)

    def loss(self, batch: Batch) -> Tensor:
        """Squared error, that of the velocity, and that where the lips meet."""
        return self._error(batch, self._asked(batch))

    def _error(self, batch: Batch, made: Tensor) -> Tensor:
        task = self.task
        true = task.true(batch)
        lips, true_lips = task.lips(batch, made), task.lips(batch, true)
        valid, pairs = batch.valid, losses.steps(batch.valid)
        gap = losses.aperture(true_lips, mouth_of(task.face, task.closed_mm))
        meeting = valid & (gap < task.closed_mm)
        whole = losses.squared(made, true, valid) + LIPS_MM2 * losses.vertices(
            lips, true_lips, valid
        )
        velocity = losses.squared(
            losses.change(made), losses.change(true), pairs
        ) + LIPS_MM2 * losses.vertices(losses.change(lips), losses.change(true_lips), pairs)
        # Over all frames, so that contact weighs as much as it is frequent.
        apart = ((lips - true_lips) ** 2).sum(-1).mean(-1)
        contact = LIPS_MM2 * losses.masked_mean(torch.where(meeting, apart, 0.0), valid)
        return whole + VELOCITY * velocity + CONTACT * contact
