"""Validate separator weights: `python -m models.separator.evaluate`.

Median gain of SI-SDR at 0 dB, and SI-SDR of what is clean, on the recordings that were held out of
training (other infants, adults, noises and music) and on stems of another seed.

`... evaluate WEIGHTS` prints the figures of other weights, and `... evaluate learned WEIGHTS` those
on the recordings that were learned from: how much more it knows of them tells what limits it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from models.separator import resynthesis, stems
from models.separator.gathered import read
from models.separator.recipe import FOLDER, WEIGHTS, Recipe, recipe
from models.separator.stems import RATE, Array
from models.separator.textures import texture
from pipeline.nursery import sound
from pipeline.nursery.performance import perform
from pipeline.voice import tagger_layers
from pipeline.voice.separation_network import Network
from pipeline.voice.separation_spectra import analyse, levels, synthesise
from pipeline.voice.tagger_layers import TaggerLayers

_SPAN_S = 5.0
_CASES = 32

Case = tuple[Array, Array]
Make = Callable[[], Array]


def evaluate(weights: Path, cases: Mapping[str, list[Case]]) -> dict[str, float]:
    """Figures by the name of the cases, in dB."""
    torch.set_num_threads(1)
    network, layers = Network(), tagger_layers.load("cpu")
    network.load_state_dict({k: v.float() for k, v in load_file(weights).items()})
    network.eval()
    figures = {}
    for name, some in cases.items():
        gains = [_si_sdr_db(_stem(network, layers, mixed), infant) for mixed, infant in some]
        before = 0.0 if name.endswith("clean") else 1.0
        gains = [
            after - before * _si_sdr_db(mixed, infant)
            for after, (mixed, infant) in zip(gains, some, strict=True)
        ]
        figures[name] = round(float(np.median(gains)), 2) if gains else float("nan")
    return figures


def drawn_cases(wanted: Recipe, learned: bool = False) -> dict[str, list[Case]]:
    """Mixtures at 0 dB and clean voices, by what is in them; of what was held out, or learned."""
    rng = np.random.default_rng(wanted.seed + 1000)
    folder, part = Path(wanted.real) if wanted.real else None, "train" if learned else "val"
    real = stems.read_recordings(folder, wanted.held_out, kept=not learned)
    cries = [_cut(wave) for wave in real.cries][:: max(1, len(real.cries) // _CASES)][:_CASES]
    laughs = [resynthesis.in_rhythm(wave, "laugh", _SPAN_S, rng) for wave in cries]
    kinds = ("cry", "laugh", "babble", "fuss")
    made = [
        sound.infant(perform(kinds[n % 4], _SPAN_S, rng), RATE, rng).astype(np.float32)
        for n in range(_CASES)
    ]
    rest = _synthetic(rng) | (_recorded(Path(wanted.bank) / part, rng) if wanted.bank else {})
    cases = {}
    for infant, waves in (("real cry", cries), ("cut laugh", laughs), ("synthetic", made)):
        cases[f"{infant}, clean"] = [(wave, wave) for wave in waves]
        for beside, make in rest.items():
            cases[f"{infant}, {beside}"] = [_mixed(wave, make()) for wave in waves]
    return cases


def _synthetic(rng: np.random.Generator) -> dict[str, Make]:
    return {
        "texture": lambda: texture(_SPAN_S, rng),
        "noise": lambda: sound.noise(_SPAN_S, RATE, rng).astype(np.float32),
        "music": lambda: sound.music(_SPAN_S, RATE, rng).astype(np.float32),
        "adult": lambda: sound.adult_speech(_SPAN_S, RATE, rng).astype(np.float32),
    }


def _recorded(bank: Path, rng: np.random.Generator) -> dict[str, Make]:
    """Of a sort of noise, or a speaker, drawn anew each time."""
    groups = sorted(group for group in (bank / "noise").iterdir() if group.name != "screams")
    speakers = sorted((bank / "speech").iterdir())

    def drawn(folder: Path) -> Array:
        paths = sorted(folder.glob("*.flac"))
        return read(paths[rng.integers(len(paths))])

    def talk() -> Array:
        speaker = speakers[rng.integers(len(speakers))]
        return resynthesis.sentence([drawn(speaker) for _ in range(8)], _SPAN_S, rng)

    return {
        "real noise": lambda: _cut(drawn(groups[rng.integers(len(groups))])),
        "real music": lambda: _cut(drawn(bank / "music")),
        "real adult": talk,
    }


def _cut(wave: Array) -> Array:
    return np.resize(wave, round(_SPAN_S * RATE))


def _mixed(infant: Array, rest: Array) -> Case:
    """Both with the same power over the whole span."""
    ratio = np.sqrt((infant**2).mean() / max(float((rest**2).mean()), 1e-12))
    mixed = infant + ratio * rest
    gain = np.float32(0.6 / np.abs(mixed).max())
    return (gain * mixed).astype(np.float32), gain * infant


def _stem(network: Network, layers: TaggerLayers, wave: Array) -> Array:
    with torch.inference_mode():
        sound = torch.from_numpy(wave)[None]
        spectra = analyse(sound)
        found = network(spectra, layers(sound, levels(spectra)))
        return synthesise(found, len(wave))[0].numpy()


def _si_sdr_db(estimate: Array, truth: Array) -> float:
    """Scale-invariant signal-to-distortion ratio (Le Roux et al. 2019), at most 60 dB."""
    estimate, truth = (x.astype(np.float64) - x.mean(dtype=np.float64) for x in (estimate, truth))
    target = truth * (estimate @ truth) / max(float(truth @ truth), 1e-12)
    error = estimate - target
    floor = 1e-6 * float(target @ target) + 1e-12
    return float(10 * np.log10((target @ target + 1e-12) / (error @ error + floor)))


def main() -> None:
    """Evaluate the weights that were made and write the figures beside this file.

    Of weights that are named, or on what was learned from, they are only printed.
    """
    learned = sys.argv[1:2] == ["learned"]
    cases = drawn_cases(recipe(), learned)
    named = [Path(name) for name in sys.argv[1 + learned :]]
    for weights in named or [WEIGHTS]:
        text = json.dumps(evaluate(weights, cases), indent=1)
        print(text)
    if not (named or learned):
        (FOLDER / "figures.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
