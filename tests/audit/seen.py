"""What can be heard and seen of one clip of a made-up run: sound, stem, and a fitted mesh."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline import media
from pipeline.audit import read
from pipeline.audit.spectrogram import STEM
from pipeline.core import tables
from pipeline.core.store import Store
from tests.audit import fake

CLIP = "good"
UNFITTED = 5
"""A frame to which nothing was fitted."""
RATE_HZ = 16_000


def add(root: Path) -> Path:
    """Lay sound, stem and fit of CLIP beside its video, and return the run."""
    data, store = root / "data", Store(root / "data" / ".store")
    account = read.read(data)
    key = account.about("download", CLIP)["media_key"]
    times = np.arange(round(fake.FRAMES / media.FPS * RATE_HZ)) / RATE_HZ
    tone = (0.3 * np.sin(2 * np.pi * 900 * times)).astype(np.float32)
    media.write_sound(store.entry("media", key).path / media.SOUND_16K, tone, RATE_HZ)
    with store.publish("stem", key) as out:
        media.write_sound(out / STEM, tone * (times > 1), RATE_HZ)
    path = data / "isolate" / "clips.parquet"
    clips = tables.read(path)
    tables.write(path, clips.assign(stem_key=np.where(clips["clip"] == CLIP, key, "e" * 64)))
    with store.publish("fit", account.about("fit", CLIP)["fit_key"]) as out:
        np.savez(out / "fit.npz", **_fit())
    return root


def _fit() -> dict[str, np.ndarray]:
    """The mean head in the middle of the picture."""
    frames = fake.FRAMES
    valid = np.ones(frames, bool)
    valid[UNFITTED] = False
    return {
        "identity": np.zeros(32, np.float32),
        "age": np.zeros(1, np.float32),
        "focal_px": np.float32(180),
        "expression": np.zeros((frames, 64), np.float32),
        "rotation": np.zeros((frames, 3), np.float32),
        "translation": np.tile(np.float32([0, 0, 600]), (frames, 1)),
        "valid": valid,
    }
