"""How fast a generator is: offline, span by span, while it learns, and what memory it takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pipeline.generator import checkpoint, features, spans, train
from pipeline.generator.params import Train
from pipeline.generator.train import fixed_threads
from pipeline.generator.trainer import Trainer
from pipeline.morph import model
from tests.bench._watched import own_peak_kb

SOUND_S = 10.0
STEPS = 4
LEARNED_BATCHES = 5


def speed(root: Path, device: str, threads: int, repeats: int) -> dict[str, float]:
    """Measure the generator in `root` on one device, with so many CPU threads."""
    with fixed_threads(threads):
        return measured(root, device, repeats)


def measured(root: Path, device: str, repeats: int) -> dict[str, float]:
    """Measure everything.

    Times of sampling are with 4 steps and without the features; `latency` is of 1 s of sound given
    whole, which is what a caller waits for who sends a second at a time.
    """
    generator = checkpoint.load(root / train.MODEL, device)
    pack = spans.read(root / "data/pack")
    span = pack.spans["test"][0]
    extractor = features.load("logmel")
    sound = np.random.default_rng(0).normal(0, 0.1, round(SOUND_S * features.RATE_HZ))

    def sampled(frames: int) -> Callable[[], object]:
        audio = np.resize(span.audio, (frames, span.audio.shape[1]))
        latents = np.zeros((frames, span.expression.shape[1]), np.float32)
        longer = spans.Span(
            **{
                **vars(span),
                "audio": audio,
                "expression": latents,
                "valid": np.ones(frames, bool),
            }
        )
        batch = spans.whole(longer, generator.vocalizations).to(device)
        return lambda: generator.sample(batch, 0, STEPS, 1.0).cpu()

    offline = timed(sampled(round(SOUND_S * features.FPS)), repeats)
    second = timed(sampled(round(features.FPS)), 4 * repeats)
    heard = timed(
        lambda: extractor.extract(sound.astype(np.float32), round(SOUND_S * features.FPS)), repeats
    )
    return {
        "offline_times_real_time": SOUND_S / float(np.median(offline)),
        "features_times_real_time": SOUND_S / float(np.median(heard)),
        "latency_p50_ms": 1000 * float(np.percentile(second, 50)),
        "latency_p95_ms": 1000 * float(np.percentile(second, 95)),
        "learned_frames_a_second": learning(root, device),
        "parameters": sum(p.numel() for p in generator.denoiser.parameters()),
        "peak_memory_mb": own_peak_kb() / 1024,
    }


def timed(work: Callable[[], object], repeats: int) -> list[float]:
    """Seconds of each run, after one that warms up."""
    work()
    found = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return found


def learning(root: Path, device: str) -> float:
    """Frames that training takes in a second."""
    params = Train()
    trainer = Trainer.start(params, spans.read(root / "data/pack"), model.load(), device)
    trainer.step(1)
    began = time.perf_counter()
    for number in range(2, 2 + LEARNED_BATCHES):
        trainer.step(number)
    took_s = time.perf_counter() - began
    return LEARNED_BATCHES * params.batch_spans * params.window_frames / took_s


__all__ = ["speed", "timed"]
