"""Train the embedded separator: `python -m models.separator.train`.

tmp/separator/state-N.pt          where process N stands; a run that was ended goes on from here
tmp/separator/model.safetensors   the mean of the weights over the last steps, in half precision
curve.csv                         step, and the losses by then

One thread a process; the network's arithmetic is bfloat16, its sums and the losses are not.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from models.separator import stems
from models.separator.abreast import abreast, agree, alike
from models.separator.mixtures import Mixer, Shares
from models.separator.recipe import FOLDER, WEIGHTS, WORK, Recipe, recipe
from pipeline.core.code import PROJECT
from pipeline.core.muon import Exact
from pipeline.voice import tagger_layers
from pipeline.voice.separation_network import Network
from pipeline.voice.separation_spectra import analyse, levels, synthesise
from pipeline.voice.tagger_layers import TaggerLayers

_FLOOR = 1e-3
_KEEP = 0.995
_WARM_STEPS = 60
_SAVE_STEPS = 50
_LOSSES = ("ratio", "shape")


class Training:
    """A network, its optimiser, the mean of its weights, and how far it has come."""

    def __init__(self, wanted: Recipe, rank: int = 0) -> None:
        torch.manual_seed(wanted.seed)
        self.wanted = wanted
        self.network = Network()
        if wanted.start:
            begun = load_file(PROJECT / wanted.start)
            self.network.load_state_dict({name: value.float() for name, value in begun.items()})
        # All begin from the same weights, and forget each its own part of what the tagger says.
        torch.manual_seed(wanted.seed + rank)
        self.layers = tagger_layers.load("cpu")
        self.mean = torch.optim.swa_utils.AveragedModel(
            self.network,
            multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(_KEEP),
            use_buffers=True,
        )
        self.optimiser = _optimiser(self.network, wanted)
        self.rng = np.random.default_rng((wanted.seed, rank))
        self.done = 0
        self.curve: list[list[float]] = []

    def step(self, mixer: Mixer) -> Tensor:
        """Learn from one batch; the losses (2,) by `_LOSSES`."""
        drawn = [mixer.draw() for _ in range(self.wanted.batch)]
        mixtures, infants = (torch.from_numpy(np.stack(part)) for part in zip(*drawn, strict=True))
        for group in self.optimiser.param_groups:
            group["lr"] = group["highest"] * self._pace()
        losses = _losses(self.network, self.layers, mixtures, infants)
        self.optimiser.zero_grad(set_to_none=True)
        losses.sum().backward()
        agree(self.network.parameters())
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self.done += 1
        self.mean.update_parameters(self.network)
        return losses.detach()

    def _pace(self) -> float:
        left = (self.wanted.steps - self.done) / self.wanted.decay_steps
        return min(1.0, left, (self.done + 1) / _WARM_STEPS)

    def save(self, path: Path) -> None:
        """Write everything that a later run needs to go on as if it had never ended."""
        state = {
            "network": self.network.state_dict(),
            "mean": self.mean.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "rng": json.dumps(self.rng.bit_generator.state),
            "done": self.done,
            "curve": self.curve,
            "course": json.dumps(self.wanted.course),
        }
        torch.save(state, path.with_suffix(".part"))
        path.with_suffix(".part").rename(path)

    def load(self, path: Path) -> None:
        """Go on from where `save` was, where that was on the same course."""
        if not path.exists():
            return
        state = torch.load(path, weights_only=True)
        if state["course"] != json.dumps(self.wanted.course):
            return
        self.network.load_state_dict(state["network"])
        self.mean.load_state_dict(state["mean"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.rng.bit_generator.state = json.loads(state["rng"])
        self.done, self.curve = state["done"], state["curve"]


def train(wanted: Recipe, banks: list[Path], folder: Path) -> Training:
    """Train until `wanted.steps`, from where a run on the same course, in `folder`, was ended."""
    abreast(_train, wanted.processes, folder / "meeting", wanted, banks, folder)
    training = Training(wanted)
    training.load(_state(folder, 0))
    return training


def _train(rank: int, wanted: Recipe, banks: list[Path], folder: Path) -> None:
    torch.set_num_threads(1)
    training = Training(wanted, rank)
    found = [stem for bank in banks for stem in stems.load(bank)]
    mixer = Mixer(found, training.rng, Shares(real=wanted.real_share))
    training.load(_state(folder, rank))
    alike(training.done, folder)
    losses = []
    while training.done < wanted.steps:
        losses.append(training.step(mixer))
        if training.done % _SAVE_STEPS == 0 or training.done == wanted.steps:
            mean = torch.stack(losses).mean(0).tolist()
            if rank == 0:
                print(training.done, *(f"{loss:.3f}" for loss in mean), flush=True)
            training.curve.append([training.done, *mean])
            training.save(_state(folder, rank))
            losses.clear()


def _state(folder: Path, rank: int) -> Path:
    return folder / f"state-{rank}.pt"


def write_weights(path: Path, network: nn.Module) -> None:
    """Write the weights of a network in half precision."""
    half = {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in network.state_dict().items()
    }
    save_file(half, path)


def _optimiser(network: Network, wanted: Recipe) -> torch.optim.Optimizer:
    """Muon for the matrices between layers, AdamW for the rest."""
    known = {id(weight) for weight in network.matrices}
    rest = [weight for weight in network.parameters() if id(weight) not in known]
    fast = {"params": network.matrices, "use_muon": True, "highest": wanted.matrix_rate}
    slow = {"params": rest, "use_muon": False, "highest": wanted.rate, "betas": (0.9, 0.98)}
    made: torch.optim.Optimizer = Exact([{**group, "weight_decay": 1e-2} for group in (fast, slow)])
    return made


def _losses(network: Network, layers: TaggerLayers, mixtures: Tensor, infants: Tensor) -> Tensor:
    """How much is wrong beside what is right, in dB, and how far the spectra are apart."""
    spectra = analyse(mixtures)
    with torch.autocast("cpu", torch.bfloat16):
        with torch.no_grad():
            known = layers(mixtures, levels(spectra))
        found = network(spectra, known)
    wave = synthesise(found, mixtures.shape[1])
    wrong, right, whole = (x.square().sum(1) for x in (wave - infants, infants, mixtures))
    # Where no infant is, at most 20 dB are to be won, as where one is: else it pays to close.
    absent = (right == 0).float()
    floor = _FLOOR * right + (1e-2 * _FLOOR + 1e-2 * absent) * whole
    ratio = 10 * torch.log10((wrong + floor) / (right + (1e-2 + absent) * whole))
    level = whole.div(mixtures.shape[1]).sqrt().clamp_min(1e-3)[:, None]
    shape = _apart(found, analyse(infants), level) + _apart(_fine(wave), _fine(infants), level)
    return torch.stack([ratio.mean(), 10 * shape])


def _apart(found: Tensor, wanted: Tensor, level: Tensor) -> Tensor:
    """Mean distance of compressed magnitudes."""
    scale = level[..., None] * found.shape[1] ** 0.5
    a, b = ((x.abs() / scale + 1e-3).pow(0.3) for x in (found, wanted))
    return (a - b).abs().mean()


def _fine(wave: Tensor) -> Tensor:
    """Spectra of 12 ms, in which a giggle's onset is sharp."""
    return torch.stft(wave, 192, 96, window=torch.hann_window(192), return_complex=True)


def _write_curve(path: Path, curve: list[list[float]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["step", *_LOSSES])
        writer.writerows(
            [int(step), *(f"{loss:.4f}" for loss in losses)] for step, *losses in curve
        )


if __name__ == "__main__":
    made = train(recipe(), [WORK / "synthetic.npz", WORK / "real.npz"], WORK)
    _write_curve(FOLDER / "curve.csv", made.curve)
    write_weights(WEIGHTS, made.mean.module)
