"""Mixtures with known parts, for tests and benchmarks; other seeds than those of the training."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pipeline.nursery import sound
from pipeline.nursery.performance import Performance, perform

RATE = 16000

BESIDE: dict[str, Callable[[float, int, np.random.Generator], np.ndarray]] = {
    "adult": sound.adult_speech,
    "television": sound.television,
    "music": sound.music,
    "noise": sound.noise,
}


def infant(kind: str, seed: int, span_s: float = 4.0) -> tuple[np.ndarray, Performance]:
    """An infant's stem, peak 0.5, and what it performs."""
    rng = np.random.default_rng([77, seed, *kind.encode()])
    performance = perform(kind, span_s, rng)
    return sound.infant(performance, RATE, rng).astype(np.float32), performance


def mixture(kind: str, beside: str | None, seed: int, ratio_db: float = 0.0, span_s: float = 4.0):
    """(mixture, infant's part, performance): infant `ratio_db` above what is beside it."""
    stem, performance = infant(kind, seed, span_s)
    rng = np.random.default_rng([78, seed])
    rest = sound.at_ratio(sound.noise(span_s, RATE, rng, "rush"), stem, -35.0)
    if beside:
        rest = rest + sound.at_ratio(BESIDE[beside](span_s, RATE, rng), stem, -ratio_db)
    gain = 0.6 / np.abs(stem + rest).max()
    return (gain * (stem + rest)).astype(np.float32), (gain * stem).astype(np.float32), performance


def si_sdr_db(estimate: np.ndarray, truth: np.ndarray) -> float:
    """Scale-invariant signal-to-distortion ratio (Le Roux et al. 2019)."""
    estimate, truth = (x.astype(np.float64) - x.mean(dtype=np.float64) for x in (estimate, truth))
    target = truth * (estimate @ truth) / max(truth @ truth, 1e-12)
    error = estimate - target
    return float(10 * np.log10((target @ target + 1e-12) / (error @ error + 1e-12)))


def f1(said: np.ndarray, true: np.ndarray) -> float:
    """F1 of two boolean tracks."""
    both = min(len(said), len(true))
    said, true = said[:both], true[:both]
    return 2.0 * (said & true).sum() / max(1, said.sum() + true.sum())
