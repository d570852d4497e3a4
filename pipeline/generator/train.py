"""The train stage: a generator from the packed dataset, and the curves of how it came about.

data/train/plots/metrics/train/latent.tsv    step, value; a file a term, `validation/` beside it
data/train/metrics.json                      the last of each
models/generator/model.safetensors           the weights with the lowest validation loss
models/generator/README.md                   what they are, in a few lines
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipeline.core.errors import CradleError
from pipeline.core.stage import Stage, Summary
from pipeline.generator import card, checkpoint, losses, spans
from pipeline.generator.checkpoint import Generator
from pipeline.generator.diffusion import add_noise, cosine
from pipeline.generator.face import Face, lip_decoder, mouth_of
from pipeline.generator.model import Denoiser, Layout
from pipeline.generator.params import Train
from pipeline.generator.spans import Batch, Pack

MODEL = Path("models/generator/model.safetensors")
LOG_EVERY_STEPS = 20

Terms = dict[str, float]


class DivergedError(CradleError):
    """Training left the numbers that a float can hold."""


def run(stage: Stage[Train], face: Face) -> Summary:
    """Train on `data/pack` and write the generator; with nothing to train on, an untrained one.

    An untrained generator is marked as such: a dataset of which everything was dropped still goes
    through to the report that says why.
    """
    pack = spans.read(stage.data("pack"))
    learned = pack.spans["train"]
    with fixed_threads(stage.params.threads), curves(stage.fresh_out()) as live:
        trainer = Trainer.start(stage.params, pack, face, stage.device)
        able = any(span.valid.any() for span in learned) and stage.params.steps > 0
        best = trainer.learn(live) if able else trainer.result("untrained")
    checkpoint.save(best, stage.root / MODEL)
    card.write(best.about, (stage.root / MODEL).with_name("README.md"))
    return Summary(
        seen=len(learned),
        kept=len(learned),
        unit="spans",
        extra=f"{best.about['training']['steps']} steps, {best.about['training']['verdict']}",
    )


@contextmanager
def fixed_threads(threads: int) -> Iterator[None]:
    """Compute with so many CPU threads and repeatable kernels."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)
        torch.set_num_threads(before)


@contextmanager
def curves(folder: Path) -> Iterator[Any]:
    """Open dvclive on a folder: tables alone, no experiment, no report, no network."""
    os.environ.setdefault("DVC_STUDIO_OFFLINE", "true")
    from dvclive.live import Live

    with Live(str(folder), report=None, save_dvc_exp=False, dvcyaml=None) as live:
        yield live


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
    seen: dict[str, list[float]] = field(default_factory=dict)

    @classmethod
    def start(cls, params: Train, pack: Pack, face: Face, device: str) -> Trainer:
        """Begin from random weights, whitened to the training split."""
        torch.manual_seed(params.seed)
        generator = untrained(params, pack, face).to(device)
        averaged = untrained(params, pack, face).to(device)
        averaged.denoiser.load_state_dict(generator.denoiser.state_dict())
        averaged.denoiser.eval()
        optimizer = torch.optim.AdamW(
            generator.denoiser.parameters(),
            lr=params.learning_rate,
            betas=(0.9, 0.99),
            weight_decay=params.weight_decay,
        )
        random = np.random.default_rng(params.seed)
        return cls(params, pack, face, device, generator, averaged, optimizer, random)

    def learn(self, live: Any) -> Generator:
        """Take every step; return the running mean where its validation loss was lowest."""
        best, lowest, at = self.averaged.denoiser.state_dict(), math.inf, 0
        for step in range(1, self.params.steps + 1):
            self._note(self.step(step), step)
            if step % LOG_EVERY_STEPS == 0 or step == self.params.steps:
                self._log(live, "train", self._noted(), step)
            if step % self.params.validate_every_steps == 0 or step == self.params.steps:
                terms = self.validate()
                self._log(live, "validation", terms, step)
                # With nothing to validate on, later is better.
                loss = terms.get("loss", -float(step))
                if loss < lowest:
                    lowest, at = loss, step
                    best = {k: v.clone() for k, v in self.averaged.denoiser.state_dict().items()}
        self.averaged.denoiser.load_state_dict(best)
        if not any(span.valid.any() for span in self.pack.spans["val"]):
            return self.result("last weights, nothing to validate on", self.params.steps)
        return self.result(f"validation loss {lowest:.4f} at step {at}", at, lowest)

    def step(self, number: int) -> Terms:
        """Learn from one batch."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.params.learning_rate * pace(number, self.params)
        self.generator.denoiser.train()
        p = self.params
        batch = spans.draw(
            self.pack.spans["train"], p.batch_spans, p.window_frames, self._names, self.random
        ).to(self.device)
        height = self.random.random(p.batch_spans) ** (1 / p.noise_tilt)
        level = (height * p.noise_levels).astype(np.int64)
        drop = np.array([[p.drop_sound], [p.drop_identity], [p.drop_vocalization]])
        kept = self.random.random((3, p.batch_spans)) >= drop
        keep = list(torch.from_numpy(kept).to(self.device))
        terms = self._terms(self.generator, self._jittered(batch), level, keep, self.random)
        loss = losses.weighted(terms, p.weights)
        if not torch.isfinite(loss):
            raise DivergedError(f"the loss is {loss.item()} at step {number}; lower learning_rate")
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.generator.denoiser.parameters(), 1.0)
        self.optimizer.step()
        self._average(number)
        return {"loss": loss.item(), **{name: term.item() for name, term in terms.items()}}

    @torch.no_grad()
    def validate(self) -> Terms:
        """Mean of every term on the validation split, at fixed noise; empty without such spans."""
        p = self.params
        random = np.random.default_rng([p.seed, 1])
        total: dict[str, float] = {}
        count = 0
        for batch in spans.tiles(
            self.pack.spans["val"], p.batch_spans, p.window_frames, self._names
        ):
            batch = batch.to(self.device)
            every = torch.ones(len(batch.valid), dtype=torch.bool, device=self.device)
            for number in range(p.validation_levels):
                share = (number + 0.5) / p.validation_levels
                level = np.full(len(batch.valid), int(share * p.noise_levels))
                terms = self._terms(self.averaged, batch, level, [every] * 3, random)
                terms["loss"] = losses.weighted(terms, p.weights)
                frames = int(batch.valid.sum())
                count += frames
                for name, term in terms.items():
                    total[name] = total.get(name, 0.0) + frames * float(term)
        return {name: value / count for name, value in total.items()} if count else {}

    def result(self, verdict: str, at: int = 0, loss: float | None = None) -> Generator:
        """Name what came of it."""
        steps = self.params.steps if at else 0
        training: dict[str, Any] = {"steps": steps, "best_step": at, "verdict": verdict}
        if loss is not None:
            training["validation_loss"] = loss
        self.averaged.about["training"] = training
        return self.averaged

    @property
    def _names(self) -> list[str]:
        return self.generator.vocalizations

    def _terms(
        self,
        generator: Generator,
        batch: Batch,
        level: np.ndarray,
        keep: list[Tensor],
        random: np.random.Generator,
    ) -> dict[str, Tensor]:
        keep_audio, keep_person, keep_kind = keep
        clean = generator.expression.apply(batch.expression)
        clean = torch.where(batch.valid[..., None], clean, 0.0)
        drawn = random.standard_normal(clean.shape, dtype=np.float32)
        noise = torch.from_numpy(drawn).to(self.device)
        at = torch.from_numpy(level).to(self.device)
        noisy = add_noise(generator.schedule, clean, noise, at)
        given = generator.conditions(batch, keep_audio, keep_person, keep_kind)
        share = (at + 1) / generator.schedule.levels
        predicted = generator.denoiser(noisy, share, batch.valid, given)
        return losses.terms(
            predicted,
            clean,
            batch.valid,
            generator.expression.undo,
            lip_decoder(self.face, batch.identity, batch.age),
            mouth_of(self.face, self.params.closed_mm, self.params.closed_softness_mm),
            self.params.dtw_gamma,
        )

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

    def _note(self, terms: Terms, step: int) -> None:
        for name, value in terms.items():
            self.seen.setdefault(name, []).append(value)

    def _noted(self) -> Terms:
        means = {name: float(np.mean(values)) for name, values in self.seen.items()}
        self.seen.clear()
        return means

    def _log(self, live: Any, group: str, terms: Terms, step: int) -> None:
        live.step = step
        for name, value in terms.items():
            live.log_metric(f"{group}/{name}", value)
        live.make_summary()


def pace(step: int, params: Train) -> float:
    """Share of the learning rate at a step: a straight rise, then half a cosine down to 2%."""
    if step <= params.warmup_steps:
        return step / params.warmup_steps
    done = (step - params.warmup_steps) / max(1, params.steps - params.warmup_steps)
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done))


def untrained(params: Train, pack: Pack, face: Face) -> Generator:
    """Make a generator of random weights that is whitened to the training split."""
    learned = pack.spans["train"]
    expression = [span.expression[span.valid] for span in learned]
    audio = [span.audio for span in learned]
    layout = Layout(audio=pack.audio_width, vocalizations=len(pack.vocalizations))
    about = {
        "vocalizations": pack.vocalizations,
        "feature": pack.meta["feature"],
        "fps": pack.meta["fps"],
        "face": checkpoint.named(face),
        "noise_levels": params.noise_levels,
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
        cosine(params.noise_levels),
        about,
    )
