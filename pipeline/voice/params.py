"""Parameters of the stage `isolate`."""

from __future__ import annotations

from pydantic import Field

from pipeline.core.params import Params


class Isolate(Params):
    """How the infant's voice is taken out of the sound; what is good enough stands in `select`."""

    backend: str = Field(default="embedded", pattern=r"^[a-z][a-z0-9_]*$")
    """Which backend separates and tells who sounds; see `pipeline/voice/backends.py`."""
