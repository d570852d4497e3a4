"""Evaluate: the generator against the humblest baselines, on sources that it never saw."""

from typing import Any

from pipeline.core.stage import Stage, Summary
from pipeline.generator import evaluate
from pipeline.morph import model
from pipeline.morph.portrait import portrait
from pipeline.voice.stems import stems
from stages.entry import main


def run(stage: Stage[Any]) -> Summary:
    """Judge, and draw what was judged with the sound it was made for."""
    face = model.load(stage.everything.fit.model, stage.device)
    return evaluate.run(stage, face, portrait(face), stems(stage))


if __name__ == "__main__":
    main("evaluate", run)
