"""The second opinion on an infant's events, in infants.safetensors: `python judge.py`.

Small networks that tell the events of infants from those of what is none, learned from what
`overhear.py` heard. What it makes lies in tmp/voices; judge.json says how it does on held-out
voices.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from safetensors.numpy import save_file
from torch import Tensor, nn

from pipeline.voice.voices_judged import FARTHEST, HEARD, LEAST, OWN, Judge

HERE = Path(__file__).resolve().parent
MADE = HERE.parents[1] / "tmp" / "voices"
NETWORKS, UNITS, UNITS_OF_WORDS = 3, 96, 64
STEPS, BATCH = 2500, 512
_TREMBLE, _DROPPED, _LEAST_SPREAD = 0.2, 0.3, 0.3

Floats = NDArray[np.float64]


def main() -> int:
    """Learn, and write the weights and how held-out events are told."""
    params = yaml.safe_load((HERE / "params.yaml").read_text(encoding="utf-8"))
    learned, held = (_events(MADE / f"events_{name}.npz") for name in ("learned", "held"))
    weights = learn(learned[1], (~_none(learned[0])).astype(float), params["seed"])
    save_file(weights, MADE / "infants.safetensors")
    figures = {"events": len(learned[0]), **_figures(weights, *held)}
    (HERE / "judge.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(figures)
    return 0


def _events(path: Path) -> tuple[NDArray[np.str_], Floats]:
    """In what each was heard (n,), and its numbers (n, NUMBERS)."""
    with np.load(path, allow_pickle=False) as file:
        return file["name"], file["numbers"]


def _none(names: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Which events are no infant's (n,)."""
    return np.char.startswith(names, "none")


def learn(numbers: Floats, infants: Floats, seed: int) -> dict[str, NDArray[np.float32]]:
    """Weights of `NETWORKS` networks, each of another beginning, by name."""
    torch.set_num_threads(1)
    middle, scale = numbers.mean(0), numbers.std(0) + 1e-6
    # Words that are hardly ever heard say nothing by it.
    scale[len(OWN) :] = np.maximum(scale[len(OWN) :], _LEAST_SPREAD)
    rows = torch.from_numpy(np.clip((numbers - middle) / scale, -FARTHEST, FARTHEST)).float()
    true = torch.from_numpy(infants).float()
    made = [_network(rows, true, seed + number) for number in range(NETWORKS)]
    weights = {"middle": middle.astype(np.float32), "scale": scale.astype(np.float32)}
    for name in made[0].layers:
        layers = [network.layers[name] for network in made]
        weights[f"{name}.weight"] = np.stack([layer.weight.detach().numpy().T for layer in layers])
        weights[f"{name}.bias"] = np.stack([layer.bias.detach().numpy() for layer in layers])
    return {name: np.ascontiguousarray(array) for name, array in weights.items()}


class Network(nn.Module):
    """What `Judge` puts together again."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleDict(
            {
                "first": nn.Linear(len(OWN), UNITS),
                "second": nn.Linear(UNITS, UNITS),
                "last": nn.Linear(UNITS, 1),
                "words": nn.Linear(HEARD, UNITS_OF_WORDS),
                "words_last": nn.Linear(UNITS_OF_WORDS, 1),
            }
        )
        self.dropped = nn.Dropout(_DROPPED)

    def forward(self, numbers: Tensor) -> Tensor:
        """Logits (n,) of (n, NUMBERS)."""
        own, heard = numbers.split([len(OWN), HEARD], 1)
        for name in ("first", "second"):
            own = self.dropped(torch.tanh(self.layers[name](own)))
        heard = self.dropped(torch.tanh(self.layers["words"](self.dropped(heard))))
        said: Tensor = self.layers["last"](own) + self.layers["words_last"](heard)
        return said[:, 0]


def _network(rows: Tensor, true: Tensor, seed: int) -> Network:
    torch.manual_seed(seed)
    network = Network()
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=0.1)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=STEPS)
    # Infants' and others' events are drawn as often.
    odds = torch.where(true > 0, 1 / true.sum(), 1 / (1 - true).sum())
    for _ in range(STEPS):
        drawn = torch.multinomial(odds, BATCH, replacement=True)
        said = network(rows[drawn] + _TREMBLE * torch.randn(BATCH, rows.shape[1]))
        loss = nn.functional.binary_cross_entropy_with_logits(said, 0.02 + 0.96 * true[drawn])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        rate.step()
    return network.eval()


def _figures(
    weights: dict[str, NDArray[np.float32]], names: NDArray[np.str_], numbers: Floats
) -> dict[str, float]:
    """Share of events that fall, by what they are of."""
    fall = Judge(weights).said(numbers) < LEAST
    names = np.where(_none(names), "none", names)
    return {
        f"{name}: share of {(names == name).sum()} that falls": round(fall[names == name].mean(), 3)
        for name in np.unique(names)
    }


if __name__ == "__main__":
    sys.exit(main())
