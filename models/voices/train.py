"""Train the embedded network that tells who sounds: `dvc repro` in this folder.

One core; the same bytes for the same seed, versions and kind of processor. See README.md.
"""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from bank import draw, make_bank
from mixtures import HOP, Bank, Mixture
from recordings import read
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from pipeline.voice.voices_network import PyanNet, Shape

HERE = Path(__file__).resolve().parent
MADE = HERE.parents[1] / "tmp" / "voices"
WHO = ("infant", "adult", "other")


def main() -> int:
    """Train as params.yaml says, and write weights, curves and figures."""
    torch.set_num_threads(1)
    params = yaml.safe_load((HERE / "params.yaml").read_text(encoding="utf-8"))
    torch.manual_seed(params["seed"])
    began = time.process_time()
    real = Path(params["real"]).expanduser() if params["real"] else None
    split = (params["held_devices"], params["held_takes"])
    rng = np.random.default_rng(params["seed"])
    learned, kept = read(real, False, *split), read(real, True, *split)
    # What choices were made on can show as little as what was learned from.
    digests = "".join(f"{digest}\n" for digest in sorted({*learned.digests, *kept.digests}))
    (HERE / "trained_on.sha256").write_text(digests)
    bank = make_bank(rng, learned, params["bank_size"])
    rng_validation = np.random.default_rng(params["seed"] + 1)
    held = make_bank(rng_validation, kept, 0.25 * params["bank_size"])
    validation = [draw(held, rng_validation) for _ in range(params["validation_mixtures"])]
    print(f"banks: {time.process_time() - began:.0f} s", flush=True)
    shape = Shape(len(WHO), params["sincnet"], params["lstm"], params["linear"])
    curves = list(_train(bank, validation, shape, params, rng))
    _write_curves(curves)
    (HERE / "figures.json").write_text(json.dumps(asdict(curves[-1]), indent=1) + "\n")
    print(f"{time.process_time() - began:.0f} s of one core in all")
    return 0


@dataclass(frozen=True)
class Point:
    """One point of the curves, on mixtures of held-out voices."""

    step: int
    train_loss: float
    validation_loss: float
    infant_f1: float
    adult_f1: float
    adult_called_infant: float
    """Share of the frames in which an adult sounds and no infant does."""


def _train(
    bank: Bank,
    validation: list[Mixture],
    shape: Shape,
    params: dict[str, Any],
    rng: np.random.Generator,
) -> Iterator[Point]:
    network = PyanNet(shape)
    # The filters stay on the mel scale: learning them triples the cost of a step.
    for weights in (network.sincnet.wav_norm1d, network.sincnet.conv1d[0]):
        weights.requires_grad_(False)
    learned = [weight for weight in network.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(learned, lr=params["learning_rate"], weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, params["learning_rate"], total_steps=params["steps"], pct_start=0.1
    )
    mean = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(params["ema_decay"])
    )
    running = 0.0
    for step in range(1, params["steps"] + 1):
        loss = _loss(network, shape, [draw(bank, rng) for _ in range(params["batch"])])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learned, 1.0)
        optimiser.step()
        schedule.step()
        mean.update_parameters(network)
        running += float(loss.detach())
        if step % params["validate_every"] == 0 or step == params["steps"]:
            point = _validated(
                mean.module, shape, validation, step, running / params["validate_every"]
            )
            print(point, flush=True)
            running = 0.0
            _save(mean.module)
            yield point


def _loss(network: PyanNet, shape: Shape, mixtures: list[Mixture]) -> Tensor:
    scores, true = _scored(network, shape, mixtures)
    known = ~torch.isnan(true)
    return F.binary_cross_entropy_with_logits(scores[known], true[known])


def _scored(network: PyanNet, shape: Shape, mixtures: list[Mixture]) -> tuple[Tensor, Tensor]:
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
            _scored(network, shape, validation[start : start + 16])  # type: ignore[arg-type]
            for start in range(0, len(validation), 16)
        ]
    network.train()
    scores, true = (torch.cat(column) for column in zip(*parts, strict=True))
    known = ~torch.isnan(true)
    said = scores > 0
    cost = F.binary_cross_entropy_with_logits(scores[known], true[known])
    alone = (true[..., 1] == 1) & (true[..., 0] == 0)
    return Point(
        step,
        round(loss, 4),
        round(float(cost), 4),
        *(round(_f1(said[..., k], true[..., k]), 4) for k in (0, 1)),
        round(float(said[..., 0][alone].float().mean()), 4),
    )


def _f1(said: Tensor, true: Tensor) -> float:
    known = ~torch.isnan(true)
    right = (said[known] & (true[known] == 1)).sum()
    return float(2 * right / (said[known].sum() + (true[known] == 1).sum()))


def _save(network: torch.nn.Module) -> None:
    weights = {name: value.contiguous() for name, value in network.state_dict().items()}
    MADE.mkdir(parents=True, exist_ok=True)
    save_file(weights, MADE / "model.safetensors")


def _write_curves(points: list[Point]) -> None:
    with (HERE / "curves.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(asdict(points[0])), lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(point) for point in points)


if __name__ == "__main__":
    sys.exit(main())
