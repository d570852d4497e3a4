"""What rooms and recorders do to a sound, and how loud things are beside one another."""

from __future__ import annotations

import numpy as np
from scipy.signal import butter, fftconvolve, sosfiltfilt

from pipeline.nursery.sound.voice import Array


def echo(
    sound: Array, rate: int, rng: np.random.Generator, t60_s: float = 0.8, wet_db: float = 0.0
) -> Array:
    """The sound (n,) in a room: direct, then a tail that falls by 60 dB in `t60_s` seconds.

    `wet_db` is the power of the tail beside the direct sound. The length stays the same.
    """
    return np.asarray(fftconvolve(sound, impulse_response(rate, rng, t60_s, wet_db))[: len(sound)])


def impulse_response(
    rate: int, rng: np.random.Generator, t60_s: float, wet_db: float = 0.0
) -> Array:
    """Response of a room: 1 at the start, a few reflections, an exponential tail of noise."""
    times = np.arange(round(1.1 * t60_s * rate)) / rate
    tail = rng.standard_normal(len(times)) * 10 ** (-3 * times / t60_s)
    tail[: round(rng.uniform(0.003, 0.02) * rate)] = 0.0
    for delay_s in rng.uniform(0.004, 0.05, 6):
        at = round(delay_s * rate)
        if at < len(tail):
            tail[at] += rng.uniform(2, 6) * float(rng.choice([-1, 1]))
    dull = butter(1, min(rng.uniform(3000, 7000), 0.4 * rate), fs=rate, output="sos")
    tail = sosfiltfilt(dull, tail) if len(tail) > 30 else tail
    tail *= np.sqrt(10 ** (wet_db / 10) / max(float((tail**2).sum()), 1e-12))
    tail[0] += 1.0
    return tail


def telephone(sound: Array, rate: int, low_hz: float = 200.0, high_hz: float = 3600.0) -> Array:
    """The sound (n,) through a telephone's band."""
    band = butter(4, (low_hz, min(high_hz, 0.45 * rate)), "bandpass", fs=rate, output="sos")
    return np.asarray(sosfiltfilt(band, sound)) if len(sound) > 60 else sound


def overdriven(sound: Array, drive_db: float) -> Array:
    """The sound (n,) recorded too loud: amplified so that its peaks are cut off at +-0.99."""
    top = max(float(np.abs(sound).max(initial=0.0)), 1e-9)
    return np.clip(sound / top * 10 ** (drive_db / 20), -0.99, 0.99)


def power(sound: Array) -> float:
    """Mean power where there is sound (20 ms frames within 30 dB of the loudest)."""
    frames = sound[: len(sound) // 320 * 320].reshape(-1, 320)
    if not len(frames):
        return float(np.mean(sound**2)) if len(sound) else 0.0
    powers = (frames**2).mean(1)
    return float(powers[powers >= powers.max() * 1e-3].mean())


def at_ratio(sound: Array, beside: Array, ratio_db: float) -> Array:
    """Scale a sound so that its power is `ratio_db` above that of the one `beside` it."""
    own, other = power(sound), power(beside)
    if own <= 0 or other <= 0:
        return sound
    return sound * np.sqrt(other / own * 10 ** (ratio_db / 10))
