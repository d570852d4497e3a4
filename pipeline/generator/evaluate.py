"""The evaluate stage: the generator on the test split, against what it has to beat.

    data/metrics/evaluate.json      {"ours": {"lve_mm2": ..., "l_ccc": ...}, "shuffled": {...}, ...}
    data/evaluate/clips.parquet     every metric by span, method and seed
    data/evaluate/samples.parquet   what several samples of each sound say together
    data/evaluate/margins.csv       how much better ours is than each, with 95% intervals over
                                    sources and p values
    data/evaluate/certainty.csv     each method's metrics with 95% intervals, seeds apart from
                                    sources
    data/evaluate/by_vocalization.csv  the same metrics for cries, laughs and so on alone
    data/evaluate/aperture.csv      the mouth's aperture by frame, for plots
    data/evaluate/videos/<span>.mp4 truth, ours, shuffled and each baseline side by side, with sound

Who is judged is said in judge.py, what is measured in metrics/.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.core import tables
from pipeline.core.stage import Stage, Summary
from pipeline.generator import checkpoint, judge, metrics, results, spans, video
from pipeline.generator.baselines import Baseline
from pipeline.generator.face import Face, decode
from pipeline.generator.judge import OURS, SHUFFLED, Judge, Prediction
from pipeline.generator.params import Evaluate
from pipeline.generator.spans import Span
from pipeline.generator.train import MODEL, fixed_threads
from pipeline.generator.video import Draw

Floats = NDArray[np.float32]
Hear = Callable[[str, int, int], Floats | None]
"""(clip, first frame, frames) to that sound at 16 kHz, or None where it is no longer held."""


def run(
    stage: Stage[Evaluate], face: Face, draw: Draw, hear: Hear, adult: Baseline | None = None
) -> Summary:
    """Judge `models/generator` on the test split of `data/pack`, beside an adult's where given.

    An untrained generator, or a test split without spans, gives empty tables and no figures.

    Raises:
        WeightsError: the generator is missing or was made for another dataset or face.
    """
    pack = spans.read(stage.data("pack"))
    generator = checkpoint.load(stage.root / MODEL, stage.device)
    checkpoint.check_fits(generator, pack, face)
    out = stage.fresh_out()
    trained = generator.about["training"]["steps"] > 0
    judged = pack.spans["test"] if trained else []
    methods = judge.methods(stage.params, generator.knows_manners)
    with fixed_threads(stage.params.threads):
        court = Judge(stage.params, pack, generator, face, stage.device, adult)
        predictions = [court.predict(span, number) for number, span in enumerate(judged)]
    table = pd.DataFrame([row for shown in predictions for row in court.rows(shown)])
    samples = pd.DataFrame([row for shown in predictions for row in court.sampled(shown)])
    figures = results.summarise(table, samples, len(judged), methods)
    _write(out, table, samples, methods)
    _write_figures(stage.root / "data/metrics/evaluate.json", figures)
    aperture_table(predictions[: stage.params.plotted_spans], face, methods).to_csv(
        out / "aperture.csv", index=False, float_format="%.4f"
    )
    (out / "videos").mkdir()
    for shown in _spread(predictions, stage.params.videos):
        _film(out / "videos", shown, court, draw, hear)
    return Summary(len(judged), kept=len(judged), unit="spans", extra=_words(figures, methods))


def aperture_table(shown: Sequence[Prediction], face: Face, methods: Sequence[str]) -> pd.DataFrame:
    """The mouth's aperture in mm by frame: the truth and every method, first seed."""
    parts = []
    for prediction in shown:
        span = prediction.span
        tracks = {"truth": span.expression}
        for (method, _), latents in prediction.latents.items():
            tracks.setdefault(method, latents)
        columns = {
            name: metrics.aperture(decode(face, span.identity, x, span.age), face.aperture_pair)
            for name, x in tracks.items()
        }
        columns["truth"] = np.where(span.valid, columns["truth"], np.nan)
        parts.append(
            pd.DataFrame({"span_id": span.span_id, "frame": np.arange(span.frames), **columns})
        )
    empty = pd.DataFrame(columns=["span_id", "frame", "truth", *methods])
    return pd.concat(parts)[list(empty.columns)] if parts else empty


def _write(out: Path, table: pd.DataFrame, samples: pd.DataFrame, methods: Sequence[str]) -> None:
    tables.write(out / "clips.parquet", table)
    tables.write(out / "samples.parquet", samples)
    for name, found in (
        ("margins", results.margins(table, methods)),
        ("certainty", results.certainty(table, methods)),
        ("by_vocalization", results.by_vocalization(table, methods)),
    ):
        found.to_csv(out / f"{name}.csv", index=False, float_format="%.4f")


def _write_figures(path: Path, figures: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rounded = json.loads(json.dumps(figures), parse_float=lambda text: round(float(text), 4))
    path.write_text(json.dumps(rounded, indent=2) + "\n", encoding="utf-8")


def _spread(shown: Sequence[Prediction], count: int) -> list[Prediction]:
    """Take so many, of as many vocalizations as there are, in a fixed order."""
    turns: dict[str, int] = {}
    ranked = []
    for prediction in shown:
        kind = prediction.span.vocalization
        turns[kind] = turns.get(kind, -1) + 1
        ranked.append((turns[kind], kind, prediction.span.span_id, prediction))
    return [item[-1] for item in sorted(ranked, key=lambda item: item[:-1])[:count]]


def _film(folder: Path, shown: Prediction, court: Judge, draw: Draw, hear: Hear) -> None:
    span, seed = shown.span, court.params.seeds[0]
    tracks = {
        "truth": _held(span),
        "generated": shown.latents[OURS, seed],
        "other sound": shown.latents[SHUFFLED, seed],
    }
    for other in court.baselines:
        tracks[other.replace("_", " ")] = shown.latents[other, 0]
    faces = {name: court.vertices(span, latents) for name, latents in tracks.items()}
    sound = hear(span.clip, span.start_frame, span.frames)
    video.write(folder / f"{span.span_id}.mp4", faces, draw, sound)


def _held(span: Span) -> Floats:
    """The true latents, holding the last one over frames that were not measured."""
    last = np.maximum.accumulate(np.where(span.valid, np.arange(span.frames), -1))
    first = int(np.argmax(span.valid))
    return span.expression[np.where(last < 0, first, last)]


def _words(figures: dict[str, Any], methods: Sequence[str]) -> str:
    if OURS not in figures:
        return "nothing to judge"
    return ", ".join(
        f"LVE {figures[method]['lve_mm2']:.2f} mm2 L-CCC {figures[method]['l_ccc']:.3f} {method}"
        for method in methods
    )
