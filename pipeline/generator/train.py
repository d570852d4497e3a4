"""The train stage: a generator from the packed dataset, and the curves of how it came about.

data/train/plots/metrics/train/latent.tsv    step, value; a file a term, `validation/` beside it
data/train/metrics.json                      the last of each
models/generator/model.safetensors           the weights with the lowest validation loss
models/generator/README.md                   what they are, in a few lines
data/.store/train/unfinished.safetensors     while it lasts: all that a killed run goes on from
                                             (of the ear and of distilling, files beside it)
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from pipeline.core.stage import Stage, Summary
from pipeline.generator import card, checkpoint, distil, ear, manner, spans
from pipeline.generator.face import Face
from pipeline.generator.params import Train
from pipeline.generator.trainer import Trainer

MODEL = Path("models/generator/model.safetensors")
UNFINISHED = Path("data/.store/train/unfinished.safetensors")


def run(stage: Stage[Train], face: Face) -> Summary:
    """Train on `data/pack` and write the generator; with nothing to train on, an untrained one.

    An untrained generator is marked as such: a dataset of which everything was dropped still goes
    through to the report that says why.
    """
    pack = spans.read(stage.data("pack"))
    learned = pack.spans["train"]
    unfinished = stage.root / UNFINISHED
    with fixed_threads(stage.params.threads), curves(stage.fresh_out()) as live:
        trainer = Trainer.start(stage.params, pack, face, stage.device)
        able = any(span.valid.any() for span in learned) and stage.params.steps > 0
        if able and stage.params.ear_steps:
            ear.taught(trainer, pack, live, unfinished)
        best = trainer.learn(live, unfinished) if able else trainer.result("untrained")
        if able and stage.params.distil.steps:
            best = distil.distilled(best, trainer, live, unfinished)
        if able:
            best = manner.learned(best, pack)
    checkpoint.save(best, stage.root / MODEL)
    card.write(best.about, (stage.root / MODEL).with_name("README.md"))
    for left in unfinished.parent.glob(f"{unfinished.stem}*"):
        left.unlink()
    done, own = best.about["training"], best.own_steps
    extra = f"{done['steps']} steps, {done['verdict']}" + (f", distilled to {own}" if own else "")
    return Summary(seen=len(learned), kept=len(learned), unit="spans", extra=extra)


@contextmanager
def fixed_threads(threads: int) -> Iterator[None]:
    """Compute with so many CPU threads and repeatable kernels."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)
        torch.set_num_threads(before)


@contextmanager
def curves(folder: Path) -> Iterator[Any]:
    """Open dvclive on a folder: tables alone, no experiment, no report, no network."""
    os.environ.setdefault("DVC_STUDIO_OFFLINE", "true")
    from dvclive.live import Live

    with Live(str(folder), report=None, save_dvc_exp=False, dvcyaml=None) as live:
        yield live
