"""Trainings judged on infants that they never met: every seed, every rival, and what is possible.

Two rows are nobody's prediction. `another_face` is a further true face of the same sound, judged as
if it had been generated: no sampler can do better on average. `mean_of_faces` is the mean of those
faces: what a regressor would give that had learned everything there is to be learned.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from pipeline.core import tables
from pipeline.core.stage import Stage
from pipeline.generator import checkpoint, evaluate, judge, results, spans, train
from pipeline.generator.judge import OURS, Judge
from pipeline.generator.params import Evaluate, Train
from pipeline.generator.train import fixed_threads
from pipeline.morph import model

ORACLES = ("another_face", "mean_of_faces")


@dataclass(frozen=True)
class Judged:
    """What came of several trainings."""

    rows: pd.DataFrame
    """Every metric by span, method and seed, the seed being the training's."""
    samples: pd.DataFrame
    methods: tuple[str, ...]
    runs: list[dict[str, Any]]
    """How long each took, and where its validation loss was lowest."""

    @property
    def figures(self) -> dict[str, Any]:
        """Means by method, mean over trainings."""
        count = self.rows["span_id"].nunique()
        return results.summarise(self.rows, self.samples, count, self.methods)

    @property
    def margins(self) -> pd.DataFrame:
        """How much better ours is than each rival, with paired intervals."""
        return results.margins(self.rows, self.methods)

    @property
    def certainty(self) -> pd.DataFrame:
        """Intervals of each method, and seeds apart from sources."""
        return results.certainty(self.rows, self.methods)


def trained_and_judged(root: Path, params: list[tuple[Train, Evaluate]]) -> Judged:
    """Train and judge once a pair of parameters; the last generator stays in `root`."""
    parts, samples, runs = [], [], []
    for learning, judging in params:
        began = time.perf_counter()
        train.run(staged(root, "train", learning), model.load())
        trained = time.perf_counter()
        print(f"seed {learning.seed}: trained in {trained - began:.0f} s", flush=True)
        evaluate.run(staged(root, "evaluate", judging), model.load(), undrawn, unheard)
        about = checkpoint.load(root / train.MODEL).about["training"]
        runs.append(
            {
                "seed": learning.seed,
                "train_s": trained - began,
                "evaluate_s": time.perf_counter() - trained,
                **about,
            }
        )
        rows = tables.read(root / "data/evaluate/clips.parquet")
        parts.append(rows.assign(seed=learning.seed))
        samples.append(tables.read(root / "data/evaluate/samples.parquet"))
    methods = judge.methods(params[-1][1])
    return Judged(pd.concat(parts), pd.concat(samples), methods, runs)


def possible(root: Path, judging: Evaluate) -> dict[str, Any]:
    """Judge further true faces of each sound: how far they lie apart, how well they would do."""
    court = opened(root, judging)
    rows, together = [], []
    with np.load(root / "data/pack/faces.npz") as faces, fixed_threads(judging.threads):
        for span in court.pack.spans["test"]:
            others = faces[span.span_id]
            guesses = {"another_face": others[0], "mean_of_faces": others.mean(0)}
            truth = court.truth(span)
            for method, latents in guesses.items():
                rows.append(judge.described(span) | {"method": method, "seed": 0})
                rows[-1] |= court.alone(truth, latents)
            together.append(judge.described(span) | court.together(span, others))
    table, samples = pd.DataFrame(rows), pd.DataFrame(together)
    found = {
        method: results.metrics.overall(table[table["method"] == method].to_dict("records"))
        for method in ORACLES
    }
    return found | {"faces": results.of_samples(samples)}


def by_steps(root: Path, judging: Evaluate, steps: list[int]) -> dict[int, dict[str, float]]:
    """Draw samples in so many steps, by the generator in `root`."""
    found = {}
    for count in steps:
        court = opened(root, judging.model_copy(update={"sample_steps": count}))
        began = time.perf_counter()
        with fixed_threads(judging.threads):
            rows = [
                judge.described(span) | court.together(span, court.samples(span))
                for span in court.pack.spans["test"]
            ]
        found[count] = results.of_samples(pd.DataFrame(rows))
        found[count]["seconds"] = time.perf_counter() - began
    return found


def opened(root: Path, judging: Evaluate) -> Judge:
    """The generator in `root`, ready to be asked."""
    pack = spans.read(root / "data/pack")
    generator = checkpoint.load(root / train.MODEL)
    return Judge(judging, pack, generator, model.load(), "cpu")


def staged(root: Path, name: str, params: Any) -> Stage:
    """A stage of that name in a folder, without store or workers."""
    runner: Any = SimpleNamespace(run=SimpleNamespace(device="cpu"))
    return Stage(name, params, None, root, None, runner)  # type: ignore[arg-type]


def undrawn(vertices: np.ndarray) -> np.ndarray:
    """Draw nothing."""
    return np.zeros((2, 2, 3), np.uint8)


def unheard(clip: str, start: int, frames: int) -> None:
    """Hear nothing."""


def read_meta(root: Path) -> dict[str, Any]:
    """What the dataset says of itself."""
    meta: dict[str, Any] = json.loads((root / "data/pack/meta.json").read_text())
    return meta


__all__ = ["OURS", "Judged", "by_steps", "opened", "possible", "read_meta", "trained_and_judged"]
