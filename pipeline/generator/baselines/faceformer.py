"""FaceFormer (Fan et al. 2022): an autoregressive transformer that learns from its own mistakes.

One decoder layer; a bias that grows with the distance in periods; positions that begin again every
period; sound at a frame's own instant; who it is added to every input. It is trained as it is used,
on its own predictions instead of the truth, on the squared error of what it predicts.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pipeline.generator.baselines import learned
from pipeline.generator.baselines.decoder import DecoderLayer, Seen, places
from pipeline.generator.baselines.interface import Floats
from pipeline.generator.baselines.learned import HEADS, LATENTS, Listener, Task
from pipeline.generator.spans import Batch, Span

PERIOD_FRAMES = 30


class Network(nn.Module):
    """Whitened latents from sound, frame by frame."""

    def __init__(self, audio: int, people: int, width: int) -> None:
        super().__init__()
        self.listener = Listener(audio, width)
        self.style = nn.Linear(people, width, bias=False)
        self.motion = nn.Linear(LATENTS, width)
        self.decoder = DecoderLayer(width, HEADS, PERIOD_FRAMES)
        self.out = nn.Linear(width, LATENTS)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, sound: Tensor, people: Tensor) -> Tensor:
        """Predict (B, T, 64) from sound (B, T, C) and who it is (B, P)."""
        frames = sound.shape[1]
        memory, style = self.listener(sound), self.style(people)[:, None]
        at = places(frames, style.shape[-1], PERIOD_FRAMES, sound.device)
        seen, made = Seen(), []
        given = style
        for frame in range(frames):
            now = slice(frame, frame + 1)
            made.append(self.out(self.decoder.step(given + at[now], memory[:, now], seen)))
            given = self.motion(made[-1]) + style
        return torch.cat(made, 1)


@dataclass(frozen=True)
class FaceFormer:
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
    def fit(cls, task: Task, seed: int) -> FaceFormer:
        """Train one."""
        torch.manual_seed(seed)
        network = Network(task.audio_width, task.people_width, task.params.width)
        fitted = cls(network, task)
        learned.train(
            network,
            task,
            lambda batch: task.reconstruction(batch, fitted._asked(batch)),
            seed,
            task.params.steps,
        )
        return fitted
