"""How well who sounds is told on held-out voices, by which the backend's constants are chosen.

`PYTHONPATH=../.. python validate.py`, with `real` and `bank` of params.yaml given: infants of other
phones as they are and through another microphone, their cries cut into laughter and such of which
but a moment is left, alone and at -5 to 10 dB under noise and talk; strangers who talk; noises;
synthetic mixtures of other seeds than those of the benchmark. Nothing that it hears was learned
from. A line for each sort: the figure without the second opinion, and with it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import mixtures
import numpy as np
import yaml
from cases import KINDS, cut, nobody
from examples import laughing, recorded
from numpy.typing import NDArray
from recordings import RATE, Recordings, Split, filled, read

from pipeline.voice import voices_judged
from pipeline.voice.backends import SEPARATORS, TRACK_HZ
from pipeline.voice.measures import LIKELY
from pipeline.voice.voices_embedded import Embedded
from tests.bench.voices import RATIOS_DB, over, sounding
from tests.voice.mixing import BESIDE, mixture

HERE = Path(__file__).resolve().parent
ANIMALS = ("animals", "farm", "pets", "tuxpaint_animals", "wild", "wolves", "birds")
NOISES, LAUGHS, SYNTHETIC = 140, 30, 20
"""How many of them at most, of what is no animal's; of each other sort."""
_SEED = 404
_LEAST_STEPS = round(0.5 * TRACK_HZ)

Wave = NDArray[np.float32]
Truth = NDArray[np.bool_]
Case = tuple[str, Wave, Truth]


def main() -> int:
    """Print the lines."""
    params = yaml.safe_load((HERE / "params.yaml").read_text(encoding="utf-8"))
    real, bank = (Path(params[name]).expanduser() for name in ("real", "bank"))
    held = read(real, bank, True, Split(params["held_devices"], params["held_takes"]))
    found: dict[str, list[tuple[Truth, Truth, Truth]]] = {}
    separator = SEPARATORS.load("embedded")
    tracker, judge = Embedded("cpu", judge=None), voices_judged.load()
    for name, wave, true in [*Held(held).cases(), *_synthetic()]:
        stem, _ = separator.separate(wave, RATE)
        [evidence] = tracker.ears.evidence([wave], [stem])
        weighed = tracker.weighed(evidence, wave, stem)
        judged = judge.judged(weighed, evidence, wave, stem)
        steps = min(len(weighed.infant), len(true))
        first, second = (it.infant[:steps] >= LIKELY for it in (weighed, judged))
        found.setdefault(name, []).append((first, second, true[:steps]))
    for name, tracks in found.items():
        without = _figure(name, [(first, true) for first, _, true in tracks])
        judged_too = _figure(name, [(second, true) for _, second, true in tracks])
        print(f"{name:34} {without:.3f} {judged_too:.3f}  of {len(tracks)}")
    return 0


def _figure(name: str, tracks: list[tuple[Truth, Truth]]) -> float:
    if name.startswith("clips"):
        return float(np.mean([said.sum() >= _LEAST_STEPS for said, _ in tracks]))
    said, true, both = (
        sum(int(part(*pair).sum()) for pair in tracks)
        for part in (lambda said, _: said, lambda _, true: true, np.logical_and)
    )
    return both / max(1, true) if name.startswith("frames") else 2 * both / max(1, said + true)


class Held:
    """Cases out of recordings that nothing is learned from; the same ones every time."""

    def __init__(self, held: Recordings) -> None:
        self._rng = rng = np.random.default_rng(_SEED)
        self._cries = held.cries
        self._talk = [
            cut(np.concatenate([waves[n] for n in rng.permutation(len(waves))[:12]]))
            for waves in held.speakers.values()
        ]
        animals: list[Wave] = []
        others: list[Wave] = []
        for name, waves in held.noises.items():
            # Adults who scream are a question of their own.
            among = animals if name.split("/")[-1] in ANIMALS else others
            among += [cut(w) for w in waves if "screams" not in name and len(w) > RATE]
        self._others = [others[n] for n in rng.permutation(len(others))[:NOISES]]
        self._animals = [animals[n] for n in rng.permutation(len(animals))]
        self._noises = self._animals + self._others

    def cases(self) -> Iterator[Case]:
        """All of them, sort by sort."""
        rng, beside = self._rng, {"noise": self._noises, "talk": self._talk}
        for cry in map(cut, self._cries):
            yield "F1, cry alone", cry, sounding(cry)
            apart = {"animals": self._animals, "noise": self._others, "talk": self._talk}
            yield from self._under("F1, cry", cry, apart)
        for cry in map(cut, self._cries):
            wide = filled(cry, rng).astype(np.float32)
            yield "F1, wide alone", recorded(wide, rng), sounding(wide)
            for name, wave, true in self._under("F1, wide", wide, beside):
                yield name, recorded(wave, rng), true
        yield from self._laughs()
        for wave in self._talk:
            yield "frames of strangers", wave, sounding(wave)
        for name, waves in (("animals", self._animals), ("other noises", self._others)):
            yield from ((f"clips of {name}", wave, nobody(wave)) for wave in waves)

    def _laughs(self) -> Iterator[Case]:
        rng, beside = self._rng, {"noise": self._noises, "talk": self._talk}
        voices = [mixtures.apart(wave)[0] for wave in self._cries]
        for number in range(LAUGHS):
            if number % 2:
                laugh = cut(laughing(voices, rng))
            else:
                laugh = cut(mixtures.in_rhythm(voices[number % len(voices)], "laugh", 1.0, rng))
            yield "F1, laugh alone", laugh, sounding(laugh)
            moments = self._moments(laugh)
            if np.abs(moments).max() > 0.05:
                yield from self._under("F1, moments of laughs", moments, beside)
            rest = {"noise": self._others, "talk": self._talk}
            yield from self._under("F1, laugh", laugh, rest)

    def _moments(self, wave: Wave) -> Wave:
        """Leave up to three moments of a sound."""
        rng, kept = self._rng, np.zeros(len(wave), np.float32)
        for _ in range(rng.integers(1, 4)):
            begin = rng.integers(0, max(1, len(wave) - RATE // 2))
            kept[begin : begin + int(rng.uniform(0.3, 1.2) * RATE)] = 1.0
        return wave * kept

    def _under(self, name: str, wave: Wave, beside: dict[str, list[Wave]]) -> Iterator[Case]:
        """A voice under each sort of rest, at every ratio."""
        for sort, rest in beside.items():
            for ratio_db in RATIOS_DB:
                other = rest[self._rng.integers(len(rest))]
                yield (
                    f"{name} under {sort}",
                    over(wave, [other], ratio_db, self._rng),
                    sounding(wave),
                )


def _synthetic() -> Iterator[Case]:
    for beside in (None, *BESIDE):
        for number in range(SYNTHETIC):
            wave, _, performance = mixture(KINDS[number % 4], beside, 7000 + number)
            true = performance.sampled(performance.energy, TRACK_HZ) > 0.12
            yield f"F1, synthetic, {beside or 'alone'}", wave, true


if __name__ == "__main__":
    sys.exit(main())
