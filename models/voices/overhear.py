"""Events that the tracker hears as an infant's, before the second opinion: `python overhear.py`.

In infants (real ones, alone, in other voices and rhythms, under noise and talk; synthetic ones)
and in what is none (the bank's noises, above all animals, in other sizes; adults). Their numbers go
into tmp/voices/events_learned.npz, and those of held-out voices into events_held.npz: `name` of
each is what it was heard in, which begins with `none` where that is no infant, and `numbers` are
what `judge.py` learns from.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
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

from pipeline.voice.backends import SEPARATORS, Separator, Voices
from pipeline.voice.sounding import sung
from pipeline.voice.voices_embedded import Embedded
from pipeline.voice.voices_judged import overheard
from tests.bench.voices import over, sounding

HERE = Path(__file__).resolve().parent
MADE = HERE.parents[1] / "tmp" / "voices"
TIMES = {"dogs": 30, "cats": 60, "birds": 8, "animals": 7, "people": 10, "signals": 6}
"""In how many sizes a sort of noise is heard; others in one, held-out ones in their own alone."""
EAGER = 1.2
"""Logits given to an infant in half of the sounds: what is all but taken for one teaches too."""
_AT_ONCE = 512
"""Sounds that wait for their turn: 160 MB of them."""

Wave = NDArray[np.float32]
Floats = NDArray[np.float64]
Case = tuple[str, Wave, NDArray[np.bool_]]
Asked = tuple[str, Wave, NDArray[np.bool_], bool]
"""A case, and whether it is heard eagerly."""


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
            asked = ((*case, not held and number % 2 > 0) for number, case in enumerate(cases))
            rows = [
                row for part in _some(asked) for each in workers.map(_heard, part) for row in each
            ]
            names, numbers = zip(*rows, strict=True)
            path = MADE / f"events_{name}.npz"
            np.savez(path, name=np.array(names), numbers=np.stack(numbers).astype(np.float32))
            print(f"{path.name}: {len(rows)} events", flush=True)
    return 0


def _some(cases: Iterator[Asked]) -> Iterator[list[Asked]]:
    while some := list(itertools.islice(cases, _AT_ONCE)):
        yield some


@cache
def _ears() -> tuple[Separator, Embedded]:
    return SEPARATORS.load("embedded"), Embedded("cpu", judge=None)


def _heard(asked: Asked) -> list[tuple[str, Floats]]:
    """Of each event heard as an infant's: in what (`none, SORT` if in no infant); its numbers."""
    separator, tracker = _ears()
    name, wave, true, eager = asked
    stem, _ = separator.separate(wave, RATE)
    [evidence] = tracker.ears.evidence([wave], [stem])
    voices = tracker.weighed(evidence, wave, stem)
    if eager:
        voices = _eager(voices, stem)
    rows = []
    for start, end, numbers in overheard(voices, evidence, wave, stem):
        share = float(true[start:end].mean()) if len(true[start:end]) else 0.0
        # An event that is half an infant's teaches neither.
        if name.startswith("none") or share > 0.5:
            rows.append((name, numbers))
    return rows


def _eager(voices: Voices, stem: Wave) -> Voices:
    """The same by somebody who hears infants sooner."""
    surely = np.clip(voices.infant, 0.0, 1 - 1e-6)
    infant = surely / (surely + (1 - surely) * np.float32(np.exp(-EAGER)))
    return replace(voices, infant=infant, f0_hz=sung(stem, infant))


def _others(found: Recordings, held: bool, rng: np.random.Generator) -> Iterator[Case]:
    for name, waves in found.noises.items():
        sort = name.split("/")[-1]
        sizes = 0 if held else TIMES.get(sort, 1)
        for wave in waves:
            # Adults who scream are a question of their own.
            if "screams" not in name and len(wave) > RATE // 2:
                yield f"none, {sort}", cut(wave), nobody(wave)
                for _ in range(sizes):
                    yield f"none, {sort}", recorded(cut(other_size(wave, rng)), rng), nobody(wave)
    for waves in found.speakers.values():
        for _ in range(1 if held else 6):
            talk = cut(np.concatenate([waves[n] for n in rng.permutation(len(waves))[:12]]))
            yield "none, talk", talk, nobody(talk)


def _infants(found: Recordings, held: bool, rng: np.random.Generator) -> Iterator[Case]:
    noises = [wave for name, waves in found.noises.items() for wave in waves if "scr" not in name]
    talk = [cut(np.concatenate(waves[:12])) for waves in found.speakers.values()]
    voices = [mixtures.apart(wave)[0] for wave in found.cries]
    for cry, voice in zip(found.cries, voices, strict=True):
        kinds = KINDS if held else rng.permutation(KINDS)[:2].tolist()
        own = [("cry", cry), *((kind, mixtures.in_rhythm(voice, kind, 1.0, rng)) for kind in kinds)]
        if not held:
            own.append(("cry", other_infant(cry, rng)))
        for kind, wave in own:
            yield from _beside(kind, cut(wave), noises, talk, rng)
    for _ in range(40 if held else 80):
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
