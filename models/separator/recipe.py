"""What decides the weights, and where the parts of the recipe meet."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from pipeline.core.code import PROJECT
from pipeline.core.params import Params, read

FOLDER = Path(__file__).resolve().parent
WORK = PROJECT / "tmp" / "separator"
WEIGHTS = WORK / "model.safetensors"


class Recipe(Params):
    """params.yaml beside this file."""

    seed: int
    """Of everything that is drawn."""
    real: str | None
    """Folder with cry/*.wav and speech/*.wav to learn from; without it, synthesis alone."""
    bank: str | None
    """Folder with train/ and val/ that models/recordings fills: other adults, noises, music."""
    sounds: Literal["both", "real", "synthetic"]
    """Which stems are drawn; the other two are for the ablation."""
    start: str | None
    """Weights to begin from, a path in the project; without them, from chance."""
    held_out: tuple[str, ...]
    """Beginnings of names of recordings, and speakers, that only validate."""
    size: float = Field(gt=0)
    """How many stems the bank holds, beside the full 2,250 synthetic ones."""
    real_share: float = Field(ge=0, le=1)
    """How often the infant is a real recording."""
    codec_share: float = Field(ge=0, le=1)
    """How many stems have gone through a codec of few bits a second."""
    steps: int = Field(gt=0)
    """Batches."""
    processes: int = Field(gt=0)
    """That learn as one, a core each."""
    batch: int = Field(gt=0)
    """Mixtures of 6 s in each batch, for each process."""
    rate: float = Field(gt=0)
    """Step size of AdamW, constant after a warm-up."""
    matrix_rate: float = Field(gt=0)
    """Of Muon, which moves the matrices between layers."""
    decay_steps: int = Field(gt=0)
    """Over the last so many steps it falls to nothing."""

    @property
    def course(self) -> dict[str, object]:
        """What a run that was ended cannot change and go on."""
        return self.model_dump(mode="json", exclude={"steps", "decay_steps"})


def recipe() -> Recipe:
    """Read params.yaml.

    Raises:
        ParamsError: a key is missing, unknown or out of range.
    """
    return read(FOLDER / "params.yaml", Recipe)
