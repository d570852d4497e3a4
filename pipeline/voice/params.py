"""Parameters of the stage `isolate`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pipeline.core.params import Params


class Isolate(Params):
    """How the infant's voice is taken out of the sound; what is good enough stands in `select`."""

    separator: str = Field(default="embedded", pattern=r"^[a-z][a-z0-9_]*$")
    """Which backend takes the infant's voice out; see `pipeline/voice/backends.py`."""
    voices: str = Field(default="embedded", pattern=r"^[a-z][a-z0-9_]*$")
    """Which backend tells who sounds when; see `pipeline/voice/backends.py`."""
    pyannote_labels: dict[str, Literal["infant", "adult", "other", "voice", "none"]] = Field(
        default={
            "KCHI": "infant",
            "CHI": "infant",
            "OCH": "other",
            "MAL": "adult",
            "FEM": "adult",
            "SPEECH": "none",
            "speech": "voice",
            "speaker": "voice",
        }
    )
    """Whom each class of the backend `pyannote` is: infant, adult, other, voice (the infant's where
    the stem is louder than the rest, else an adult's) or none."""
