"""A tiny world whose law is known: a sound's energy opens the mouth, its pitch spreads the lips."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pipeline.dataset.shards import Shards
from pipeline.generator.features import Features
from pipeline.generator.logmel import LogMel

VOCALIZATIONS = ["babble", "cry", "laugh"]
RATE_HZ, FPS = 16_000, 30
OPEN, SPREAD = 5, 9
REST_MM, OPEN_MM = 1.0, 6.0


class ToyFace:
    """Eight vertices, six of them lips; latent 5 parts the lips, latent 9 spreads them."""

    name = "toy"
    digest = "0" * 64
    triangles = np.array([[0, 1, 2], [3, 4, 5], [5, 6, 7]])
    lips = np.arange(6)
    aperture_pair = (0, 3)

    def __init__(self) -> None:
        random = np.random.default_rng(5)
        basis = 0.02 * random.standard_normal((64, 8, 3))
        basis[OPEN, :3, 1], basis[OPEN, 3:6, 1] = OPEN_MM / 2, -OPEN_MM / 2
        basis[SPREAD, [1, 4], 0], basis[SPREAD, [2, 5], 0] = 2.0, -2.0
        basis[[OPEN, SPREAD], 6:] = 0
        mean = 10 * random.standard_normal((8, 3))
        mean[3:6] = mean[:3] - np.array([0, REST_MM, 0])
        self.basis = torch.tensor(basis).float()
        self.mean = torch.tensor(mean).float()
        self.identity = torch.tensor(random.standard_normal((32, 8, 3)) * 0.2).float()

    def decode(self, identity: Tensor, expression: Tensor, age: Tensor, rows=None) -> Tensor:
        keep = slice(None) if rows is None else rows
        who = torch.einsum("ni,ivc->nvc", identity, self.identity[:, keep])
        # A person's lips are shaped, not parted, by who they are: the aperture stays comparable.
        shape = who.mean(1, keepdim=True).expand_as(who)
        moved = torch.einsum("ne,evc->nvc", expression, self.basis[:, keep])
        return self.mean[keep] + shape + moved * (1 + 0.01 * age[:, :, None])


def performance(frames: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Bursts at random: loudness 0..1 and pitch in octaves above 300 Hz, (frames,) each."""
    loud, pitch = np.zeros(frames), np.zeros(frames)
    at = int(random.integers(0, 10))
    while at < frames:
        length = int(random.integers(8, 25))
        burst = np.sin(np.pi * np.linspace(0, 1, length)) * random.uniform(0.5, 1.0)
        stop = min(at + length, frames)
        loud[at:stop] = burst[: stop - at]
        pitch[at:stop] = random.uniform(0, 1)
        at = stop + int(random.integers(4, 15))
    return loud, pitch


def voiced(loud: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """Sing a performance at 16 kHz."""
    samples = len(loud) * RATE_HZ // FPS
    time = np.arange(samples) / RATE_HZ * FPS
    level = np.interp(time, np.arange(len(loud)), loud)
    hz = 300 * 2 ** np.interp(time, np.arange(len(pitch)), pitch)
    phase = 2 * np.pi * np.cumsum(hz) / RATE_HZ
    tone = sum(np.sin(k * phase) / k for k in range(1, 5))
    return (0.3 * level * tone).astype(np.float32)


def latents(loud: np.ndarray, pitch: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The law, with a little noise on every latent."""
    made = 0.1 * random.standard_normal((len(loud), 64))
    made[:, OPEN] += 2 * loud
    made[:, SPREAD] += 2 * pitch * loud
    return made.astype(np.float32)


def make_pack(
    folder: Path, counts: dict[str, int] | None = None, frames: int = 90, seed: int = 0
) -> Path:
    """Write a packed dataset of that world; one clip a span."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    features = Features(LogMel())
    counts = {"train": 12, "val": 3, "test": 4} if counts is None else counts
    for split in ("train", "val", "test"):
        shards = Shards(folder, split, features.width, 256.0)
        for number in range(counts.get(split, 0)):
            clip = f"{split}_{number:02d}"
            length = frames - 7 * (number % 3)
            loud, pitch = performance(length, random)
            valid = np.ones(length, bool)
            valid[20:23] = False
            expression = latents(loud, pitch, random)
            expression[20:23] = np.nan
            shards.add(
                {
                    "span_id": f"{clip}__0",
                    "clip": clip,
                    "source": clip,
                    "split": split,
                    "vocalization": VOCALIZATIONS[number % 3],
                    "start_frame": 3,
                    "frames": length,
                    "valid_frames": int(valid.sum()),
                    "synthetic": True,
                    "expression": expression,
                    "pose": np.zeros((length, 6), np.float32),
                    "valid": valid,
                    "audio": features.extract(voiced(loud, pitch), length),
                    "identity": random.standard_normal(32).astype(np.float32),
                    "age": float(random.standard_normal()),
                }
            )
        shards.close()
    meta = {
        "feature": {"name": features.name, "width": features.width},
        "fps": FPS,
        "vocalizations": VOCALIZATIONS,
    }
    (folder / "meta.json").write_text(json.dumps(meta))
    return folder
