"""Train the embedded network that tells who sounds: `dvc repro` in this folder.

One core; the same bytes for the same seed, versions and kind of processor. See README.md.
"""

from __future__ import annotations

import csv
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from bank import make_bank
from mixtures import HOP, Bank, Mixture, draw, of_stem
from recordings import RATE, Split, read
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from pipeline.voice.backends import SEPARATORS, Separator
from pipeline.voice.voices_network import PyanNet, Shape

HERE = Path(__file__).resolve().parent
MADE = HERE.parents[1] / "tmp" / "voices"
WHO = ("infant", "adult", "other")
FALSE_SHARE = 0.03
"""Of the frames without an infant that may be called infant where its recall is compared."""


def main() -> int:
    """Train as params.yaml says, and write weights, curves and figures."""
    torch.set_num_threads(1)
    params = yaml.safe_load((HERE / "params.yaml").read_text(encoding="utf-8"))
    began = time.process_time()
    MADE.mkdir(parents=True, exist_ok=True)
    bank, validation = _banks(params)
    print(f"banks: {time.process_time() - began:.0f} s", flush=True)
    training = Training(params)
    training.go_on(MADE / "state.pt")
    training.run(bank, validation)
    _write_curves(training.points)
    (HERE / "figures.json").write_text(json.dumps(asdict(training.points[-1]), indent=1) + "\n")
    print(f"{time.process_time() - began:.0f} s of one core in all")
    return 0


def _banks(params: dict[str, Any]) -> tuple[Bank, list[Mixture]]:
    """The bank to learn from, and mixtures of held-out voices; writes which recordings they use."""
    real, public = (
        Path(params[name]).expanduser() if params[name] else None for name in ("real", "bank")
    )
    split = Split(params["held_devices"], params["held_takes"])
    learned, kept = (read(real, public, side, split) for side in (False, True))
    # What choices were made on can show as little as what was learned from.
    digests = "".join(f"{digest}\n" for digest in sorted({*learned.digests, *kept.digests}))
    (HERE / "trained_on.sha256").write_text(digests)
    rng = np.random.default_rng(params["seed"] + 1)
    held = make_bank(rng, kept, 0.25 * params["bank_size"])
    validation = [draw(held, rng) for _ in range(params["validation_mixtures"])]
    rng = np.random.default_rng(params["seed"])
    return make_bank(rng, learned, params["bank_size"]), validation


@dataclass(frozen=True)
class Point:
    """One point of the curves, on mixtures of held-out voices."""

    step: int
    train_loss: float
    validation_loss: float
    infant_f1: float
    adult_f1: float
    infant_recall: float
    """At the bias at which at most `FALSE_SHARE` of the frames of adults without an infant, and of
    others without one, are called infant."""
    bias: float
    """That bias, in logits."""
    adult_called_infant: float
    """Share of the frames in which an adult sounds and no infant does, without any bias."""
    other_called_infant: float


class Training:
    """A network, its optimiser, the mean of its weights, and how far it has come."""

    def __init__(self, params: dict[str, Any]) -> None:
        torch.manual_seed(params["seed"])
        self.params = params
        self.shape = Shape(len(WHO), params["sincnet"], params["lstm"], params["linear"])
        self.network = PyanNet(self.shape)
        if params["begin_from"]:
            self.network.load_state_dict(load_file(HERE / params["begin_from"]))
        # The filters stay on the mel scale: learning them triples the cost of a step.
        for weights in (self.network.sincnet.wav_norm1d, self.network.sincnet.conv1d[0]):
            weights.requires_grad_(False)
        self.learned = [weight for weight in self.network.parameters() if weight.requires_grad]
        rate = params["learning_rate"]
        self.optimiser = torch.optim.AdamW(self.learned, lr=rate, weight_decay=1e-2)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser, rate, total_steps=params["steps"], pct_start=0.1
        )
        self.mean = torch.optim.swa_utils.AveragedModel(
            self.network,
            multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(params["ema_decay"]),
        )
        self.separator: Separator = SEPARATORS.load("embedded")
        self.done = 0
        self.losses: list[float] = []
        self.points: list[Point] = []

    def run(self, bank: Bank, validation: list[Mixture]) -> None:
        """Train to the last step, writing the weights on the way."""
        while self.done < self.params["steps"]:
            self._step(bank)
            if self.done % self.params["validate_every"] == 0:
                loss = float(np.mean(self.losses))
                self.losses.clear()
                network = self.mean.module
                self.points.append(_validated(network, self.shape, validation, self.done, loss))
                print(self.points[-1], flush=True)
                _save(network)
                self._save(MADE / "state.pt")

    def _step(self, bank: Bank) -> None:
        rng = np.random.default_rng([self.params["seed"], self.done])
        drawn = [self._drawn(bank, rng) for _ in range(self.params["batch"])]
        with torch.autocast("cpu", torch.bfloat16):
            scores, true = _scored(self.network, self.shape, drawn)
        known = ~torch.isnan(true)
        loss = F.binary_cross_entropy_with_logits(scores.float()[known], true[known])
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.learned, 1.0)
        self.optimiser.step()
        self.schedule.step()
        self.mean.update_parameters(self.network)
        self.losses.append(float(loss.detach()))
        self.done += 1

    def _drawn(self, bank: Bank, rng: np.random.Generator) -> Mixture:
        """A mixture, or the stem that the separator takes out of it: both are heard in use."""
        mixture = draw(bank, rng)
        if rng.random() >= self.params["stem_share"]:
            return mixture
        stem, _ = self.separator.separate(mixture.mixture, RATE)
        return of_stem(mixture, stem)

    def _save(self, path: Path) -> None:
        """Write everything that a later run needs to go on as if it had never ended."""
        state = {
            "params": json.dumps(self.params),
            "network": self.network.state_dict(),
            "mean": self.mean.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "done": self.done,
            "points": [asdict(point) for point in self.points],
        }
        torch.save(state, path.with_suffix(".part"))
        path.with_suffix(".part").rename(path)

    def go_on(self, path: Path) -> None:
        """Go on from where an earlier run with the same params was saved, where there is one."""
        if not path.exists():
            return
        state = torch.load(path, weights_only=True)
        if state["params"] != json.dumps(self.params):
            return
        self.network.load_state_dict(state["network"])
        self.mean.load_state_dict(state["mean"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        self.done = state["done"]
        self.points = [Point(**point) for point in state["points"]]


def _scored(
    network: torch.nn.Module, shape: Shape, mixtures: list[Mixture]
) -> tuple[Tensor, Tensor]:
    """Logits and truth, both (batch, frames, 3); truth is nan where it is not known."""
    sound = torch.from_numpy(np.stack([mixture.mixture for mixture in mixtures]))
    scores = network(sound[:, None])
    middle = (shape.reach - 1) / 2 + shape.hop * np.arange(scores.shape[1])
    frame = np.round(middle / HOP).astype(int)
    true = np.stack([mixture.who[frame] for mixture in mixtures])
    return scores, torch.from_numpy(true)


def _validated(
    network: torch.nn.Module, shape: Shape, validation: list[Mixture], step: int, loss: float
) -> Point:
    network.eval()
    with torch.inference_mode():
        parts = [
            _scored(network, shape, validation[start : start + 16])
            for start in range(0, len(validation), 16)
        ]
    network.train()
    scores, true = (torch.cat(column) for column in zip(*parts, strict=True))
    known = ~torch.isnan(true)
    cost = F.binary_cross_entropy_with_logits(scores[known], true[known])
    infant, absent = scores[..., 0], true[..., 0] == 0
    adults, others = ((true[..., k] == 1) & absent for k in (1, 2))
    limit = max(float(torch.quantile(infant[who], 1 - FALSE_SHARE)) for who in (adults, others))
    values = (
        loss,
        cost,
        *(_f1(scores[..., k] > 0, true[..., k]) for k in (0, 1)),
        (infant[true[..., 0] == 1] > limit).float().mean(),
        -limit,
        *((infant[who] > 0).float().mean() for who in (adults, others)),
    )
    return Point(step, *(round(float(value), 4) for value in values))


def _f1(said: Tensor, true: Tensor) -> float:
    known = ~torch.isnan(true)
    right = (said[known] & (true[known] == 1)).sum()
    return float(2 * right / (said[known].sum() + (true[known] == 1).sum()))


def _save(network: torch.nn.Module) -> None:
    weights = {name: value.contiguous() for name, value in network.state_dict().items()}
    save_file(weights, MADE / "model.safetensors")


def _write_curves(points: list[Point]) -> None:
    with (HERE / "curves.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(asdict(points[0])), lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(point) for point in points)


if __name__ == "__main__":
    sys.exit(main())
