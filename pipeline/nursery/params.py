"""What params.yaml may say about the nursery."""

from __future__ import annotations

from pydantic import Field

from pipeline.core.params import Params


class Nursery(Params):
    """Synthetic clips with known truth, made on the spot: the demo and the yardstick."""

    clips: int = Field(40, ge=0, le=10_000)
    """How many synthetic clips join the catalogue; 0 leaves no trace of the nursery."""

    seed: int = Field(7, ge=0, le=2**31 - 1)
    """What the clips are drawn from; the same seed gives the same files."""

    span_s: float = Field(5.0, ge=0.5, le=60.0)
    """How long each clip runs, in seconds."""

    size_px: int = Field(384, ge=320, le=1080, multiple_of=2)
    """Short side of the picture, in pixels."""
