"""Small films that differ: blobs that drift over a backdrop, under chirps and noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline import media

SPAN_S = 3.0
SIDE_PX = 96


def picture(seed: int, time_s: float) -> NDArray[np.uint8]:
    """One frame (96, 96, 3) of the film of that seed."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:SIDE_PX, 0:SIDE_PX] / SIDE_PX
    light = 90 + 60 * np.sin(rng.uniform(2, 7) * x + rng.uniform(2, 7) * y + rng.uniform(0, 6))
    for _ in range(4):
        at = rng.uniform(0.2, 0.8, 2) + 0.1 * np.sin(rng.uniform(1, 4, 2) * time_s)
        sign = rng.choice([-1, 1])
        light += sign * 90 * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / 0.02)
    return np.repeat(np.clip(light, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def sound(seed: int, rate_hz: int = 16_000) -> NDArray[np.float32]:
    """The sound of the film of that seed."""
    rng = np.random.default_rng(seed + 1000)
    time_s = np.arange(round(SPAN_S * rate_hz)) / rate_hz
    total = np.zeros(len(time_s))
    for _ in range(14):
        begin, span, low = rng.uniform(0, SPAN_S), rng.uniform(0.1, 0.5), rng.uniform(200, 3000)
        inside = np.clip((time_s - begin) / span, 0, 1)
        phase = np.cumsum(low * (1 + rng.uniform(-0.4, 0.4) * inside)) / rate_hz
        total += 0.2 * np.sin(np.pi * inside) * np.sin(2 * np.pi * phase)
    # Last, for how much of it is drawn depends on the rate.
    total += rng.normal(0, 0.003, len(time_s))
    return (0.5 * total).astype(np.float32)


def film(path: Path, seed: int, heard: int | None = None) -> Path:
    """Write the film of a seed, under the sound of another where one is given."""
    wav = path.with_suffix(".wav")
    media.write_sound(wav, sound(seed if heard is None else heard, 44_100), 44_100)
    with media.VideoWriter(path, SIDE_PX, SIDE_PX, sound=wav) as video:
        for number in range(round(SPAN_S * media.FPS)):
            video.write(picture(seed, number / media.FPS))
    wav.unlink()
    return path
