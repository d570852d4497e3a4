"""A packed dataset of sounds and faces that were made without a pixel.

Sound and latents go straight into it, so that sight has no part in the figures: with noise such as
a fit leaves where they are learned from, as they are where they are judged by. Of every test span
further faces that go with its sound are kept beside it: what there is to be varied about, and how
well a face can be told from a sound at all.

    meta.json, *.parquet    as `pack` writes them; meta.json says "rendered": false
    faces.npz               span_id -> (faces, T, 64) further faces of each test span
    alike.npz               span_id -> (T, 64) mean of faces of its sound by who looks the same
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.dataset.shards import Shards
from pipeline.generator import features, spans
from pipeline.morph import model
from pipeline.nursery import unseen
from tests.bench._abreast import abreast

KINDS = ("cry", "laugh", "babble")
SPANS_AN_INFANT = 3
SPAN_S = 6.0
SHARES = {"val": 0.1, "test": 0.2}
MOST_TESTED, MOST_VALIDATED = 40, 80
"""Infants; more of them narrow the intervals less than they cost."""
FACES = 4
ALIKE = 16
"""Infants that look the same: their mean is what sound and looks tell, and nothing else does."""

Made = tuple[dict[str, Any], np.ndarray, np.ndarray]
"""A span as a shard's row, further faces of its sound, and those of infants that look the same."""
_WORTH_PROCESSES, _TOGETHER = 200, 8
"""Spans: fewer are made in one process, and so many go to one at once."""


def make_pack(folder: Path, minutes: float, noise: float) -> None:
    """Write so many minutes, split by infant; more of them begin with the same ones."""
    extractor = features.load("logmel")
    folder.mkdir(parents=True)
    count = max(3 * SPANS_AN_INFANT, round(60 * minutes / SPAN_S))
    infants = max(3, count // SPANS_AN_INFANT)
    writers = {
        split: Shards(folder, split, extractor.width, 64.0) for split in ("train", "val", "test")
    }
    others, looks = {}, {}
    tasks = [(number, infants, noise) for number in range(count)]
    for row, faces, alike in abreast(_span, tasks, _TOGETHER, _WORTH_PROCESSES):
        writers[row["split"]].add(row)
        if row["split"] == "test":
            others[row["span_id"]], looks[row["span_id"]] = faces, alike.mean(0)
    for writer in writers.values():
        writer.close()
    np.savez(folder / "faces.npz", **others)
    np.savez(folder / "alike.npz", **looks)
    meta = {
        "feature": {"name": extractor.name, "width": extractor.width},
        "fps": features.FPS,
        "vocalizations": list(KINDS),
        "rendered": False,
        "minutes": count * SPAN_S / 60,
        "infants": infants,
    }
    (folder / "meta.json").write_text(json.dumps(meta))


@cache
def _tools() -> tuple[Any, Any]:
    return model.load(), features.load("logmel")


def _span(number: int, infants: int, noise: float) -> Made:
    infant = number % infants
    return span(*_tools(), infant, number, noise, split_of(infant, infants))


def split_of(infant: int, infants: int) -> str:
    """The first infants are for testing, the next for validation, the others to learn from."""
    test = min(MOST_TESTED, max(1, round(SHARES["test"] * infants)))
    val = min(MOST_VALIDATED, max(1, round(SHARES["val"] * infants)))
    return "test" if infant < test else "val" if infant < test + val else "train"


def span(face: Any, extractor: Any, infant: int, number: int, noise: float, split: str) -> Made:
    """Make one span; only a test span has faces of infants alike."""
    random = np.random.default_rng([number, 11])
    # Not the infant's number: every infant does every kind.
    kind = KINDS[random.integers(len(KINDS))]
    who = unseen.infant(infant)
    alike = [unseen.alike(who, other) for other in range(ALIKE if split == "test" else 0)]
    made = unseen.unseen(kind, who, SPAN_S, random, 1 + FACES, alike)
    latents = np.stack([unseen.latents(face, actions) for actions in made.faces])
    frames = latents.shape[1]
    # A fit errs a little a frame, and the same way all through a clip.
    errs = noise * random.standard_normal(latents[0].shape)
    errs += noise * random.standard_normal(latents.shape[-1])
    fitted = latents[0] + (errs if split != "test" else 0.0)
    clip = f"{who.name}_{number:05d}"
    row = {
        "span_id": f"{clip}__0",
        "clip": clip,
        "source": who.name,
        "split": split,
        "vocalization": kind,
        "start_frame": 0,
        "frames": frames,
        "valid_frames": frames,
        "synthetic": True,
        "expression": fitted.astype(np.float32),
        "pose": np.zeros((frames, 6), np.float32),
        "valid": np.ones(frames, bool),
        "audio": extractor.extract(made.sound.astype(np.float32), frames),
        "identity": who.identity.astype(np.float32),
        "age": who.age,
    }
    further = latents[1:].astype(np.float32)
    return row, further[:FACES], further[FACES:]


def with_columns(pack: Path, folder: Path, columns: Sequence[int]) -> None:
    """Write a dataset again that hears nothing but some columns of its sound."""
    folder.mkdir(parents=True)
    read = spans.read(pack)
    for split, group in read.spans.items():
        writer = Shards(folder, split, len(columns), 64.0)
        for one in group:
            writer.add(
                {
                    "span_id": one.span_id,
                    "clip": one.clip,
                    "source": one.source,
                    "split": split,
                    "vocalization": one.vocalization,
                    "start_frame": one.start_frame,
                    "frames": one.frames,
                    "valid_frames": int(one.valid.sum()),
                    "synthetic": one.synthetic,
                    "expression": one.expression,
                    "pose": np.zeros((one.frames, 6), np.float32),
                    "valid": one.valid,
                    "audio": one.audio[:, columns],
                    "identity": one.identity,
                    "age": float(one.age[0]),
                }
            )
        writer.close()
    feature = {"name": f"{read.meta['feature']['name']} in part", "width": len(columns)}
    (folder / "meta.json").write_text(json.dumps(read.meta | {"feature": feature}))
