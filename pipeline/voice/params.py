"""Parameters of the stage `isolate`."""

from __future__ import annotations

from pydantic import Field

from pipeline.core.params import Params


class Isolate(Params):
    """How the infant's voice is taken out of the sound; what is good enough stands in `select`."""

    separator: str = Field(default="embedded", pattern=r"^[a-z][a-z0-9_]*$")
    """Which backend takes the infant's voice out; see `pipeline/voice/backends.py`."""
    voices: str = Field(default="embedded", pattern=r"^[a-z][a-z0-9_]*$")
    """Which backend tells who sounds when; see `pipeline/voice/backends.py`."""
