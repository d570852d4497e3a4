"""Train: a diffusion transformer from the infant's voice to expression latents."""

from typing import Any

from pipeline.core.stage import Stage, Summary
from pipeline.generator import train
from pipeline.morph import model
from stages.entry import main


def run(stage: Stage[Any]) -> Summary:
    """Train for the morphable model that the latents were fitted with."""
    return train.run(stage, model.load(stage.everything.fit.model, stage.device))


if __name__ == "__main__":
    main("train", run)
