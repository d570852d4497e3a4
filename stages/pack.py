"""Pack: latents, audio features and masks of every kept span, split by source."""

from typing import Any

from pipeline.core.stage import Stage, Summary
from pipeline.dataset import pack
from pipeline.generator import features
from stages.entry import main


def run(stage: Stage[Any]) -> Summary:
    """Pack with the audio features that params name."""
    asked = stage.everything.features
    known = features.load(asked.backend, stage.device, asked.layer)
    return pack.run(stage, known, features.info(asked.backend))


if __name__ == "__main__":
    main("pack", run)
