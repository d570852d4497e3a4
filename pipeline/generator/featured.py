"""A clip's sound as numbers a video frame, measured once: what the dataset is packed with.

features.npy    (frames, width) float32, as `Features.extract` gives them
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import media
from pipeline.core.runner import Needs, Step, Together, Write
from pipeline.generator import features
from pipeline.generator.params import Features as Asked

FILE = "features.npy"
_NEEDS = Needs(memory_gb=1.5)
_NETWORK_NEEDS = Needs(memory_gb=1.5, gpu=0.2)
_AT_ONCE = 7_200
"""Frames; twice of what goes through a GPU at a time, which is bounded where it does."""


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
    needs, many = _NEEDS, None
    if known.takes_several:
        needs, many = _NETWORK_NEEDS, Together.on(device, measure_together, _AT_ONCE)
    info = features.info(asked.backend)
    step = Step("features", measure, known.described, info, needs, many)
    inputs = {"backend": asked.backend, "device": device, "layer": asked.layer}
    return Featuring(known.described, known.width, step, inputs)


def measure(out: Path, inputs: Mapping[str, Any]) -> None:
    """Write the features of the sound file `inputs["sound"]` into the folder `out`."""
    known = features.load(inputs["backend"], inputs["device"], inputs["layer"])
    _write(known.extract(_sound(inputs), inputs["frames"]), out)


def measure_together(inputs: Sequence[Mapping[str, Any]]) -> list[Write]:
    """The same of several sound files, which go through the device together."""
    how = inputs[0]
    known = features.load(how["backend"], how["device"], how["layer"])
    sounds, frames = [_sound(one) for one in inputs], [one["frames"] for one in inputs]
    return [partial(_write, found) for found in known.extract_all(sounds, frames)]


def _sound(inputs: Mapping[str, Any]) -> features.Floats:
    sound, rate_hz = media.read_sound(Path(inputs["sound"]))
    if rate_hz != features.RATE_HZ:
        raise ValueError(f"the stem has {rate_hz} Hz, should have {features.RATE_HZ}")
    return sound


def _write(found: features.Floats, out: Path) -> None:
    np.save(out / FILE, found)
