"""Evaluate: the generator against the humblest baselines, on sources that it never saw."""

from pathlib import Path
from typing import Any

from pipeline.core.stage import Stage, Summary
from pipeline.generator import evaluate
from pipeline.generator.baselines import Adult
from pipeline.generator.face import mouth_rows
from pipeline.morph import embedding, model
from pipeline.morph.correspondence import on_other
from pipeline.morph.portrait import portrait
from pipeline.voice.stems import stems
from stages.entry import main


def run(stage: Stage[Any]) -> Summary:
    """Judge, and draw what was judged with the sound it was made for."""
    face = model.load(stage.everything.fit.model, stage.device)
    adult = adult_on(face, stage.root / stage.params.adult) if stage.params.adult else None
    return evaluate.run(stage, face, portrait(face), stems(stage), adult)


def adult_on(face: model.MorphableModel, folder: Path) -> Adult:
    """What a model of adults has made on FLAME's mesh, brought to a face's lips."""
    flame = model.load("flame")
    ours, theirs = (face, embedding.load(face.name)), (flame, embedding.load("flame"))
    laid = on_other(ours, theirs, mouth_rows(face))
    return Adult(folder, len(flame.mean), laid.place, face)


if __name__ == "__main__":
    main("evaluate", run)
