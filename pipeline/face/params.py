"""Parameters of the stage `landmarks`."""

from __future__ import annotations

from pydantic import Field

from pipeline.core.params import Params


class Landmarks(Params):
    """How faces are found and measured; what is good enough stands in `select`."""

    backend: str = Field(default="mediapipe", pattern=r"^[a-z][a-z0-9_]*$")
    """Which landmarker runs; see `pipeline/face/backends.py`."""
    max_faces: int = Field(default=3, ge=1, le=8)
    """How many faces are followed at once, so that the infant's is among them."""
    detect_px: int = Field(default=640, ge=128, le=4096)
    """Long side that pictures larger by half are shrunk to; points come out in full size."""
    hands_every: int = Field(default=5, ge=1, le=30)
    """Frames from one look for hands to the next."""
