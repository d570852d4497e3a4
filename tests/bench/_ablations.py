"""The generator without one of its parts, a row each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.generator import judge, logmel, results
from pipeline.generator.judge import EXPECTED, OURS
from pipeline.generator.metrics import overall
from pipeline.generator.params import Evaluate, Train, Weights
from pipeline.generator.train import fixed_threads
from tests.bench._abreast import abreast
from tests.bench._judged import one_trained, opened
from tests.bench._unseen import with_columns

BANDS = ((0, 0), (4, 2), (20, 10), (24, 30))
"""Frames back and ahead that a frame may look in the sound, beside the default."""
_PITCH = range(1 + logmel.BANDS, 3 + logmel.BANDS)
_ENVELOPE = range(_PITCH.stop, 1 + logmel.LogMel.width)
HEARD = {
    "energy alone": [0],
    "no pitch": [*range(_PITCH.start), *_ENVELOPE],
    "no envelope": [*range(_ENVELOPE.start)],
}
"""Columns of the embedded features that are left; the energy always is, as metrics hear by it."""


def ablations(
    root: Path, learning: Train, judging: Evaluate, steps: int
) -> dict[str, dict[str, Any]]:
    """Train and judge every variant on the same data, seed and steps; rows by what is different.

    Each row holds the figures of what is expected and of a sample.
    """
    ear_steps = round(learning.ear_steps * steps / learning.steps)
    learning = learning.model_copy(update={"steps": steps, "ear_steps": ear_steps})
    rows = [
        *((name, root, changed) for name, changed in variants(learning)),
        *((name, deafened(root, name, columns), learning) for name, columns in HEARD.items()),
    ]
    tasks = []
    for name, data, changed in rows:
        folder = f"ablated/{name.replace(' ', '_')}" if data == root else "trained"
        tasks.append((data, folder, changed, judging))
    found = {}
    for (name, _, _), figures in zip(rows, abreast(alone, tasks), strict=True):
        found[name] = figures
        print(f"  {name:32} {words(figures)}", flush=True)
    return found


def alone(root: Path, name: str, learning: Train, judging: Evaluate) -> dict[str, Any]:
    """Train in a folder beside the dataset, and judge what came of it beside nothing else."""
    place = one_trained(root, name, learning)
    court = opened(place, judging)
    expected, samples, together = [], [], []
    with fixed_threads(judging.threads):
        for span in court.pack.spans["test"]:
            about, truth, drawn = judge.described(span), court.truth(span), court.samples(span)
            expected.append(about | court.alone(truth, court.expected(span)))
            samples.append(about | court.alone(truth, drawn[0]))
            together.append(about | court.together(span, drawn))
    varied = results.of_samples(pd.DataFrame(together))
    return {EXPECTED: overall(expected), OURS: overall(samples) | varied}


def deafened(root: Path, name: str, columns: list[int]) -> Path:
    """A folder with the same dataset, of which less is heard."""
    place = root / "ablated" / name.replace(" ", "_")
    if not (place / "data/pack/meta.json").exists():
        with_columns(root / "data/pack", place / "data/pack", columns)
    return place


def variants(learning: Train) -> Iterator[tuple[str, Train]]:
    """Name each variant and give its parameters; the first is the whole."""
    yield "all of it", learning
    # All latents divided by one number: the scale of the liveliest rules the loss.
    yield "no whitening", learning.model_copy(update={"whitening_floor": 1.0})
    for back, ahead in BANDS:
        network = learning.network.model_copy(
            update={"look_back_frames": back, "look_ahead_frames": ahead}
        )
        yield f"sound {back} back, {ahead} ahead", learning.model_copy(update={"network": network})
    network = learning.network.model_copy(update={"causal": False})
    yield "not causal", learning.model_copy(update={"network": network})
    yield "fits as they are", learning.model_copy(update={"filter_fit_noise": False})
    yield "no jitter", learning.model_copy(update={"jitter": 0.0})
    yield "no sparse habits", learning.model_copy(update={"sparse_habits": 0.0})
    yield "white noise", learning.model_copy(update={"noise_spacing": [1]})
    yield "AdamW alone", learning.model_copy(update={"matrix_learning_rate": 0.0})
    few, every = 8, 33
    habits = few if learning.network.habits == every else every
    network = learning.network.model_copy(update={"habits": habits})
    yield f"{habits} habits", learning.model_copy(update={"network": network})
    if learning.ear_steps:
        every_step = learning.ear_steps + learning.steps
        yield "no ear before", learning.model_copy(update={"ear_steps": 0, "steps": every_step})
    for term in Weights.model_fields:
        weights = learning.weights.model_copy(update={term: 0.0})
        yield f"no {term.replace('_', ' ')} loss", learning.model_copy(update={"weights": weights})


def words(row: dict[str, Any]) -> str:
    """Word the metrics that decide, of what is expected and of a sample, and a sample's variety."""
    expected, sample = row[EXPECTED], row[OURS]
    return (
        f"expected LVE {expected['lve_mm2']:6.2f}  DTW {expected['aperture_dtw_mm']:5.2f}"
        f"  L-PCC {expected['l_pcc']:6.3f}  L-CCC {expected['l_ccc']:6.3f}"
        f"   sample LVE {sample['lve_mm2']:6.2f}  silence {sample['silence_closed_f1']:5.3f}"
        f"  diversity {sample['diversity_mm']:5.2f}"
    )
