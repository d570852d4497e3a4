"""How the learned baselines are trained: batches, whitening, what they hear, what they are told.

All three are given what the generator is given: the same features, split, latents and windows, the
vocalization, identity and age. In the place of wav2vec 2.0's trained context network stands a small
one over the features; it looks ahead without limit inside its reach, as theirs does. Their squared
error of vertices becomes one of whitened latents and of lip vertices, weighted as in the
generator's own loss.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.generator import losses, spans
from pipeline.generator.baselines.interface import Floats
from pipeline.generator.checkpoint import Whitening, whitening_of
from pipeline.generator.face import Face, lip_decoder
from pipeline.generator.params import Peers
from pipeline.generator.spans import Batch, Span

HEADS = 4
LIPS_MM2 = 0.1
LATENTS = 64


@dataclass(frozen=True)
class Task:
    """What there is to learn, and from what."""

    spans: Sequence[Span]
    vocalizations: list[str]
    expression: Whitening
    audio: Whitening
    face: Face
    params: Peers
    closed_mm: float

    @property
    def audio_width(self) -> int:
        """Numbers a frame of the sound."""
        return len(self.audio.mean)

    @property
    def people_width(self) -> int:
        """Numbers that say who it is and what is heard."""
        return len(self.spans[0].identity) + len(self.spans[0].age) + len(self.vocalizations)

    @classmethod
    def of(
        cls,
        learned: Sequence[Span],
        vocalizations: list[str],
        face: Face,
        params: Peers,
        closed_mm: float,
    ) -> Task:
        """Whiten to the training spans."""
        latents = np.concatenate([span.expression[span.valid] for span in learned])
        audio = np.concatenate([span.audio for span in learned])
        return cls(
            learned,
            vocalizations,
            whitening_of(latents, params.whitening_floor),
            whitening_of(audio, 1e-3),
            face,
            params,
            closed_mm,
        )

    def heard(self, batch: Batch) -> Tensor:
        """Whitened sound (B, T, C), 0 where there is none."""
        return torch.where(batch.heard[..., None], self.audio.apply(batch.audio), 0.0)

    def told(self, batch: Batch) -> Tensor:
        """Who it is and what is heard, (B, people_width)."""
        kinds = torch.nn.functional.one_hot(batch.vocalization + 1, len(self.vocalizations) + 1)
        return torch.cat([batch.identity, batch.age, kinds[:, 1:].to(batch.age)], -1)

    def true(self, batch: Batch) -> Tensor:
        """Whitened latents (B, T, 64), 0 where they were not measured."""
        clean = self.expression.apply(batch.expression)
        return torch.where(batch.valid[..., None], clean, 0.0)

    def lips(self, batch: Batch, whitened: Tensor) -> Tensor:
        """Lip vertices (B, T, L, 3) of whitened latents, mm."""
        decode = lip_decoder(self.face, batch.identity, batch.age)
        return decode(self.expression.undo(whitened))

    def reconstruction(self, batch: Batch, predicted: Tensor) -> Tensor:
        """The papers' squared error of vertices: of latents and of the lips."""
        true = self.true(batch)
        lips, true_lips = self.lips(batch, predicted), self.lips(batch, true)
        return losses.squared(predicted, true, batch.valid) + LIPS_MM2 * losses.vertices(
            lips, true_lips, batch.valid
        )


class Listener(nn.Module):
    """Sound in context: five frames to either side by two layers, (B, T, C) -> width.

    As far ahead as the generator listens, so that nobody knows of more that is to come.
    """

    def __init__(self, audio: int, width: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(audio, width, 5, padding=2)
        self.second = nn.Conv1d(width, width, 7, padding=3)
        self.out = nn.Linear(width, width)

    def forward(self, sound: Tensor) -> Tensor:
        """Listen."""
        x = torch.nn.functional.gelu(self.first(sound.transpose(1, 2)))
        x = x + torch.nn.functional.gelu(self.second(x))
        listened: Tensor = self.out(x.transpose(1, 2))
        return listened


def train(
    network: nn.Module, task: Task, loss: Callable[[Batch], Tensor], seed: int, steps: int
) -> None:
    """Take `steps` of Adam on windows drawn from the training spans."""
    random = np.random.default_rng([seed, 2])
    p = task.params
    wanted = [weight for weight in network.parameters() if weight.requires_grad]
    optimizer = torch.optim.Adam(wanted, lr=p.learning_rate)
    pace = torch.optim.lr_scheduler.OneCycleLR(optimizer, p.learning_rate, max(steps, 2))
    network.train()
    for _ in range(steps):
        batch = spans.draw(task.spans, p.batch_spans, p.window_frames, task.vocalizations, random)
        optimizer.zero_grad(set_to_none=True)
        loss(batch).backward()
        torch.nn.utils.clip_grad_norm_(wanted, 1.0)
        optimizer.step()
        pace.step()
    network.eval()


@torch.no_grad()
def predicted(network: Callable[[Batch], Tensor], task: Task, span: Span) -> Floats:
    """Ask for a span's whitened latents and bring them back, (T, 64)."""
    batch = spans.whole(span, task.vocalizations)
    latents: Floats = task.expression.undo(network(batch))[0].numpy()
    return latents
