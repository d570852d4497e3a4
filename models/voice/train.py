"""Train the embedded voice network: `python models/voice/train.py --real FOLDER`.

FOLDER holds cry/*.wav and speech/*.wav that may be trained on (see README.md beside this file);
without it the network learns from synthetic sound alone. One core, about ten minutes, and the
same bytes for the same seed, versions and kind of processor.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch
from mixtures import Bank, Mixture, draw, make_bank
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from pipeline.voice.network import Heard, Network
from pipeline.voice.spectra import analyse, features, loudness

_FLOOR = 1e-3


def main(argv: list[str] | None = None) -> int:
    """Train and write the weights."""
    options = _options(argv)
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    began = time.process_time()
    bank = make_bank(rng, options.real)
    print(f"bank: {len(bank.infants)} synthetic and {len(bank.real_infants)} real infants", end="")
    print(f", {time.process_time() - began:.0f} s", flush=True)
    network = train(bank, options.steps, options.batch, rng)
    weights = {name: value.half().contiguous() for name, value in network.state_dict().items()}
    save_file(weights, options.out)
    print(f"{options.out}: {time.process_time() - began:.0f} s of one core in all")
    return 0


def train(bank: Bank, steps: int, batch: int, rng: np.random.Generator) -> Network:
    """Train a fresh network for `steps` batches."""
    network = Network()
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, 2e-3, total_steps=steps, pct_start=0.1
    )
    running = torch.zeros(4)
    for step in range(1, steps + 1):
        losses = _losses(network, [draw(bank, rng) for _ in range(batch)])
        optimiser.zero_grad(set_to_none=True)
        losses.sum().backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        running += losses.detach()
        if step % 100 == 0:
            print(
                f"{step:5d}  " + "  ".join(f"{x:.3f}" for x in (running / 100).tolist()), flush=True
            )
            running.zero_()
    return network.eval()


def _losses(network: Network, mixtures: list[Mixture]) -> Tensor:
    """Losses (4,): ratio of the stem, its compressed spectrum, who sounds, which type."""
    mixture = analyse(torch.from_numpy(np.stack([m.mixture for m in mixtures])))
    infant = analyse(torch.from_numpy(np.stack([m.infant for m in mixtures])))
    level = loudness(mixture)
    heard: Heard = network(features(mixture, level))
    stem = heard.mask * mixture
    ratio, shape = _stem_losses(stem, infant, mixture, level)
    who = torch.from_numpy(np.stack([m.who for m in mixtures]))
    types = torch.from_numpy(np.stack([m.types for m in mixtures]))
    known = ~torch.isnan(who)
    sounding = F.binary_cross_entropy_with_logits(heard.who[known], who[known])
    kind = F.cross_entropy(heard.types.flatten(0, 1), types.flatten(), ignore_index=-1)
    return torch.stack([0.05 * ratio, 4.0 * shape, sounding, 0.3 * kind])


def _stem_losses(
    stem: Tensor, infant: Tensor, mixture: Tensor, level: Tensor
) -> tuple[Tensor, Tensor]:
    wrong, right, everything = (
        x.abs().square().sum((1, 2)) for x in (stem - infant, infant, mixture)
    )
    ratio = 10 * torch.log10((wrong + _FLOOR * everything) / (right + _FLOOR * everything))
    got, wanted = ((x.abs() / level[:, None, None] + 1e-3).pow(0.3) for x in (stem, infant))
    return ratio.mean(), (got - wanted).square().mean() * 10


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", type=Path, help="folder with cry/ and speech/")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("model.safetensors"))
    parser.add_argument("--steps", type=int, default=1400)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seed", type=int, default=20)
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
