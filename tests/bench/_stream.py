"""How fast a generator follows a sound that comes frame by frame, and what memory that takes.

Everything is in the times: hearing, sampling in four steps, bringing latents back.
"""

from __future__ import annotations

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import psutil

from pipeline.generator import checkpoint, train
from pipeline.generator.features import FPS, RATE_HZ
from pipeline.generator.generate import Follower, Who
from pipeline.generator.live import Sampling
from pipeline.generator.train import fixed_threads
from pipeline.nursery import unseen

STEPS = 4
WARM_S = 5.0
"""What is kept has grown to its full length by then."""


def streaming(root: Path, device: str, threads: int, minutes: float) -> dict[str, float]:
    """Follow so many minutes by the generator in `root`, in a process of its own.

    The heap of one that has trained and judged is full of holes, and fills them for a while.
    """
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, fresh) as process:
        return process.submit(followed, root, device, threads, minutes).result()


def followed(root: Path, device: str, threads: int, minutes: float) -> dict[str, float]:
    """Follow so many minutes by the generator in `root`, a frame's sound at a time."""
    generator = checkpoint.load(root / train.MODEL, device)
    follower = Follower(generator, Who("cry"), Sampling(steps=generator.own_steps or STEPS))
    pieces = [piece.astype(np.float32) for piece in frames_of_sound()]
    process, resident, took = psutil.Process(), [], []
    with fixed_threads(threads):
        for number in range(round(60 * minutes * FPS)):
            began = time.perf_counter()
            follower.push(pieces[number % len(pieces)])
            took.append(time.perf_counter() - began)
            if number % FPS == 0:
                resident.append(process.memory_info().rss / 2**20)
    ms = 1000 * np.array(took)
    warm = resident[round(WARM_S) :]
    return {
        "stream_look_ahead_ms": 1000 * follower.look_ahead_s,
        "stream_minutes": minutes,
        "stream_frame_p50_ms": float(np.percentile(ms, 50)),
        "stream_frame_p95_ms": float(np.percentile(ms, 95)),
        "stream_times_real_time": 1000 / FPS / float(ms.mean()),
        "stream_memory_grown_mb": warm[-1] - warm[0] if warm else 0.0,
    }


def frames_of_sound() -> list[np.ndarray]:
    """Twelve seconds of crying at 16 kHz, cut as soon as all of a frame's sound is there.

    A third of a sample earlier the frame would come with the next one, and two at once every time.
    """
    sound = unseen.unseen("cry", unseen.infant(0), 12.0, np.random.default_rng(5)).sound
    ends = np.ceil(np.arange(1, 12 * FPS) * RATE_HZ / FPS).astype(int)
    return np.split(sound, ends)
