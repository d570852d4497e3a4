"""Learn to weigh what speaks for an infant: `python weigh.py`, after `listen.py`.

tmp/voices/weighed.safetensors   the mean of the weights over the last steps, in half precision
weighed.csv                      step, and the mean cross-entropy by then

`python weigh.py synthetic`, or `real`, learns of infants from that sort alone, for the ablation,
and writes tmp/voices/weighed-synthetic.safetensors and no curve.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import yaml
from cases import COUNTS
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.voice.tags import words
from pipeline.voice.voices_evidence import Evidence
from pipeline.voice.voices_weighed import Network, told

HERE = Path(__file__).resolve().parent
MADE = HERE.parents[1] / "tmp" / "voices"
STEPS, BATCH, RATE, KEEP = 3600, 24, 2e-3, 0.995
ALIKE = (
    ("Baby cry, infant cry", "Baby laughter", "Babbling"),
    ("Crying, sobbing", "Laughter", "Child speech, kid speaking"),
    ("Whimper", "Giggle"),
)
"""Words that stand for one another: all infants that may be learned from cry, also where their
cries are cut into laughter, and an infant that laughs is one all the same."""
_WARM = 50
_EVERY = 100

Sound = tuple[Evidence, NDArray, NDArray]
"""What is heard in a sound, whether an infant sounds at each step, how much that counts."""


def main(sort: str | None = None) -> int:
    """Learn, and write the weights and the curve; of infants from a sort alone, the weights."""
    if sort not in (None, "real", "synthetic"):
        sys.exit(f"weigh.py {sort}: real, synthetic or nothing is allowed")
    seed = yaml.safe_load((HERE / "params.yaml").read_text(encoding="utf-8"))["seed"]
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    sounds = [sound for sound in _sounds() if sort is None or _is_of(sort, sound)]
    weights, curve = learn(_batches(sounds, np.random.default_rng(seed)))
    if sort is not None:
        save_file(weights, MADE / f"weighed-{sort}.safetensors")
        return 0
    save_file(weights, MADE / "weighed.safetensors")
    with (HERE / "weighed.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([("step", "loss"), *curve])
    return 0


def learn(batches: Iterator[list[Tensor]]) -> tuple[dict[str, Tensor], list[tuple[int, str]]]:
    """Weights in half precision, and the curve."""
    network = Network()
    mean = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(KEEP)
    )
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=3e-2)
    falling = torch.optim.lr_scheduler.LambdaLR(optimiser, _share_of_rate)
    curve, losses = [], []
    for step in range(1, STEPS + 1):
        loss = _loss(network, next(batches))
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        falling.step()
        mean.update_parameters(network)
        losses.append(loss.item())
        if step % _EVERY == 0:
            curve.append((step, f"{np.mean(losses[-_EVERY:]):.4f}"))
            print(*curve[-1], flush=True)
    return {name: value.half() for name, value in mean.module.state_dict().items()}, curve


def _share_of_rate(step: int) -> float:
    """Of the highest rate: it rises over the first steps, and falls along half a cosine."""
    return float(min(1.0, (step + 1) / _WARM) * (0.5 + 0.5 * np.cos(np.pi * step / STEPS)))


def _sounds() -> list[Sound]:
    with np.load(MADE / "evidence.npz", allow_pickle=False) as file:
        own, parted, said, stem, true, counts, ends = (
            file[name] for name in ("own", "parted", "words", "stem", "true", "counts", "ends")
        )
    found = []
    for (first, begun), (last, ended) in zip([(0, 0), *ends[:-1]], ends, strict=True):
        steps = slice(first, last)
        heard = Evidence(own[steps], parted[steps], said[begun:ended], stem[begun:ended])
        found.append((heard, true[steps], counts[steps]))
    return found


def _is_of(sort: str, sound: Sound) -> bool:
    """Whether a sound's infant is of a sort, or nobody's."""
    _, _, counts = sound
    return bool(np.isin(counts[0], [COUNTS[sort], COUNTS["nobody"]]))


def _batches(sounds: list[Sound], rng: np.random.Generator) -> Iterator[list[Tensor]]:
    """What is told (BATCH, steps, ...), the truth, and how much each step counts."""
    longest = max(len(true) for _, true, _ in sounds)
    while True:
        some = [sounds[number] for number in rng.integers(len(sounds), size=BATCH)]
        rows = [(*told(otherwise(heard, rng)), true, counts) for heard, true, counts in some]
        yield [
            torch.from_numpy(np.stack([_long(it, longest) for it in column]))
            for column in zip(*rows, strict=True)
        ]


def otherwise(heard: Evidence, rng: np.random.Generator) -> Evidence:
    """The same in which, half of the time, words that are `ALIKE` have changed places."""
    if rng.random() < 0.5:
        return heard
    names, places = list(words().values()), np.arange(heard.words.shape[1])
    for group in ALIKE:
        own = [names.index(name) for name in group]
        places[own] = rng.permutation(own)
    return replace(heard, words=heard.words[:, places], stem=heard.stem[:, places])


def _long(rows: NDArray, steps: int) -> NDArray[np.float32]:
    filled = np.zeros((steps, *rows.shape[1:]), np.float32)
    filled[: len(rows)] = rows
    return filled


def _loss(network: Network, batch: list[Tensor]) -> Tensor:
    *asked, true, counts = batch
    loss = F.binary_cross_entropy_with_logits(network(*asked), true, reduction="none")
    return (loss * counts).sum() / counts.sum()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
