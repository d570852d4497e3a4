"""How well who sounds is told on held-out voices, by which the backend's constants are chosen.

`PYTHONPATH=../.. python validate.py`, with `real` and `bank` of params.yaml given: infants of other
phones alone and at 0 dB under noise and talk, strangers who talk, noises, synthetic mixtures of
other seeds than those of the benchmark. Nothing that it hears was learned from.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import yaml
from cases import KINDS, cut, nobody
from numpy.typing import NDArray
from recordings import RATE, Recordings, Split, read

from pipeline.voice.backends import SEPARATORS, TRACK_HZ, VOICES
from pipeline.voice.measures import LIKELY
from tests.bench.voices import over, sounding
from tests.voice.mixing import BESIDE, mixture

HERE = Path(__file__).resolve().parent
NOISES = 90
_LEAST_STEPS = round(0.5 * TRACK_HZ)

Wave = NDArray[np.float32]
Case = tuple[str, Wave, NDArray[np.bool_]]


def main() -> int:
    """Print a line for each sort of sound."""
    params = yaml.safe_load((HERE / "params.yaml").read_text(encoding="utf-8"))
    real, bank = (Path(params[name]).expanduser() for name in ("real", "bank"))
    held = read(real, bank, True, Split(params["held_devices"], params["held_takes"]))
    rng = np.random.default_rng(params["seed"])
    found: dict[str, list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]] = {}
    separator, tracker = SEPARATORS.load("embedded"), VOICES.load("embedded")
    for name, wave, true in [*_recorded(held, rng), *_synthetic()]:
        stem, _ = separator.separate(wave, RATE)
        said = tracker.voices(wave, stem, {}).infant >= LIKELY
        steps = min(len(said), len(true))
        found.setdefault(name, []).append((said[:steps], true[:steps]))
    for name, tracks in found.items():
        print(f"{name:24} {_figure(name, tracks):.3f}  of {len(tracks)}")
    return 0


def _figure(name: str, tracks: list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]) -> float:
    if name.startswith("clips"):
        return float(np.mean([said.sum() >= _LEAST_STEPS for said, _ in tracks]))
    said, true, both = (
        sum(int(part(*pair).sum()) for pair in tracks)
        for part in (lambda said, _: said, lambda _, true: true, np.logical_and)
    )
    return both / max(1, true) if name.startswith("frames") else 2 * both / max(1, said + true)


def _recorded(held: Recordings, rng: np.random.Generator) -> Iterator[Case]:
    talk = {
        name: cut(np.concatenate([waves[n] for n in rng.permutation(len(waves))[:12]]))
        for name, waves in held.speakers.items()
    }
    # Adults who scream are a question of their own.
    noises = [
        cut(wave)
        for name, waves in held.noises.items()
        for wave in waves
        if "screams" not in name and len(wave) > RATE
    ]
    noises = [noises[n] for n in rng.permutation(len(noises))[:NOISES]]
    for cry in map(cut, held.cries):
        yield "F1, cry alone", cry, sounding(cry)
        for name, rest in (("noise", noises), ("talk", list(talk.values()))):
            beside = rest[rng.integers(len(rest))]
            yield f"F1, cry under {name}", over(cry, [beside], 0.0, rng), sounding(cry)
    for wave in talk.values():
        yield "frames of strangers", wave, sounding(wave)
    for wave in noises:
        yield "clips of noise", wave, nobody(wave)


def _synthetic() -> Iterator[Case]:
    for beside in (None, *BESIDE):
        for number in range(8):
            wave, _, performance = mixture(KINDS[number % 4], beside, 7000 + number)
            true = performance.sampled(performance.energy, TRACK_HZ) > 0.12
            yield f"F1, synthetic, {beside or 'alone'}", wave, true


if __name__ == "__main__":
    sys.exit(main())
