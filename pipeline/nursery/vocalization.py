"""The kinds of vocalization: when an infant sounds, how loud, how high, and how the jaw goes.

Durations and pitches after Michelsson et al. 2002 (cry, doi 10.1159/000063190), Sauter et al. 2018
(laugh), Dolata et al. 2008 (babble).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from pipeline.nursery.curves import RATE_HZ, Array, arch, beats, rise_and_fall, smooth, wander


@dataclass
class Draft:
    """Tracks while they are being composed."""

    span_s: float
    times: Array = field(init=False)
    energy: Array = field(init=False)
    jaw: Array = field(init=False)
    voiced: Array = field(init=False)
    f0_hz: Array = field(init=False)
    noisiness: Array = field(init=False)
    front: Array = field(init=False)
    arousal: Array = field(init=False)
    press: Array = field(init=False)
    pucker: Array = field(init=False)
    events: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.times = np.arange(round(self.span_s * RATE_HZ)) / RATE_HZ
        flat = np.zeros_like(self.times)
        self.energy, self.jaw, self.arousal = flat.copy(), flat.copy(), flat.copy()
        self.press, self.pucker = flat.copy(), flat.copy()
        self.voiced, self.noisiness = flat + 1.0, flat + 0.05
        self.f0_hz, self.front = flat + 380.0, flat + 0.5

    def within(self, start_s: float, end_s: float) -> slice:
        """Samples between two times."""
        return slice(max(0, round(start_s * RATE_HZ)), max(0, round(end_s * RATE_HZ)))


def _cry(draft: Draft, rng: np.random.Generator) -> None:
    """Bursts of 1.4 +- 0.6 s with an inspiration after each; pitch rises, then falls."""
    drive = rng.uniform(0.7, 1.0)
    pitch_hz = float(np.clip(rng.normal(480, 55), 370, 600))
    at_s = rng.uniform(0.05, 0.4)
    while at_s < draft.span_s - 0.3:
        long_s = float(np.clip(rng.normal(1.3, 0.5), 0.5, 2.5))
        peak = drive * rng.uniform(0.75, 1.0)
        _cry_burst(draft, rng, at_s, at_s + long_s, peak, pitch_hz * rng.uniform(0.92, 1.08))
        at_s += long_s + rng.uniform(0.04, 0.12)
        breath_s = rng.uniform(0.15, 0.3)
        _inspiration(draft, rng, at_s, at_s + breath_s, peak, pitch_hz)
        at_s += breath_s + rng.uniform(0.03, 0.1)
        if rng.random() < 0.12:
            at_s += rng.uniform(0.3, 0.8)


def _cry_burst(
    draft: Draft,
    rng: np.random.Generator,
    start_s: float,
    end_s: float,
    peak: float,
    pitch_hz: float,
) -> None:
    swell = arch(draft.times, start_s, end_s, rng.uniform(0.1, 0.25), rng.uniform(0.2, 0.45))
    tremor = 1 + 0.07 * np.sin(2 * np.pi * rng.uniform(5, 8) * draft.times + rng.uniform(0, 6))
    draft.energy = np.maximum(draft.energy, peak * swell * tremor)
    draft.jaw = np.maximum(draft.jaw, (0.1 + 0.9 * peak) * swell)
    draft.arousal = np.maximum(draft.arousal, peak * arch(draft.times, start_s, end_s, 0.3, 0.8))
    where = draft.within(start_s, end_s)
    phase = (draft.times[where] - start_s) / (end_s - start_s)
    if rng.random() < 0.1:
        pitch_hz = rng.uniform(1000, 1700)
    draft.f0_hz[where] = pitch_hz * rise_and_fall(phase, rng)
    if rng.random() < 0.5:
        centre, width = rng.uniform(0.2, 0.8), rng.uniform(0.1, 0.35)
        rough = np.exp(-0.5 * ((phase - centre) / width) ** 2)
        draft.noisiness[where] += rng.uniform(0.3, 0.8) * rough
    draft.front[where] = rng.uniform(0.45, 0.75)
    draft.events.append((start_s, min(end_s, draft.span_s)))


def _inspiration(
    draft: Draft,
    rng: np.random.Generator,
    start_s: float,
    end_s: float,
    peak: float,
    pitch_hz: float,
) -> None:
    if start_s > draft.span_s - 0.1:
        return
    swell = arch(draft.times, start_s, end_s, 0.06, 0.06)
    draft.energy = np.maximum(draft.energy, 0.35 * peak * swell)
    held = arch(draft.times, start_s - 0.15, end_s + 0.1, 0.12, 0.12)
    draft.jaw = np.maximum(draft.jaw, 0.4 * peak * held)
    where = draft.within(start_s, end_s)
    draft.voiced[where] = rng.uniform(0.0, 0.6)
    draft.noisiness[where] = 0.8
    draft.f0_hz[where] = pitch_hz * rng.uniform(1.2, 1.6)


def _laugh(draft: Draft, rng: np.random.Generator) -> None:
    """Bouts of 0.5 to 2 s of about five giggles a second, on the way out and on the way in."""
    pitch_hz = rng.uniform(320, 520)
    drive = rng.uniform(0.7, 1.0)
    at_s = rng.uniform(0.05, 0.4)
    while at_s < draft.span_s - 0.3:
        long_s = rng.uniform(0.6, 2.0)
        peak = drive * rng.uniform(0.75, 1.0)
        outward = True
        bout = arch(draft.times, at_s, at_s + long_s, 0.15, 0.35)
        draft.arousal = np.maximum(draft.arousal, peak * smooth(bout, 0.12))
        draft.jaw = np.maximum(draft.jaw, 0.3 * peak * bout)
        for start_s in beats(at_s, at_s + long_s, rng.uniform(4.4, 5.6), rng):
            faded = peak * (1 - 0.3 * (start_s - at_s) / long_s)
            _giggle(draft, rng, start_s, faded, pitch_hz, outward)
            outward = rng.random() > 0.25
        at_s += long_s + rng.uniform(0.25, 0.7)


def _giggle(
    draft: Draft,
    rng: np.random.Generator,
    start_s: float,
    peak: float,
    pitch_hz: float,
    outward: bool,
) -> None:
    long_s = rng.uniform(0.12, 0.16)
    strength = peak * rng.uniform(0.8, 1.0) * (1.0 if outward else 0.65)
    swell = arch(draft.times, start_s, start_s + long_s, 0.035, 0.07)
    draft.energy = np.maximum(draft.energy, strength * swell)
    draft.jaw = np.maximum(draft.jaw, (0.2 + 0.75 * strength) * smooth(swell, 0.012))
    where = draft.within(start_s - 0.01, start_s + long_s + 0.02)
    phase = np.linspace(0, 1, len(draft.times[where]))
    lift = rng.uniform(0.95, 1.35) * (1.0 if outward else 1.4)
    draft.f0_hz[where] = pitch_hz * lift * (1.1 - 0.25 * phase)
    draft.noisiness[where] = rng.uniform(0.15, 0.4) + (0.0 if outward else 0.3)
    draft.voiced[where] = 1.0 if outward else rng.uniform(0.3, 0.9)
    draft.front[where] = rng.uniform(0.6, 0.8)
    if start_s + long_s <= draft.span_s:
        draft.events.append((start_s, start_s + long_s))


def _babble(draft: Draft, rng: np.random.Generator) -> None:
    """Phrases of about three syllables a second: a closure, then an open vowel."""
    pitch_hz = rng.uniform(280, 400)
    at_s = rng.uniform(0.05, 0.4)
    while at_s < draft.span_s - 0.3:
        long_s = rng.uniform(0.8, 2.8)
        peak = rng.uniform(0.65, 0.95)
        front, rounded = rng.uniform(0.1, 0.9), rng.random() < 0.3
        labial = rng.random() < 0.6
        rise = rng.uniform(-0.25, 0.15)
        begins = beats(at_s, at_s + long_s, rng.uniform(2.6, 3.4), rng)
        for start_s, next_s in zip(begins, [*begins[1:], begins[-1] + 0.33], strict=True):
            along = (start_s - at_s) / long_s
            tone_hz = pitch_hz * (1 + rise * along) * rng.uniform(0.95, 1.08)
            if rng.random() < 0.3:
                front = rng.uniform(0.1, 0.9)
            _syllable(draft, rng, start_s, next_s, peak * rng.uniform(0.85, 1), tone_hz, labial)
            draft.front[draft.within(start_s, next_s)] = front
            if rounded:
                vowel = arch(draft.times, start_s, next_s, 0.08, 0.08)
                draft.pucker = np.maximum(draft.pucker, 0.6 * vowel)
        draft.arousal = np.maximum(
            draft.arousal, 0.4 * peak * arch(draft.times, at_s, at_s + long_s, 0.2, 0.4)
        )
        at_s = begins[-1] + 0.33 + rng.uniform(0.25, 0.8)


def _syllable(
    draft: Draft,
    rng: np.random.Generator,
    start_s: float,
    next_s: float,
    peak: float,
    tone_hz: float,
    labial: bool,
) -> None:
    closed_s = rng.uniform(0.05, 0.09)
    open_s = start_s + closed_s
    swell = arch(draft.times, open_s, next_s, 0.07, 0.12)
    murmur = 0.22 * peak * arch(draft.times, start_s, open_s + 0.03, 0.02, 0.02)
    draft.energy = np.maximum(draft.energy, np.maximum(peak * swell, murmur))
    draft.jaw = np.maximum(draft.jaw, (0.05 + 0.75 * peak) * swell)
    if labial:
        draft.press = np.maximum(
            draft.press, arch(draft.times, start_s - 0.02, open_s + 0.03, 0.03, 0.03)
        )
    where = draft.within(start_s, next_s)
    phase = np.linspace(0, 1, len(draft.times[where]))
    draft.f0_hz[where] = np.clip(tone_hz * (1.03 + 0.06 * np.sin(np.pi * phase)), 245, 460)
    draft.noisiness[where] = 0.06
    if next_s <= draft.span_s:
        draft.events.append((start_s, next_s))


def _fuss(draft: Draft, rng: np.random.Generator) -> None:
    """Whimpers of 0.2 to 0.7 s at irregular intervals: the way into a cry."""
    pitch_hz = rng.uniform(330, 470)
    at_s = rng.uniform(0.05, 0.5)
    while at_s < draft.span_s - 0.3:
        long_s = rng.uniform(0.2, 0.7)
        peak = rng.uniform(0.35, 0.65)
        swell = arch(draft.times, at_s, at_s + long_s, 0.07, 0.12)
        draft.energy = np.maximum(draft.energy, peak * swell)
        draft.jaw = np.maximum(draft.jaw, 0.7 * peak * swell)
        draft.arousal = np.maximum(
            draft.arousal, peak * arch(draft.times, at_s - 0.2, at_s + long_s + 0.4, 0.3, 0.4)
        )
        where = draft.within(at_s, at_s + long_s)
        phase = np.linspace(0, 1, len(draft.times[where]))
        draft.f0_hz[where] = pitch_hz * rise_and_fall(phase, rng)
        draft.noisiness[where] = rng.uniform(0.1, 0.6)
        draft.events.append((at_s, min(at_s + long_s, draft.span_s)))
        at_s += long_s + rng.uniform(0.25, 0.9)


def _silent(draft: Draft, rng: np.random.Generator) -> None:
    """Nothing to hear: small movements of the mouth, a passing mood."""
    drift = wander(draft.times, rng, 1.0, slow_s=0.5) - 1.0
    draft.jaw = np.clip(0.06 + 0.05 * drift, 0.0, 0.25)
    draft.arousal = np.clip(0.15 + 0.12 * drift, 0.0, 0.5)


SCORES: dict[str, Callable[[Draft, np.random.Generator], None]] = {
    "cry": _cry,
    "laugh": _laugh,
    "babble": _babble,
    "fuss": _fuss,
    "silent": _silent,
}
KINDS = tuple(SCORES)
