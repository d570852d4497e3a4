"""The evaluate stage: the generator on the test split, against what it has to beat.

    data/metrics/evaluate.json      {"ours": {"lve_mm2": ..., "l_ccc": ...}, "shuffled": {...}, ...}
    data/evaluate/clips.parquet     every metric by span, method and seed
    data/evaluate/margins.csv       how much better ours is than each, with 95% intervals over clips
    data/evaluate/aperture.csv      the mouth's aperture by frame, for plots
    data/evaluate/videos/<span>.mp4 truth, ours and shuffled beside one another, with the sound

`shuffled` is the same generator, seed, vocalization and face given another clip's sound: what it is
worse by is what the generator really takes from the sound.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.core import tables
from pipeline.core.stage import Stage, Summary
from pipeline.generator import checkpoint, metrics, spans, video
from pipeline.generator.baselines import EnergyRidge, mean_face
from pipeline.generator.checkpoint import Generator
from pipeline.generator.face import Face, decode
from pipeline.generator.params import Evaluate
from pipeline.generator.spans import Pack, Span
from pipeline.generator.train import MODEL, fixed_threads
from pipeline.generator.video import Draw

Floats = NDArray[np.float32]
Hear = Callable[[str, int, int], Floats | None]
"""(clip, first frame, frames) to that sound at 16 kHz, or None where it is no longer held."""

OURS, SHUFFLED, MEAN, ENERGY = METHODS = ("ours", "shuffled", "mean_face", "energy")
DECIDING = ("lve_mm2", "l_ccc")


def run(stage: Stage[Evaluate], face: Face, draw: Draw, hear: Hear) -> Summary:
    """Judge `models/generator` on the test split of `data/pack`.

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
    with fixed_threads(stage.params.threads):
        judge = Judge(stage.params, pack, generator, face, stage.device)
        predictions = [judge.predict(span, number) for number, span in enumerate(judged)]
    table = pd.DataFrame([row for shown in predictions for row in judge.rows(shown)])
    figures = summarise(table, len(judged))
    _write(out, stage.root / "data/metrics/evaluate.json", table, figures)
    aperture_table(predictions[: stage.params.plotted_spans], face).to_csv(
        out / "aperture.csv", index=False, float_format="%.4f"
    )
    (out / "videos").mkdir()
    for shown in _spread(predictions, stage.params.videos):
        _film(out / "videos", shown, judge, draw, hear)
    return Summary(len(judged), kept=len(judged), unit="spans", extra=_words(figures))


@dataclass(frozen=True)
class Prediction:
    """Latents of one span by method and seed; baselines draw nothing and have seed 0 alone."""

    span: Span
    latents: dict[tuple[str, int], Floats]
    donors: dict[int, str]
    """Whose sound the shuffled ones were given, by seed."""


@dataclass(frozen=True)
class Judge:
    """Everything that predicts, and the face to compare on."""

    params: Evaluate
    pack: Pack
    generator: Generator
    face: Face
    device: str

    def predict(self, span: Span, number: int) -> Prediction:
        """Predict one test span, the `number`th, by every method."""
        latents = {
            (MEAN, 0): np.tile(self.mean, (span.frames, 1)),
            (ENERGY, 0): self.ridge.predict(span),
        }
        donors = {}
        for turn, seed in enumerate(self.params.seeds):
            donor = self.donor(span, number, turn)
            donors[seed] = donor.span_id
            latents[OURS, seed] = self.sample(span, seed)
            latents[SHUFFLED, seed] = self.sample(with_sound_of(span, donor), seed)
        return Prediction(span, latents, donors)

    def sample(self, span: Span, seed: int) -> Floats:
        """Sample latents (T, 64) for a span's sound on its own face."""
        batch = spans.whole(span, self.generator.vocalizations).to(self.device)
        p = self.params
        return self.generator.sample(batch, seed, p.sample_steps, p.guidance)[0].cpu().numpy()

    def donor(self, span: Span, number: int, turn: int) -> Span:
        """Pick a span of another clip, another one each turn: of the test split if it has one."""
        for split in ("test", "val", "train"):
            others = [other for other in self.pack.spans[split] if other.clip != span.clip]
            if others:
                return others[(number + turn * 7) % len(others)]
        return span

    def rows(self, shown: Prediction) -> Iterator[dict[str, Any]]:
        """Every metric of a span, a row a method and seed."""
        span = shown.span
        if not span.valid.any():
            return
        true = self.vertices(span, span.expression)[span.valid]
        for (method, seed), latents in sorted(shown.latents.items()):
            made = self.vertices(span, latents)[span.valid]
            yield {
                "span_id": span.span_id,
                "clip": span.clip,
                "vocalization": span.vocalization,
                "synthetic": span.synthetic,
                "method": method,
                "seed": seed,
                "sound_of": shown.donors[seed] if method == SHUFFLED else span.span_id,
                **metrics.judge(
                    made, true, self.face.lips, self.face.aperture_pair, self.params.closed_mm
                ),
            }

    def vertices(self, span: Span, latents: Floats) -> Floats:
        """Put latents on a span's own face, (T, V, 3) mm."""
        return decode(self.face, span.identity, latents, span.age)

    @cached_property
    def mean(self) -> Floats:
        """The mean face's latents, (64,)."""
        return mean_face(self.pack.spans["train"])

    @cached_property
    def ridge(self) -> EnergyRidge:
        """The energy baseline, fitted to the training split."""
        p = self.params
        return EnergyRidge.fit(self.pack.spans["train"], p.ridge_reach_frames, p.ridge)


def with_sound_of(span: Span, donor: Span) -> Span:
    """Give a span another one's sound, cut or repeated to its length."""
    places = np.arange(span.frames) % donor.frames
    return dataclasses.replace(span, audio=donor.audio[places])


def summarise(table: pd.DataFrame, judged: int) -> dict[str, Any]:
    """Put the rows together: the metrics of each method, mean over seeds, and who wins how often.

    `seeds_better_than_X` counts the seeds for which ours beats X on both LVE and L-CCC.
    """
    figures: dict[str, Any] = {"spans": judged}
    if table.empty:
        return figures
    by_seed = dict(_by_seed(table))
    for method in METHODS:
        found = [value for (name, _), value in by_seed.items() if name == method]
        figures[method] = {
            name: float(np.mean([value[name] for value in found if name in value]))
            for name in dict.fromkeys(name for value in found for name in value)
        }
    seeds = sorted({seed for name, seed in by_seed if name == OURS})
    figures |= {"clips": int(table["clip"].nunique()), "seeds": len(seeds)}
    for other in METHODS[1:]:
        rival = {seed: by_seed[other, seed if other == SHUFFLED else 0] for seed in seeds}
        figures[f"seeds_better_than_{other}"] = sum(
            _better(by_seed[OURS, seed], rival[seed]) for seed in seeds
        )
    return figures


def _by_seed(table: pd.DataFrame) -> Iterator[tuple[tuple[str, int], dict[str, float]]]:
    for method, of_method in table.groupby("method", sort=True):
        for seed, rows in of_method.groupby("seed", sort=True):
            records = [{str(k): v for k, v in row.items()} for row in rows.to_dict("records")]
            yield (str(method), int(str(seed))), metrics.overall(records)


def _better(ours: dict[str, float], other: dict[str, float]) -> bool:
    return ours["lve_mm2"] < other["lve_mm2"] and ours["l_ccc"] > other["l_ccc"]


def margins(table: pd.DataFrame) -> pd.DataFrame:
    """How much better ours is than each other method: mean over clips, with 95% intervals.

    Seeds are averaged within a clip; a gain is positive where ours is better.
    """
    rows = []
    for other in METHODS[1:] if len(table) else ():
        for name in (*metrics.LOWER_IS_BETTER, "l_pcc", "l_ccc"):
            mean = table.groupby(["method", "clip"])[name].mean()
            gain = mean[OURS] - mean[other]
            if name in metrics.LOWER_IS_BETTER:
                gain = -gain
            low, high = metrics.interval({str(clip): float(value) for clip, value in gain.items()})
            rows.append((other, name, float(gain.mean()), low, high, len(gain)))
    return pd.DataFrame(rows, columns=["than", "metric", "gain", "low", "high", "clips"])


def aperture_table(shown: Sequence[Prediction], face: Face) -> pd.DataFrame:
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
    empty = pd.DataFrame(columns=["span_id", "frame", "truth", *METHODS])
    return pd.concat(parts)[list(empty.columns)] if parts else empty


def _write(out: Path, figures_path: Path, table: pd.DataFrame, figures: dict[str, Any]) -> None:
    tables.write(out / "clips.parquet", table)
    margins(table).to_csv(out / "margins.csv", index=False, float_format="%.4f")
    figures_path.parent.mkdir(parents=True, exist_ok=True)
    rounded = json.loads(json.dumps(figures), parse_float=lambda text: round(float(text), 4))
    figures_path.write_text(json.dumps(rounded, indent=2) + "\n", encoding="utf-8")


def _spread(shown: Sequence[Prediction], count: int) -> list[Prediction]:
    """Take so many, of as many vocalizations as there are, in a fixed order."""
    turns: dict[str, int] = {}
    ranked = []
    for prediction in shown:
        kind = prediction.span.vocalization
        turns[kind] = turns.get(kind, -1) + 1
        ranked.append((turns[kind], kind, prediction.span.span_id, prediction))
    return [item[-1] for item in sorted(ranked, key=lambda item: item[:-1])[:count]]


def _film(folder: Path, shown: Prediction, judge: Judge, draw: Draw, hear: Hear) -> None:
    span, seed = shown.span, judge.params.seeds[0]
    faces = {
        "truth": judge.vertices(span, _held(span)),
        "generated": judge.vertices(span, shown.latents[OURS, seed]),
        "other sound": judge.vertices(span, shown.latents[SHUFFLED, seed]),
    }
    sound = hear(span.clip, span.start_frame, span.frames)
    video.write(folder / f"{span.span_id}.mp4", faces, draw, sound)


def _held(span: Span) -> Floats:
    """The true latents, holding the last one over frames that were not measured."""
    last = np.maximum.accumulate(np.where(span.valid, np.arange(span.frames), -1))
    first = int(np.argmax(span.valid))
    return span.expression[np.where(last < 0, first, last)]


def _words(figures: dict[str, Any]) -> str:
    if OURS not in figures:
        return "nothing to judge"
    return ", ".join(
        f"LVE {figures[method]['lve_mm2']:.2f} mm2 L-CCC {figures[method]['l_ccc']:.3f} {method}"
        for method in METHODS
    )
