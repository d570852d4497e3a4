"""A training: batches drawn, losses taken, weights averaged, the best of them kept.

    trainer = Trainer.start(params, pack, face, "cpu")
    generator = trainer.learn(live, unfinished)     # the running mean where it was best

ear.py teaches the guess by the sound alone before, distil.py a pupil afterwards, in the same way.
"""

from __future__ import annotations

import dataclasses
import math
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.core.errors import CradleError
from pipeline.generator import checkpoint, losses, resume, spans, wiener
from pipeline.generator.checkpoint import Generator
from pipeline.generator.diffusion import add_noise, cosine
from pipeline.generator.face import Face, lip_decoder, mouth_of
from pipeline.generator.losses import Mouth
from pipeline.generator.model import Conditions, Denoiser, Layout
from pipeline.generator.noise import Spacing, at_random
from pipeline.generator.optimizer import optimizer_of, set_pace
from pipeline.generator.params import Train
from pipeline.generator.resume import Progress, Weights
from pipeline.generator.spans import Batch, Pack

LOG_EVERY_STEPS = 20

Terms = dict[str, float]


class DivergedError(CradleError):
    """Training left the numbers that a float can hold."""


@dataclass
class Trainer:
    """A denoiser on its way, with the running mean of its weights."""

    params: Train
    pack: Pack
    face: Face
    device: str
    generator: Generator
    averaged: Generator
    optimizer: torch.optim.Optimizer
    random: np.random.Generator
    progress: Progress = field(default_factory=Progress)
    best: Weights = field(default_factory=dict)
    """The running mean where its validation loss was lowest."""
    role: str = ""
    """What sets it apart from other trainings of the same parameters and data."""
    group: str = ""
    """What its curves' names begin with."""

    @classmethod
    def start(cls, params: Train, pack: Pack, face: Face, device: str) -> Trainer:
        """Begin from random weights, whitened to the training split; learn without fits' noise."""
        torch.manual_seed(params.seed)
        generator = untrained(params, pack, face).to(device)
        averaged = untrained(params, pack, face).to(device)
        averaged.denoiser.load_state_dict(generator.denoiser.state_dict())
        averaged.denoiser.eval()
        optimizer = optimizer_of(generator.denoiser, params)
        random = np.random.default_rng(params.seed)
        learned = wiener.filtered(pack) if params.filter_fit_noise else pack
        return cls(params, learned, face, device, generator, averaged, optimizer, random)

    def learn(self, live: Any, unfinished: Path) -> Generator:
        """Take every step; return the running mean where its validation loss was lowest.

        Args:
            live: where the curves go.
            unfinished: a file that holds, from validation to validation, all that a run which is
                cut short goes on from, on the same curve.
        """
        resume.restore(self, unfinished)
        for logged in self.progress.logged:
            _show(live, *logged)
        while self.progress.step < self.params.steps and not self._tired:
            step = self.progress.step = self.progress.step + 1
            self.progress.note(self.step(step))
            last = step == self.params.steps
            if step % LOG_EVERY_STEPS == 0 or last:
                self._log(live, "train", self.progress.noted())
            if step % self.params.validate_every_steps == 0 or last:
                self._judge(live)
                resume.keep(self, unfinished)
        self.averaged.denoiser.load_state_dict(self.best)
        done = self.progress
        if not any(span.valid.any() for span in self.pack.spans["val"]):
            return self.result("last weights, nothing to validate on", done.step)
        return self.result(
            f"validation loss {done.lowest:.4f} at step {done.best_step}",
            done.best_step,
            done.lowest,
        )

    @property
    def _tired(self) -> bool:
        return self.progress.in_vain >= self.params.patience

    def _judge(self, live: Any) -> None:
        terms, progress = self.validate(), self.progress
        self._log(live, "validation", terms)
        # With nothing to validate on, later is better.
        loss = terms.get("loss", -float(progress.step))
        progress.in_vain += 1
        if loss < progress.lowest:
            progress.lowest, progress.best_step, progress.in_vain = loss, progress.step, 0
            self.best = {k: v.clone() for k, v in self.averaged.denoiser.state_dict().items()}

    def step(self, number: int) -> Terms:
        """Learn from one batch."""
        set_pace(self.optimizer, number, self.params)
        self.generator.denoiser.train()
        self.optimizer.zero_grad(set_to_none=True)
        drawn = self._draw()
        total: Terms = {}
        for part in np.array_split(np.arange(self.params.batch_spans), self.params.accumulate):
            terms = self._terms(self.generator, drawn.only(part))
            loss = losses.weighted(terms, self.params.weights)
            terms["sparse_habits"] = self.generator.denoiser.leanings.sum()
            loss = loss + self.params.sparse_habits * terms["sparse_habits"]
            if not torch.isfinite(loss):
                raise DivergedError(
                    f"the loss is {loss.item()} at step {number}; lower learning_rate "
                    f"and matrix_learning_rate"
                )
            share = len(part) / self.params.batch_spans
            (share * loss).backward()
            for name, term in {"loss": loss, **terms}.items():
                total[name] = total.get(name, 0.0) + share * term.item()
        torch.nn.utils.clip_grad_norm_(self.generator.denoiser.parameters(), 1.0)
        self.optimizer.step()
        self._average(number)
        return total

    def _draw(self) -> Drawn:
        p = self.params
        batch = spans.draw(
            self.pack.spans["train"],
            p.batch_spans,
            p.window_frames,
            self._names,
            self.random,
            self.generator.denoiser.reach,
        ).to(self.device)
        level = self._levels(self.random.random(p.batch_spans) ** (1 / p.noise_tilt))
        drop = np.array([[p.drop_sound], [p.drop_identity], [p.drop_vocalization]])
        keep = self.random.random((3, p.batch_spans)) >= drop
        batch = self._jittered(batch)
        return Drawn.of(batch, level, keep, p.noise_spacing, self.random)

    @torch.no_grad()
    def validate(self) -> Terms:
        """Mean of every term on the validation split, at fixed noise; empty without such spans."""
        p = self.params
        random = np.random.default_rng([p.seed, 1])
        total: dict[str, float] = {}
        count = 0
        reach = self.generator.denoiser.reach
        for batch in spans.tiles(
            self.pack.spans["val"], p.batch_spans, p.window_frames, self._names, reach
        ):
            batch = batch.to(self.device)
            every = np.ones((3, len(batch.valid)), bool)
            for number in range(p.validation_levels):
                share = (number + 0.5) / p.validation_levels
                level = self._levels(np.full(len(batch.valid), share))
                terms = self._terms(
                    self.averaged, Drawn.of(batch, level, every, p.noise_spacing, random)
                )
                terms["loss"] = losses.weighted(terms, p.weights)
                terms["sparse_habits"] = self.averaged.denoiser.leanings.sum()
                frames = int(batch.valid.sum())
                count += frames
                for name, term in terms.items():
                    total[name] = total.get(name, 0.0) + frames * float(term)
        return {name: value / count for name, value in total.items()} if count else {}

    def result(self, verdict: str, at: int = 0, loss: float | None = None) -> Generator:
        """Name what came of it."""
        steps = self.progress.step if at else 0
        training: dict[str, Any] = {"steps": steps, "best_step": at, "verdict": verdict}
        if loss is not None:
            training["validation_loss"] = loss
        self.averaged.about["training"] = training
        return self.averaged

    @property
    def mouth(self) -> Mouth:
        """Where the aperture is measured."""
        return mouth_of(self.face, self.params.closed_mm, self.params.closed_softness_mm)

    @property
    def _names(self) -> list[str]:
        return self.generator.vocalizations

    def _terms(self, generator: Generator, drawn: Drawn) -> dict[str, Tensor]:
        batch, clean = drawn.batch, cleaned(generator, drawn.batch)
        noisy = add_noise(generator.schedule, clean, drawn.noise, drawn.level)
        given = generator.conditions(batch, *drawn.keep)
        share = (drawn.level + 1) / generator.schedule.levels
        with self._precision():
            predicted, guessed = generator.denoiser(noisy, share, batch.valid, given)
        return losses.terms(
            predicted.float(),
            guessed.float(),
            self._wanted(clean, noisy, drawn.level, batch.valid, given),
            batch.valid,
            generator.expression.undo,
            lip_decoder(self.face, batch.identity, batch.age),
            self.mouth,
            self.params.dtw_gamma,
        )

    def _levels(self, height: NDArray[np.float64]) -> NDArray[np.int64]:
        """Noise levels (B,) at heights 0..1, 0 being where sampling ends."""
        last = self.generator.schedule.last
        return last + (height * (self.params.noise_levels - last)).astype(np.int64)

    def _wanted(
        self, clean: Tensor, noisy: Tensor, level: Tensor, valid: Tensor, given: Conditions
    ) -> Tensor:
        """What is to be predicted, (B, T, 64)."""
        return clean

    def _precision(self) -> AbstractContextManager[Any]:
        kind, asked = torch.device(self.device).type, self.params.precision
        low = asked == "bfloat16" or (asked == "auto" and kind == "cuda")
        return torch.autocast(kind, torch.bfloat16) if low else nullcontext()

    def _jittered(self, batch: Batch) -> Batch:
        """Shift and roughen the sound, and make each infant somebody a little else."""

        def noise(*shape: int) -> Tensor:
            drawn = self.random.standard_normal(shape, dtype=np.float32) * self.params.jitter
            return torch.from_numpy(drawn).to(self.device)

        windows, frames, width = batch.audio.shape
        rough = (noise(windows, 1, width) + noise(windows, frames, width)) / math.sqrt(2)
        return dataclasses.replace(
            batch,
            audio=batch.audio + self.generator.audio.spread * rough,
            identity=batch.identity + noise(*batch.identity.shape),
            age=batch.age + noise(*batch.age.shape),
        )

    @torch.no_grad()
    def _average(self, number: int) -> None:
        decay = min(self.params.ema_decay, (1 + number) / (10 + number))
        new = self.generator.denoiser.state_dict()
        for name, mean in self.averaged.denoiser.state_dict().items():
            mean.lerp_(new[name], 1 - decay)

    def _log(self, live: Any, group: str, terms: Terms) -> None:
        self.progress.logged.append((self.progress.step, self.group + group, terms))
        _show(live, *self.progress.logged[-1])


@dataclass(frozen=True)
class Drawn:
    """Windows, and what is drawn at random for them."""

    batch: Batch
    level: Tensor
    """(B,) long, of the noise."""
    keep: tuple[Tensor, ...]
    """Three of (B,) bool: whether sound, infant and vocalization are told."""
    noise: Tensor
    """(B, T, 64)"""

    @classmethod
    def of(
        cls,
        batch: Batch,
        level: np.ndarray,
        keep: np.ndarray,
        spacing: Spacing,
        random: np.random.Generator,
    ) -> Drawn:
        """Draw the noise, and bring all of it to where the batch is."""
        windows, frames, width = batch.expression.shape
        noise = at_random((windows, frames, width), spacing, random)
        level_, *keep_, noise_ = (
            torch.from_numpy(drawn).to(batch.valid.device) for drawn in (level, *keep, noise)
        )
        return cls(batch, level_, tuple(keep_), noise_)

    def only(self, rows: np.ndarray) -> Drawn:
        """Some of the windows."""
        part = slice(int(rows[0]), int(rows[-1]) + 1)
        return Drawn(
            self.batch.each(lambda tensor: tensor[part]),
            self.level[part],
            tuple(keep[part] for keep in self.keep),
            self.noise[part],
        )


def _show(live: Any, step: int, group: str, terms: Terms) -> None:
    live.step = step
    for name, value in terms.items():
        live.log_metric(f"{group}/{name}", value)
    live.make_summary()


def cleaned(generator: Generator, batch: Batch) -> Tensor:
    """Whiten what is to be predicted, (B, T, 64); 0 where it is not known."""
    whitened = generator.expression.apply(batch.expression)
    return torch.where(batch.valid[..., None], whitened, 0.0)


def untrained(params: Train, pack: Pack, face: Face) -> Generator:
    """Make a generator of random weights that is whitened to the training split."""
    learned = pack.spans["train"]
    expression = [span.expression[span.valid] for span in learned]
    audio = [span.audio for span in learned]
    layout = Layout(
        audio=pack.audio_width,
        vocalizations=len(pack.vocalizations),
        mixed=int(pack.meta["feature"].get("mixed", 1)),
    )
    about = {
        "vocalizations": pack.vocalizations,
        "feature": pack.meta["feature"],
        "fps": pack.meta["fps"],
        "face": checkpoint.named(face),
        "noise_levels": params.noise_levels,
        "last_level": int(params.noise_floor * params.noise_levels),
        "noise_spacing": params.noise_spacing,
        "data_digest": pack.digest,
        "params": params.model_dump(),
        "spans": len(learned),
        "frames": sum(span.frames for span in learned),
        "synthetic_spans": sum(span.synthetic for span in learned),
        **checkpoint.describe(layout, params.network),
    }
    none = (np.zeros((0, layout.expression), np.float32), np.zeros((0, layout.audio), np.float32))
    return Generator(
        Denoiser(layout, params.network),
        checkpoint.whitening_of(np.concatenate([none[0], *expression]), params.whitening_floor),
        checkpoint.whitening_of(np.concatenate([none[1], *audio]), 1e-3),
        cosine(params.noise_levels, about["last_level"]),
        about,
    )
