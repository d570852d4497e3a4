"""Train the network that sees covers: `python models/visibility/train.py TRACKS OUT`.

One core, half an hour, the same bytes for the same seed, versions and kind of processor.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from composites import Floats, Rng, Track, compose, relit
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from pipeline.face import cover_features, cover_grid
from pipeline.face.cover_network import CoverNetwork

FRAMES = 5
SHARE_FILMED = 0.25
SHARE_AS_FILMED = 0.35
"""Of the faces of photographed skin, how many are not made into others."""
SHARE_KNOWN_BARE = 0.8
"""How often the frames that say what a face usually looks like are really the barest."""
MOUTH_WEIGHT = 2.0


class Tracks:
    """Tracks of one file: arrays `swatches`, `usable`, `covered`, and of each of N frames `track`,
    `clean` and `photographed`."""

    def __init__(self, path: Path) -> None:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        starts = np.flatnonzero(np.diff(arrays["track"], prepend=-1))
        pieces = [np.split(arrays[name], starts[1:]) for name in ("swatches", "usable", "covered")]
        self.all = [
            Track(s, u, c.astype(np.float32), bool(arrays["photographed"][first]))
            for s, u, c, first in zip(*pieces, starts, strict=True)
        ]
        self.clean = [
            t for t, first in zip(self.all, starts, strict=True) if arrays["clean"][first]
        ]
        self.filmed = [
            t for t, first in zip(self.all, starts, strict=True) if not arrays["clean"][first]
        ]

    def draw(self, rng: Rng) -> Track:
        """A few frames of a track with or without a cover."""
        if rng.random() < SHARE_FILMED:
            return relit(_some(self.filmed[rng.integers(len(self.filmed))], rng), rng)
        clean = _some(self.clean[rng.integers(len(self.clean))], rng)
        other = _some(self.clean[rng.integers(len(self.clean))], rng)
        as_is = clean.photographed and rng.random() < SHARE_AS_FILMED
        return compose(clean, other, rng, as_is)


def _some(track: Track, rng: Rng) -> Track:
    which = np.sort(rng.integers(0, len(track.swatches), FRAMES))
    some = (array[which] for array in (track.swatches, track.usable, track.covered))
    return Track(*some, track.photographed)


def shown(track: Track, rng: Rng) -> tuple[Floats, Floats, Floats]:
    """Features of a track, the covered share of each cell, and how much it counts."""
    looks = cover_features.look(track.swatches)
    suspicion = track.covered.mean(axis=1) + rng.normal(0, 0.05, FRAMES)
    bare = cover_features.barest(
        suspicion if rng.random() < SHARE_KNOWN_BARE else rng.random(FRAMES)
    )
    usual = cover_features.usual(looks[bare], track.usable[bare])
    grid = cover_features.features(looks, track.usable, *usual)
    target = cover_grid.lay(track.covered[..., None], track.usable)
    return grid, target[:, 0], target[:, 1]


def batch(tracks: Tracks, size: int, rng: Rng) -> tuple[Tensor, Tensor, Tensor]:
    """Draw a batch of `size` tracks."""
    parts = zip(*(shown(tracks.draw(rng), rng) for _ in range(size)), strict=True)
    grid, target, weight = (torch.from_numpy(np.concatenate(part)) for part in parts)
    return grid, target, weight * _importance()


def _importance() -> Tensor:
    x, y = cover_grid.middles().T
    mouth = np.exp(-0.5 * (x**2 + (y + 36.0) ** 2) / 18.0**2)
    weight = 1.0 + (MOUTH_WEIGHT - 1.0) * mouth
    return torch.from_numpy(weight.reshape(cover_grid.HEIGHT, cover_grid.WIDTH).astype(np.float32))


def loss_of(network: CoverNetwork, drawn: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Binary cross entropy over cells, by what they count."""
    grid, target, weight = drawn
    each = F.binary_cross_entropy_with_logits(network(grid), target, reduction="none")
    return (each * weight).sum() / weight.sum()


def train(
    tracks: Tracks, steps: int, size: int, seed: int
) -> tuple[CoverNetwork, list[dict[str, float]]]:
    """Train; returns the average of the weights over the last steps, and the curve."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = CoverNetwork()
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.99)
    )
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    curve, running, began = [], 0.0, time.perf_counter()
    for step in range(1, steps + 1):
        loss = loss_of(network, batch(tracks, size, rng))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        average.update_parameters(network)
        running += float(loss.detach())
        if step % 50 == 0:
            curve.append({"step": step, "loss": running / 50})
            print(f"{step:5d}  {running / 50:.4f}  {time.perf_counter() - began:.0f} s", flush=True)
            running = 0.0
    return average.module.eval(), curve


def main(argv: list[str] | None = None) -> int:
    """Train and write the weights and the curve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tracks", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--curve", type=Path)
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    network, curve = train(Tracks(options.tracks), options.steps, options.batch, options.seed)
    weights = {name: value.half().contiguous() for name, value in network.state_dict().items()}
    save_file(weights, options.out)
    if options.curve:
        options.curve.write_text(json.dumps(curve, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
