"""A clip's sound as numbers a video frame, measured once: what the dataset is packed with.

features.npy    (frames, width) float32, as `Features.extract` gives them
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import media
from pipeline.core.runner import Needs, Step
from pipeline.generator import features
from pipeline.generator.params import Features as Asked

FILE = "features.npy"
_NEEDS = Needs(memory_gb=1.5, gpu=0.2)


@dataclass(frozen=True)
class Featuring:
    """How sounds become features: what of them is recorded, and the step that measures them."""

    described: dict[str, Any]
    width: int
    step: Step
    inputs: Mapping[str, Any]
    """Handed to the step beside `sound`, a file, and `frames`, how many there are."""


def featuring(asked: Asked, device: str) -> Featuring:
    """How the sounds of a project become the features that its params ask for.

    Raises:
        BackendError: there is none of that name, or no such layer.
        WeightsError: it has no weights here, or others than it should.
    """
    known = features.load(asked.backend, device, asked.layer)
    step = Step("features", measure, known.described, features.info(asked.backend), _NEEDS)
    inputs = {"backend": asked.backend, "device": device, "layer": asked.layer}
    return Featuring(known.described, known.width, step, inputs)


def measure(out: Path, inputs: Mapping[str, Any]) -> None:
    """Write the features of the sound file `inputs["sound"]` into the folder `out`."""
    sound, rate_hz = media.read_sound(Path(inputs["sound"]))
    if rate_hz != features.RATE_HZ:
        raise ValueError(f"the stem has {rate_hz} Hz, should have {features.RATE_HZ}")
    known = features.load(inputs["backend"], inputs["device"], inputs["layer"])
    np.save(out / FILE, known.extract(sound, inputs["frames"]))
