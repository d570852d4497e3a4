"""What speaks for an infant in sounds of which it is known: `python listen.py`.

Infants (real ones, alone, in other voices and rhythms, under noise and talk; synthetic ones) and
what is none (noises, above all animals, in other sizes; adults), through the weights that ship.
tmp/voices/evidence.npz holds the evidence of all of them, one after the other, and at each step
whether an infant sounds and how much that counts; `weigh.py` learns from it. trained_on.sha256
gains what was heard.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import mixtures
import numpy as np
import torch
import yaml
from bank import strung
from cases import COUNTS, KINDS, SPAN_S, cut, nobody, other_infant, other_size
from examples import laughing, recorded
from numpy.typing import NDArray
from recordings import RATE, Recordings, Split, filled, read, revoiced

from pipeline.nursery import sound
from pipeline.nursery.performance import perform
from pipeline.voice.backends import SEPARATORS, TRACK_HZ, Separator
from pipeline.voice.voices_evidence import Ears
from tests.bench.voices import over, sounding
from tests.voice.mixing import BESIDE

HERE = Path(__file__).resolve().parent
MADE = HERE.parents[1] / "tmp" / "voices"
_SORTS = {"animals": 3.0, "birds": 2.0, "dogs": 2.5, "cats": 2.0, "signals": 1.5, "people": 1.5}
"""How often a sort of noise is drawn beside the others': these sound the most like an infant."""
_NOBODY, _TALK = 0.28, 0.12
_BESIDE = {"real": (0.2, 0.4, 0.28, 0.12), "synthetic": (0.2, 0.2, 0.1, 0.5)}
"""How often an infant is alone, under a recorded noise, under real talk, under what the nursery
makes: that is what is beside synthetic ones where they are met."""
_SYNTHETIC, _MOMENT = 0.3, 0.4
_ENERGY = 0.12
"""Of a performance, from which on its infant is heard."""

Wave = NDArray[np.float32]
Truth = NDArray[np.bool_]
Case = tuple[Wave, Truth, float]
"""A sound (n,), whether an infant sounds at each step, and how much that counts."""


def main() -> int:
    """Hear, and write what was heard."""
    params = yaml.safe_load((HERE / "params.yaml").read_text(encoding="utf-8"))
    if not (params["real"] and params["bank"]):
        sys.exit("params.yaml: `real` and `bank` have to be given: there is nothing else to hear")
    real, bank = (Path(params[name]).expanduser() for name in ("real", "bank"))
    found = read(real, bank, False, Split(params["held_devices"], params["held_takes"]))
    _name(found.digests)
    rng = np.random.default_rng([params["seed"], 11])
    cases = itertools.islice(Drawn(found, rng).cases(), params["heard"])
    MADE.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as workers:
        parts: list[tuple[NDArray, ...]] = []
        ahead: Iterator[tuple[NDArray, ...]] = iter(())
        while some := list(itertools.islice(cases, 256)):
            # These are heard while the next ones are drawn.
            begun = workers.map(_evidence, some, chunksize=8)
            parts += ahead
            ahead = begun
            print(len(parts), flush=True)
        parts += ahead
    names = ("own", "parted", "words", "stem", "true", "counts")
    columns = dict(zip(names, map(np.concatenate, zip(*parts, strict=True)), strict=True))
    ends = np.cumsum([[len(own), len(words)] for own, _, words, *_ in parts], axis=0)
    np.savez(MADE / "evidence.npz", ends=ends, **columns)
    return 0


def _name(digests: list[str]) -> None:
    """Add what teaches the weighing to what is listed as learned from."""
    listed = HERE / "trained_on.sha256"
    known = {*listed.read_text(encoding="utf-8").split(), *digests}
    listed.write_text("".join(f"{digest}\n" for digest in sorted(known)), encoding="utf-8")


@cache
def _ears() -> tuple[Separator, Ears]:
    return SEPARATORS.load("embedded"), Ears("cpu")


def _evidence(case: Case) -> tuple[NDArray, ...]:
    separator, ears = _ears()
    wave, true, counts = case
    # 54 dB below what single precision makes, in two thirds of the time.
    with torch.autocast("cpu", torch.bfloat16):
        stem, _ = separator.separate(wave, RATE)
    [found] = ears.evidence([wave], [stem])
    columns = (found.own, found.parted[:], found.words, found.stem)
    half = tuple(it.astype(np.float16) for it in columns)
    at = np.minimum(np.arange(len(found.own)), len(true) - 1)
    return *half, true[at], np.full(len(at), counts, np.float16)


class Drawn:
    """Cases without end, drawn from recordings and the nursery."""

    def __init__(self, found: Recordings, rng: np.random.Generator) -> None:
        self._rng, self._cries = rng, found.cries
        self._voices = [mixtures.apart(wave)[0] for wave in found.cries]
        self._speakers = list(found.speakers.values())
        # Adults who scream are a question of their own.
        noises = {name: waves for name, waves in found.noises.items() if "screams" not in name}
        self._noises = [[w for w in waves if len(w) > RATE // 4] for waves in noises.values()]
        often = np.array([_SORTS.get(name.split("/")[-1], 1.0) for name in noises])
        self._often = often / often.sum()

    def cases(self) -> Iterator[Case]:
        """Draw them."""
        while True:
            if self._rng.random() < _NOBODY:
                wave = self._talk() if self._rng.random() < _TALK / _NOBODY else self._noise()
                yield self._recorded(wave), nobody(wave), COUNTS["nobody"]
            else:
                sort = "synthetic" if self._rng.random() < _SYNTHETIC else "real"
                made = self._synthetic() if sort == "synthetic" else self._real()
                wave, true = self._for_a_moment(*made)
                if len(wave) >= RATE and np.abs(wave).max() > 1e-3:
                    beside = self._beside(wave, _BESIDE[sort])
                    yield self._recorded(beside), true, COUNTS[sort]

    def _real(self) -> tuple[Wave, Truth]:
        rng = self._rng
        number = rng.integers(len(self._cries))
        draw = rng.random()
        if draw < 0.4:
            wave = self._cries[number]
        elif draw < 0.65:
            wave = other_infant(self._cries[number], rng)
        elif draw < 0.88:
            kind = ("laugh", "babble", "fuss")[rng.integers(3)]
            wave = mixtures.in_rhythm(self._voices[number], kind, 1.0, rng)
        else:
            wave = laughing(self._voices, rng)
        wave = cut(wave)
        wave = filled(wave, rng) if rng.random() < 0.5 else wave
        return wave, sounding(wave)

    def _synthetic(self) -> tuple[Wave, Truth]:
        """An infant of the nursery, often in another voice."""
        rng = self._rng
        performance = perform(KINDS[rng.integers(len(KINDS))], float(SPAN_S), rng)
        wave = sound.infant(performance, RATE, rng).astype(np.float32)
        if rng.random() < 0.5:
            wave = revoiced(wave, 2 ** rng.uniform(-0.3, 0.3), rng.uniform(0.9, 1.1), 1.0)
        return cut(wave), performance.sampled(performance.energy, TRACK_HZ) > _ENERGY

    def _for_a_moment(self, wave: Wave, true: Truth) -> tuple[Wave, Truth]:
        """Some of them but for a moment or two: who talks beside an infant is none all the time."""
        rng, where = self._rng, np.flatnonzero(true)
        if rng.random() > _MOMENT or not len(where):
            return wave, true
        steps, kept = len(true), np.zeros(len(true), np.float32)
        for _ in range(rng.integers(1, 3)):
            begin = max(0, rng.choice(where) - rng.integers(10))
            kept[begin : begin + round(rng.uniform(0.4, 1.6) * TRACK_HZ)] = 1.0
        along = np.arange(len(wave)) * TRACK_HZ / RATE
        return wave * np.interp(along, np.arange(steps), kept).astype(np.float32), true & (kept > 0)

    def _beside(self, wave: Wave, shares: Sequence[float]) -> Wave:
        rng = self._rng
        beside = (None, self._noise, self._talk, self._made)[rng.choice(len(shares), p=shares)]
        return over(wave, [beside()], rng.uniform(-6, 12), rng) if beside else wave

    def _made(self) -> Wave:
        """What the nursery puts beside an infant."""
        names = list(BESIDE)
        made = BESIDE[names[self._rng.integers(len(names))]](float(SPAN_S), RATE, self._rng)
        return made.astype(np.float32)

    def _recorded(self, wave: Wave) -> Wave:
        """Half of everything, so that microphone and room tell nothing of who sounds."""
        return recorded(wave, self._rng) if self._rng.random() < 0.5 else wave

    def _noise(self) -> Wave:
        """One noise, often in another size, often again and again."""
        rng = self._rng
        waves = self._noises[rng.choice(len(self._noises), p=self._often)]
        wave = waves[rng.integers(len(waves))]
        if rng.random() < 0.6 and len(wave) > RATE // 2:
            wave = other_size(wave[: 2 * SPAN_S * RATE], rng)
        if len(wave) < SPAN_S * RATE and rng.random() < 0.5:
            wave = strung([wave], rng, 0.5)
        return cut(wave[rng.integers(0, max(1, len(wave) - SPAN_S * RATE)) :])

    def _talk(self) -> Wave:
        rng = self._rng
        said = self._speakers[rng.integers(len(self._speakers))]
        wave = cut(strung(said, rng, 0.2))
        if rng.random() < 0.5:
            pitch, tract = 2 ** rng.uniform(-0.4, 0.9), 2 ** rng.uniform(-0.1, 0.2)
            wave = cut(revoiced(wave, pitch, tract, rng.uniform(0.8, 1.2)))
        return wave


if __name__ == "__main__":
    sys.exit(main())
