"""The sound of a performance: an infant's larynx and a vocal tract of about 8 cm."""

from __future__ import annotations

import numpy as np

from pipeline.nursery.performance import RATE_HZ, Performance
from pipeline.nursery.sound.voice import (
    Array,
    Source,
    Tract,
    loudness_to_amplitude,
    vocalise,
)


def infant(performance: Performance, rate: int, rng: np.random.Generator) -> Array:
    """Sound of a performance, (round(span_s * rate),), loudest about 0.5; all zeros if silent.

    The first formant follows the jaw, the second the tongue; a louder voice falls off less
    toward high frequencies. Length of tract, breathiness and tilt are drawn from `rng`.
    """
    source = Source(
        amplitude=loudness_to_amplitude(performance.energy),
        voiced=performance.voiced,
        f0_hz=performance.f0_hz,
        noisiness=np.clip(performance.noisiness * rng.uniform(0.7, 1.3), 0, 1),
        rate_hz=RATE_HZ,
    )
    sound = vocalise(source, _tract(performance, rng), rate, rng)
    return 0.5 * sound / _loudest(sound)


def _tract(performance: Performance, rng: np.random.Generator) -> Tract:
    stretch = rng.uniform(0.85, 1.2)
    jaw, front = performance.mouth_open, performance.front
    rounding = 1 - 0.3 * performance.actions["lip_pucker"]
    nasal = performance.actions["lip_press"]
    first = (480 + 850 * jaw) * (1 - 0.4 * nasal)
    second = (1700 + 1700 * front) * rounding * (1 - 0.15 * nasal)
    centres = np.stack([first, second, 4600 * rounding, 6900 + 0 * jaw, 9300 + 0 * jaw], 1)
    widths = np.stack(
        [110 + 60 * nasal, 180 + 0 * jaw, 300 + 0 * jaw, 500 + 0 * jaw, 800 + 0 * jaw]
    )
    tilt = rng.uniform(3.0, 7.0) - 4.0 * performance.energy
    return Tract(centres * stretch, widths.T * rng.uniform(0.8, 1.6), tilt + 3 * nasal)


def _loudest(sound: Array) -> float:
    return max(float(np.abs(sound).max(initial=0.0)), 1e-9)
