"""Events that the tracker hears as an infant's, before the second opinion: `python overhear.py`.

In infants (real ones, alone, in other voices and rhythms, under noise and talk; synthetic ones)
and in what is none (the bank's noises, above all animals, in other sizes; adults). Their numbers go
into tmp/voices/events_learned.npz, and those of held-out voices into events_held.npz: `name` of
each is what it was heard in, `none` where that is no infant, and `numbers` are what `judge.py`
learns from.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import mixtures
import numpy as np
import yaml
from cases import KINDS, cut, nobody, other_infant, other_size
from examples import laughing, recorded, synthetic
from numpy.typing import NDArray
from recordings import RATE, Recordings, Split, filled, read

from pipeline.voice.backends import SEPARATORS, Separator
from pipeline.voice.voices_embedded import Embedded
from pipeline.voice.voices_judged import overheard
from tests.bench.voices import over, sounding

HERE = Path(__file__).resolve().parent
MADE = HERE.parents[1] / "tmp" / "voices"
TIMES = {"dogs": 14, "cats": 27, "birds": 6, "animals": 6, "people": 8, "signals": 4}
"""In how many sizes a sort of noise is heard; others in one, held-out ones in their own alone."""
_AT_ONCE = 512
"""Sounds that wait for their turn: 160 MB of them."""

Wave = NDArray[np.float32]
Floats = NDArray[np.float64]
Case = tuple[str, Wave, NDArray[np.bool_]]


def main() -> int:
    """Hear both splits, and write what was heard."""
    params = yaml.safe_load((HERE / "params.yaml").read_text(encoding="utf-8"))
    if not (params["real"] and params["bank"]):
        sys.exit("params.yaml: `real` and `bank` have to be given: there is nothing else to hear")
    real, bank = (Path(params[name]).expanduser() for name in ("real", "bank"))
    split = Split(params["held_devices"], params["held_takes"])
    MADE.mkdir(parents=True, exist_ok=True)
    workers = ProcessPoolExecutor(os.cpu_count(), get_context("spawn"))
    with workers:
        for name, held in (("learned", False), ("held", True)):
            rng = np.random.default_rng([params["seed"], 7])
            found = read(real, bank, held, split)
            cases = itertools.chain(_others(found, held, rng), _infants(found, held, rng))
            rows = [
                row for some in _some(cases) for each in workers.map(_heard, some) for row in each
            ]
            names, numbers = zip(*rows, strict=True)
            path = MADE / f"events_{name}.npz"
            np.savez(path, name=np.array(names), numbers=np.stack(numbers).astype(np.float32))
            print(f"{path.name}: {len(rows)} events", flush=True)
    return 0


def _some(cases: Iterator[Case]) -> Iterator[list[Case]]:
    while some := list(itertools.islice(cases, _AT_ONCE)):
        yield some


@cache
def _ears() -> tuple[Separator, Embedded]:
    return SEPARATORS.load("embedded"), Embedded("cpu", judge=None)


def _heard(case: Case) -> list[tuple[str, Floats]]:
    """Of each event that is heard as an infant's: in what, `none` if in no infant; its numbers."""
    separator, tracker = _ears()
    name, wave, true = case
    stem, _ = separator.separate(wave, RATE)
    rows = []
    for start, end, numbers in overheard(tracker.voices(wave, stem, {}), wave, stem):
        share = float(true[start:end].mean()) if len(true[start:end]) else 0.0
        # An event that is half an infant's teaches neither.
        if name == "none" or share > 0.5:
            rows.append((name, numbers))
    return rows


def _others(found: Recordings, held: bool, rng: np.random.Generator) -> Iterator[Case]:
    for name, waves in found.noises.items():
        sizes = 0 if held else TIMES.get(name.split("/")[-1], 1)
        for wave in waves:
            # Adults who scream are a question of their own.
            if "screams" not in name and len(wave) > RATE // 2:
                yield "none", cut(wave), nobody(wave)
                for _ in range(sizes):
                    yield "none", recorded(cut(other_size(wave, rng)), rng), nobody(wave)
    for waves in found.speakers.values():
        for _ in range(1 if held else 6):
            talk = cut(np.concatenate([waves[n] for n in rng.permutation(len(waves))[:12]]))
            yield "none", talk, nobody(talk)


def _infants(found: Recordings, held: bool, rng: np.random.Generator) -> Iterator[Case]:
    noises = [wave for name, waves in found.noises.items() for wave in waves if "scr" not in name]
    talk = [cut(np.concatenate(waves[:12])) for waves in found.speakers.values()]
    voices = [mixtures.apart(wave)[0] for wave in found.cries]
    for cry, voice in zip(found.cries, voices, strict=True):
        own = [("cry", cry), *((kind, mixtures.in_rhythm(voice, kind, 1.0, rng)) for kind in KINDS)]
        if not held:
            own.append(("cry", other_infant(cry, rng)))
        for kind, wave in own:
            yield from _beside(kind, cut(wave), noises, talk, rng)
    for _ in range(60 if held else 180):
        for kind in KINDS:
            made = recorded(cut(synthetic(kind, rng)), rng)
            yield from _beside(f"synthetic {kind}", made, noises, talk, rng)
        laugh = cut(laughing(voices, rng))
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
    beside = cut(rest[rng.integers(len(rest))])
    yield f"{name}, not alone", over(wave, [beside], rng.uniform(-5, 12), rng), true


if __name__ == "__main__":
    sys.exit(main())
