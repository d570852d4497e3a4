"""Trainings judged on infants that they never met: every seed, every rival, and what is possible.

Three rows are nobody's prediction. `another_face` is a further true face of the same sound, judged
as if it had been generated: no sampler can do better on average. `mean_of_faces` is the mean of
those faces: what a regressor would give that had learned everything there is to be learned, and
knew the infant. `mean_of_alike` is that of infants who look the same: who has but sound and looks
to go by cannot do better.
"""

from __future__ import annotations

import dataclasses
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
from pipeline.generator import checkpoint, distil, evaluate, judge, results, spans, train
from pipeline.generator.judge import OURS, Judge
from pipeline.generator.params import Evaluate, Train
from pipeline.generator.train import fixed_threads
from pipeline.generator.trainer import Trainer
from pipeline.morph import model
from tests.bench._abreast import abreast
from tests.bench._kept import kept

ORACLES = ("another_face", "mean_of_faces", "mean_of_alike")


@dataclass(frozen=True)
class Judged:
    """What came of several trainings."""

    rows: pd.DataFrame
    """Every metric by span, method and seed, the seed being the training's."""
    samples: pd.DataFrame
    methods: tuple[str, ...]
    runs: list[dict[str, Any]]
    """How long each took, and where its validation loss was lowest."""
    place: Path
    """Where the last generator is."""

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
    """Train and judge once a pair of parameters, each in a folder of its own in `root`."""
    tasks = [(root, f"seed-{learning.seed}", learning, judging) for learning, judging in params]
    places = list(abreast(one_judged, tasks))
    rows = [
        tables.read(place / "data/evaluate/clips.parquet").assign(seed=learning.seed)
        for place, (learning, _) in zip(places, params, strict=True)
    ]
    samples = [tables.read(place / "data/evaluate/samples.parquet") for place in places]
    runs = [
        {"seed": learning.seed, **told(place, "trained"), **told(place, "judged")}
        for place, (learning, _) in zip(places, params, strict=True)
    ]
    table = pd.concat(rows)
    found = set(table["method"])
    methods = tuple(name for name in judge.methods(params[-1][1]) if name in found)
    return Judged(table, pd.concat(samples), methods, runs, places[-1])


def one_judged(root: Path, name: str, learning: Train, judging: Evaluate) -> Path:
    """Train and judge in a folder beside the dataset, as far as that was not done."""
    place = one_trained(root, name, learning)
    of = [learning.model_dump(mode="json"), judging.model_dump(mode="json")]
    if not told(place, "judged", of):
        began = time.perf_counter()
        with kept(root / "peers"):
            evaluate.run(staged(place, "evaluate", judging), model.load(), undrawn, unheard)
        tell(place, "judged", of, {"evaluate_s": time.perf_counter() - began})
    return place


def one_trained(root: Path, name: str, learning: Train) -> Path:
    """Train in a folder beside the dataset, unless that was done."""
    place, of = beside(root, name), [learning.model_dump(mode="json")]
    if not told(place, "trained", of):
        began = time.perf_counter()
        train.run(staged(place, "train", learning), model.load())
        took_s = time.perf_counter() - began
        print(f"{name}: trained in {took_s:.0f} s", flush=True)
        about = checkpoint.load(place / train.MODEL).about["training"]
        tell(place, "trained", of, {"train_s": took_s, **about})
    return place


def told(place: Path, what: str, of: list[Any] | None = None) -> dict[str, Any]:
    """What was written down of it; nothing where it was of other parameters."""
    path = place / f"{what}.json"
    found = json.loads(path.read_text()) if path.exists() else {"of": None, "run": {}}
    run: dict[str, Any] = found["run"] if of is None or found["of"] == of else {}
    return run


def tell(place: Path, what: str, of: list[Any], run: dict[str, Any]) -> None:
    """Write it down."""
    (place / f"{what}.json").write_text(json.dumps({"of": of, "run": run}))


def beside(root: Path, name: str) -> Path:
    """A folder in `root` that sees the same dataset."""
    place = root / name
    if not (place / "data/pack").exists():
        (place / "data").mkdir(parents=True, exist_ok=True)
        (place / "data/pack").symlink_to((root / "data/pack").resolve())
    return place


def possible(root: Path, judging: Evaluate) -> dict[str, Any]:
    """Judge further true faces of each sound: how far they lie apart, how well they would do."""
    court = opened(root, judging)
    rows, together = [], []
    folder = root / "data/pack"
    with (
        np.load(folder / "faces.npz") as faces,
        np.load(folder / "alike.npz") as alike,
        fixed_threads(judging.threads),
    ):
        for span in court.pack.spans["test"]:
            others = faces[span.span_id]
            guesses = (others[0], others.mean(0), alike[span.span_id])
            truth = court.truth(span)
            for method, latents in zip(ORACLES, guesses, strict=True):
                rows.append(judge.described(span) | {"method": method, "seed": 0})
                rows[-1] |= court.alone(truth, latents)
            together.append(judge.described(span) | court.together(span, others))
    table, samples = pd.DataFrame(rows), pd.DataFrame(together)
    found = {
        method: results.metrics.overall(table[table["method"] == method].to_dict("records"))
        for method in ORACLES
    }
    return found | {"faces": results.of_samples(samples)}


def by_steps(
    root: Path, judging: Evaluate, steps: list[int], spans: int
) -> dict[str, dict[str, float]]:
    """Draw samples in so many steps, by the generator in `root`."""
    return {
        str(count): sampled(opened(root, judging.model_copy(update={"sample_steps": count})), spans)
        for count in steps
    }


def distilled(
    root: Path, learning: Train, judging: Evaluate, spans: int
) -> dict[str, dict[str, float]]:
    """Distil the generator in `root`, draw samples by the pupil; a row like those of `by_steps`."""
    court = opened(root, judging)
    trainer = Trainer.start(learning, court.pack, court.face, "cpu")
    live = train.curves(root / "data/distilled")
    with fixed_threads(learning.threads), live as curves:
        pupil = distil.distilled(court.generator, trainer, curves, root / train.UNFINISHED)
    checkpoint.save(pupil, root / "distilled" / train.MODEL)
    court = dataclasses.replace(court, generator=pupil)
    return {f"{pupil.own_steps} distilled": sampled(court, spans)}


def sampled(court: Judge, count: int) -> dict[str, float]:
    """What several samples of so many sounds say together, and how long they took to draw.

    The sounds are spread over all test infants.
    """
    began, every = time.perf_counter(), court.pack.spans["test"]
    with fixed_threads(court.params.threads):
        rows = [
            judge.described(span) | court.together(span, court.samples(span))
            for span in every[:: max(1, len(every) // count)]
        ]
    return results.of_samples(pd.DataFrame(rows)) | {"seconds": time.perf_counter() - began}


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


__all__ = [
    "OURS",
    "Judged",
    "beside",
    "by_steps",
    "distilled",
    "one_judged",
    "one_trained",
    "opened",
    "possible",
    "read_meta",
    "trained_and_judged",
]
