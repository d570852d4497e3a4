"""The second opinion on an infant's events, in infants.safetensors: `python judge.py`.

Events that the tracker that ships hears as an infant's, in infants (real ones, alone, in other
voices and rhythms, under noise and talk; synthetic ones) and in what is none (the bank's noises,
above all animals, in other sizes; adults), and three small networks that tell them apart.
What it makes lies in tmp/voices; judge.json says how it does on held-out voices.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import mixtures
import numpy as np
import torch
import yaml
from examples import laughing, recorded, synthetic
from numpy.typing import NDArray
from recordings import RATE, Recordings, Split, filled, read, revoiced
from safetensors.numpy import save_file
from torch import Tensor, nn

from pipeline.voice.backends import SEPARATORS, TRACK_HZ, VOICES
from pipeline.voice.voices_judged import FARTHEST, LEAST, Judge, overheard
from tests.bench.voices import over, sounding

HERE = Path(__file__).resolve().parent
MADE = HERE.parents[1] / "tmp" / "voices"
SPAN_S = 5
TIMES = {"dogs": 23, "cats": 27, "birds": 10, "animals": 10, "people": 13, "signals": 8}
"""In how many sizes a sort of noise is heard; others in three, held-out ones in their own alone."""
KINDS = ("cry", "laugh", "babble", "fuss")
NETWORKS, UNITS, STEPS, BATCH = 3, 96, 2500, 512
_TREMBLE, _DROPPED = 0.2, 0.3

Wave = NDArray[np.float32]
Floats = NDArray[np.float64]
Case = tuple[str, Wave, NDArray[np.bool_]]


def main() -> int:
    """Gather, learn, and write the weights and how held-out events are told."""
    params = yaml.safe_load((HERE / "params.yaml").read_text(encoding="utf-8"))
    if not (params["real"] and params["bank"]):
        sys.exit("params.yaml: `real` and `bank` have to be given: there is nothing else to hear")
    real, bank = (Path(params[name]).expanduser() for name in ("real", "bank"))
    split = Split(params["held_devices"], params["held_takes"])
    learned, held = (
        _events(read(real, bank, kept, split), kept, np.random.default_rng([params["seed"], 7]))
        for kept in (False, True)
    )
    weights = learn(*_told(learned), params["seed"])
    MADE.mkdir(parents=True, exist_ok=True)
    save_file(weights, MADE / "infants.safetensors")
    figures = {"events": len(learned), **_figures(weights, held)}
    (HERE / "judge.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(figures)
    return 0


def _events(found: Recordings, held: bool, rng: np.random.Generator) -> list[tuple[str, Floats]]:
    """Of each event that is heard as an infant's: in what, `none` if in no infant; its numbers."""
    separator, tracker = SEPARATORS.load("embedded"), VOICES.load("embedded")
    rows = []
    for name, wave, true in [*_others(found, held, rng), *_infants(found, held, rng)]:
        stem, _ = separator.separate(wave, RATE)
        voices = tracker.unjudged(wave, stem)
        for start, end, numbers in overheard(voices, wave, stem):
            share = float(true[start:end].mean()) if len(true[start:end]) else 0.0
            # An event that is half an infant's teaches neither.
            if name == "none" or share > 0.5:
                rows.append((name, numbers))
    return rows


def _others(found: Recordings, held: bool, rng: np.random.Generator) -> Iterator[Case]:
    for name, waves in found.noises.items():
        sizes = 0 if held else TIMES.get(name.split("/")[-1], 3)
        for wave in waves:
            # Adults who scream are a question of their own.
            if "screams" not in name and len(wave) > RATE // 2:
                yield "none", _cut(wave), _never(wave)
                for _ in range(sizes):
                    yield "none", recorded(_other_size(wave, rng), rng), _never(wave)
    for waves in found.speakers.values():
        for _ in range(1 if held else 12):
            talk = _cut(np.concatenate([waves[n] for n in rng.permutation(len(waves))[:12]]))
            yield "none", talk, _never(talk)


def _infants(found: Recordings, held: bool, rng: np.random.Generator) -> Iterator[Case]:
    noises = [wave for name, waves in found.noises.items() for wave in waves if "scr" not in name]
    talk = [_cut(np.concatenate(waves[:12])) for waves in found.speakers.values()]
    voices = [mixtures.apart(wave)[0] for wave in found.cries]
    for cry, voice in zip(found.cries, voices, strict=True):
        own = [("cry", cry), *((kind, mixtures.in_rhythm(voice, kind, 1.0, rng)) for kind in KINDS)]
        if not held:
            own.append(("cry", revoiced(cry, *_voice(rng))))
        for kind, wave in own:
            yield from _beside(kind, _cut(wave), noises, talk, rng)
    for _ in range(60 if held else 330):
        for kind in KINDS:
            made = recorded(_cut(synthetic(kind, rng)), rng)
            yield from _beside(f"synthetic {kind}", made, noises, talk, rng)
        laugh = _cut(laughing(voices, rng))
        laugh = filled(laugh, rng) if rng.random() < 0.5 else laugh
        yield from _beside("laughter", recorded(laugh, rng), noises, talk, rng)


def _beside(
    name: str, wave: Wave, noises: list[Wave], talk: list[Wave], rng: np.random.Generator
) -> Iterator[Case]:
    """An infant alone, and under something."""
    if np.abs(wave).max(initial=0.0) < 1e-3:
        return
    true = sounding(wave)
    yield name, wave, true
    rest = noises if rng.random() < 0.7 else talk
    beside = _cut(rest[rng.integers(len(rest))])
    yield f"{name}, not alone", over(wave, [beside], rng.uniform(-5, 12), rng), true


def _other_size(wave: Wave, rng: np.random.Generator) -> Wave:
    pitch, tract = 2 ** rng.uniform(-0.6, 0.6), 2 ** rng.uniform(-0.3, 0.3)
    return _cut(revoiced(wave, pitch, tract, rng.uniform(0.75, 1.3)))


def _voice(rng: np.random.Generator) -> tuple[float, float, float]:
    return 2 ** rng.uniform(-0.5, 0.5), rng.uniform(0.85, 1.2), rng.uniform(0.8, 1.2)


def _never(wave: Wave) -> NDArray[np.bool_]:
    return np.zeros(round(len(wave) * TRACK_HZ / RATE), np.bool_)


def _cut(wave: Wave) -> Wave:
    return wave[: SPAN_S * RATE].astype(np.float32)


def _told(rows: list[tuple[str, Floats]]) -> tuple[Floats, Floats]:
    """Numbers (n, NUMBERS), and 1 (n,) for an infant's."""
    return np.stack([row for _, row in rows]), np.array([name != "none" for name, _ in rows], float)


def learn(numbers: Floats, infants: Floats, seed: int) -> dict[str, NDArray[np.float32]]:
    """Weights of `NETWORKS` networks, each of another beginning, by name."""
    torch.set_num_threads(1)
    middle, scale = numbers.mean(0), numbers.std(0) + 1e-6
    rows = torch.from_numpy(np.clip((numbers - middle) / scale, -FARTHEST, FARTHEST)).float()
    true = torch.from_numpy(infants).float()
    made = [_network(rows, true, seed + number) for number in range(NETWORKS)]
    weights = {"middle": middle.astype(np.float32), "scale": scale.astype(np.float32)}
    for at, place in (("first", 0), ("second", 3), ("last", 6)):
        layers = [network[place] for network in made]
        weights[f"{at}.weight"] = np.stack([layer.weight.detach().numpy().T for layer in layers])
        weights[f"{at}.bias"] = np.stack([layer.bias.detach().numpy() for layer in layers])
    return {name: np.ascontiguousarray(array) for name, array in weights.items()}


def _network(rows: Tensor, true: Tensor, seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    network = nn.Sequential(
        *(nn.Linear(rows.shape[1], UNITS), nn.Tanh(), nn.Dropout(_DROPPED)),
        *(nn.Linear(UNITS, UNITS), nn.Tanh(), nn.Dropout(_DROPPED)),
        nn.Linear(UNITS, 1),
    )
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=0.05)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=STEPS)
    # Infants' and others' events are drawn as often.
    odds = torch.where(true > 0, 1 / true.sum(), 1 / (1 - true).sum())
    for _ in range(STEPS):
        drawn = torch.multinomial(odds, BATCH, replacement=True)
        shown = rows[drawn] + _TREMBLE * torch.randn(BATCH, rows.shape[1])
        said = network(shown)[:, 0]
        loss = nn.functional.binary_cross_entropy_with_logits(said, 0.02 + 0.96 * true[drawn])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        rate.step()
    return network.eval()


def _figures(weights: dict[str, NDArray[np.float32]], held: list[tuple[str, Floats]]) -> dict:
    """Share of held-out events that fall, by what they are of."""
    judge = Judge(weights)
    said: dict[str, list[float]] = {}
    for name, numbers in held:
        said.setdefault(name, []).append(float(judge.said(numbers[None])[0]))
    return {
        f"{name}: share of {len(values)} that falls": round(
            float(np.mean(np.less(values, LEAST))), 3
        )
        for name, values in sorted(said.items())
    }


if __name__ == "__main__":
    sys.exit(main())
