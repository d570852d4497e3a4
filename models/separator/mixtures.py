"""Endless mixtures of an infant and everything else, with the infant's part: what is learned from.

Each draws stems from the bank (`models/separator/stems.py`), gives them other speeds, colours,
rooms, bands and levels, and puts the whole through a microphone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from models.separator.stems import Stem
from pipeline.nursery.sound.room import impulse_response

RATE = 16000
SPAN_S = 6.0
SAMPLES = round(SPAN_S * RATE)
_FFT = 1 << 17

Array = NDArray[np.float32]

_BESIDE = (
    ("noise",),
    ("adult",),
    ("other",),
    ("music",),
    ("television",),
    ("adult", "noise"),
    ("adult", "other"),
    ("adult", "adult"),
    ("music", "noise"),
)
_OFTEN = (0.30, 0.26, 0.06, 0.10, 0.09, 0.06, 0.03, 0.06, 0.04)
_RECORDED = ("noise", "music")
_SORTS = {
    "animals": 3.0,
    "birds": 2.0,
    "dogs": 2.0,
    "cats": 1.5,
    "signals": 1.5,
    "screams": 0.4,
    "instruments": 1.5,
}
"""How often a sort of noise is drawn beside the others': these sound the most like an infant."""


@dataclass(frozen=True)
class Shares:
    """How often what happens in a mixture, 0..1."""

    real: float = 0.5
    """The infant is a real recording."""
    adult: float = 0.8
    """An adult is a real recording."""
    infant: float = 0.86
    """An infant is there at all."""
    moment: float = 0.15
    """It sounds but for a moment, as a laugh between what others say."""
    alone: float = 0.16
    """Nothing else is."""
    music: float = 0.6
    """Music is a real recording."""
    call: float = 0.25
    """A noise is a made call or signal."""
    noise: float = 0.2
    """A noise is one of the nursery's."""


class Mixer:
    """Draws mixtures from a bank of stems."""

    def __init__(
        self, stems: Sequence[Stem], rng: np.random.Generator, shares: Shares | None = None
    ) -> None:
        self._rng = rng
        self._shares = shares or Shares()
        self._groups: dict[str, list[Stem]] = {}
        for stem in stems:
            self._groups.setdefault(stem.group, []).append(stem)
        self._noises: dict[str, list[Stem]] = {}
        for stem in self._groups.get("real_noise", []):
            self._noises.setdefault(stem.kind, []).append(stem)
        self._rooms = [_room(rng) for _ in range(96)]

    def draw(self) -> tuple[Array, Array]:
        """A mixture (SAMPLES,) and the infant in it (SAMPLES,)."""
        rng = self._rng
        infant = rest = np.zeros(SAMPLES, np.float32)
        if rng.random() < self._shares.infant:
            infant = self._infant()
        if not infant.any() or rng.random() >= self._shares.alone:
            rest = self._rest(infant)
        if rng.random() < 0.15:
            infant, rest = self._recorded(infant, rest)
        gain = np.float32(10 ** (rng.uniform(-30, 0) / 20) * 0.9 / max(_top(infant + rest), 1e-3))
        hiss = rng.standard_normal(SAMPLES).astype(np.float32)
        rest = rest + hiss * np.float32(10 ** rng.uniform(-5, -2.7))
        return gain * (infant + rest), gain * infant

    def _infant(self) -> Array:
        rng = self._rng
        wave = self._changed(self._pick("infant", self._shares.real), 0.4)
        if rng.random() < 0.12:
            top = _top(wave) * 10 ** (-rng.uniform(1, 14) / 20)
            wave = np.clip(wave, -top, top)
        if rng.random() < 0.6:
            wave = self._filtered(wave, self._shape(wet=0.3, narrow=0.3))
        draw = rng.random() - 0.25
        if draw < 0:
            return self._interrupted(wave)
        return self._for_a_moment(wave) if draw < self._shares.moment else wave

    def _rest(self, infant: Array) -> Array:
        rng = self._rng
        parts = []
        for name in _BESIDE[rng.choice(len(_BESIDE), p=_OFTEN)]:
            narrow = 0.3 if name in _RECORDED else 0.15
            wave = self._filtered(self._sound(name), self._shape(wet=0.3, narrow=narrow))
            wave = self._interrupted(wave) if rng.random() < 0.15 else wave
            parts.append(wave / max(np.sqrt(_power(wave)), 1e-6) * 10 ** (rng.uniform(-6, 6) / 20))
        rest = np.asarray(sum(parts), np.float32)
        ratio_db = rng.uniform(-10, 15) if rng.random() < 0.85 else rng.uniform(15, 35)
        # A bark in a quiet room is far louder than the mean of its recording says.
        power = _power if rng.random() < 0.5 else _mean_power
        level = np.sqrt((power(infant) or 0.01) / max(power(rest), 1e-9))
        return (rest * level * 10 ** (-ratio_db / 20)).astype(np.float32)

    def _sound(self, name: str) -> Array:
        """One sound that is no infant's, (SAMPLES,); a recorded one where there is any."""
        rng = self._rng
        if name == "noise":
            draw = rng.random() - self._shares.call
            if draw < 0 and "call" in self._groups:
                return self._changed(self._pick("call", 0.0), 0.3)
            if draw > self._shares.noise and self._noises:
                return self._noise()
        real, spread = {
            "adult": (self._shares.adult, 0.2),
            "music": (self._shares.music, 0.3),
            "noise": (0.0, 0.3),
        }.get(name, (0.15, 0.15))
        return self._changed(self._pick(name, real), spread)

    def _noise(self) -> Array:
        """Recorded noises of one sort, which follow one another, or one of them once."""
        rng = self._rng
        names = list(self._noises)
        chances = np.array([_SORTS.get(name, 1.0) for name in names])
        found = self._noises[names[rng.choice(len(names), p=chances / chances.sum())]]
        wave = np.zeros(SAMPLES, np.float32)
        stem, again = found[rng.integers(len(found))], rng.random() < 0.75
        at = -round(rng.uniform(0, 0.5) * min(len(stem.wave), SAMPLES))
        gap_s = rng.uniform(0, 0.5)
        while at < SAMPLES:
            part = self._respeeded(stem, 0.45)[max(0, -at) :]
            at = max(0, at)
            part = part[: SAMPLES - at]
            wave[at : at + len(part)] += part
            at += len(part) + round(rng.exponential(gap_s) * RATE)
            if not again:
                break
            if rng.random() < 0.4:
                stem = found[rng.integers(len(found))]
        return wave

    def _pick(self, name: str, real: float) -> Stem:
        """A stem of a group, recorded with chance `real` where there are both; else of any."""
        ways = [self._groups.get(name, []), self._groups.get(f"real_{name}", [])]
        among = ways[self._rng.random() < real] or ways[0] or ways[1]
        return among[self._rng.integers(len(among))] if among else self._pick("other", real)

    def _changed(self, stem: Stem, spread: float) -> Array:
        """Cut SAMPLES out of a stem at another speed, upside down or not."""
        wave = self._respeeded(stem, spread)
        return np.pad(wave, (0, SAMPLES - len(wave)))

    def _respeeded(self, stem: Stem, spread: float) -> Array:
        """At most SAMPLES of a stem at another speed, upside down or not."""
        rng = self._rng
        speed = 2 ** rng.uniform(-spread, spread)
        start = int(rng.uniform(0, max(1.0, len(stem.wave) - SAMPLES * speed)))
        source = stem.wave[start : start + int(SAMPLES * speed) + 2].astype(np.float32)
        places = speed * np.arange(min(SAMPLES, max(1, int(len(source) / speed))))
        wave = np.interp(places, np.arange(len(source)), source, right=0.0)
        return (wave * rng.choice([-1.0, 1.0])).astype(np.float32)

    def _shape(self, wet: float, narrow: float) -> NDArray:
        """A colour, and perhaps a room and the band of a telephone, as a gain over frequency."""
        rng = self._rng
        hz = np.linspace(0, RATE / 2, _FFT // 2 + 1)
        octaves = np.log2(np.maximum(hz, 62.5) / 62.5)
        gain = 10 ** (np.interp(octaves, np.arange(8), rng.normal(0, 4, 8)) / 20)
        if rng.random() < wet:
            gain = gain * self._rooms[rng.integers(len(self._rooms))]
        return gain * _band(hz, rng) if rng.random() < narrow else gain

    @staticmethod
    def _filtered(wave: Array, gain: NDArray) -> Array:
        return fft.irfft(fft.rfft(wave, _FFT) * gain, _FFT)[:SAMPLES].astype(np.float32)

    def _interrupted(self, wave: Array) -> Array:
        """Let a sound begin late or end early."""
        edge = round(self._rng.uniform(0.2, 0.8) * SAMPLES)
        gate = np.clip((edge - np.arange(SAMPLES)) / 800, 0, 1).astype(np.float32)
        return wave * (gate if self._rng.random() < 0.5 else gate[::-1])

    def _for_a_moment(self, wave: Array) -> Array:
        """Leave a second of a sound, around a place where it is loud."""
        rng = self._rng
        loud = np.flatnonzero(np.abs(wave) > 0.3 * _top(wave))
        middle = loud[rng.integers(len(loud))] if len(loud) else SAMPLES // 2
        away = np.abs(np.arange(SAMPLES) - middle) - rng.uniform(0.15, 0.6) * RATE
        return wave * np.clip(1 - away / 800, 0, 1).astype(np.float32)

    def _recorded(self, infant: Array, rest: Array) -> tuple[Array, Array]:
        """Both through one bad microphone: a narrow band, clipping, or a telephone's mu-law."""
        rng = self._rng
        gain = _band(np.linspace(0, RATE / 2, _FFT // 2 + 1), rng)
        infant, rest = (self._filtered(part, gain) for part in (infant, rest))
        fault = rng.random()
        whole = infant + rest
        if fault < 0.25:
            top = _top(whole) * 10 ** (-rng.uniform(1, 8) / 20)
            rest = np.clip(whole, -top, top) - infant
        elif fault < 0.5:
            rest = _mu_law(whole) - infant
        return infant, rest


def _room(rng: np.random.Generator) -> NDArray[np.complex64]:
    response = impulse_response(RATE, rng, rng.uniform(0.15, 1.3), rng.uniform(-12, 4))
    return np.asarray(fft.rfft(response.astype(np.float32), _FFT))


def _band(hz: NDArray, rng: np.random.Generator) -> NDArray:
    low_hz, high_hz = rng.uniform(20, 300), 10 ** rng.uniform(3.5, 3.88)
    return np.asarray((1 - np.exp(-((hz / low_hz) ** 2))) / np.sqrt(1 + (hz / high_hz) ** 24))


def _mu_law(wave: Array) -> Array:
    """Eight bits of ITU-T G.711, one sample after the other, of a wave that may be quiet."""
    top = max(_top(wave), 1e-6)
    pressed = np.sign(wave) * np.log1p(255 * np.abs(wave) / top) / np.log(256)
    coarse = np.round(127 * pressed) / 127
    return (np.sign(coarse) * (256 ** np.abs(coarse) - 1) / 255 * top).astype(np.float32)


def _power(wave: Array) -> float:
    """Mean power of the frames of 20 ms within 30 dB of the loudest."""
    powers = (wave[: len(wave) // 320 * 320].reshape(-1, 320) ** 2).mean(1)
    return float(powers[powers >= 1e-3 * powers.max()].mean()) if powers.max() > 0 else 0.0


def _mean_power(wave: Array) -> float:
    return float((wave**2).mean())


def _top(wave: Array) -> float:
    return float(np.abs(wave).max())
