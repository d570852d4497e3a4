"""Pack: latents, audio features and masks of every kept span, split by source."""

from typing import Any

from pipeline.core.stage import Stage, Summary
from pipeline.dataset import pack
from pipeline.generator.featured import featuring
from stages.entry import main


def run(stage: Stage[Any]) -> Summary:
    """Pack with the audio features that params name."""
    return pack.run(stage, featuring(stage.everything.features, stage.device))


if __name__ == "__main__":
    main("pack", run)
