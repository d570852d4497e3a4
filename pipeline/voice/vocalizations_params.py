"""What params.yaml says of one kind of vocalization."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from pipeline.core.params import Params


def _rises(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] > value[1]:
        raise ValueError(f"from {value[0]} to {value[1]} there is nothing: the lower comes first")
    return value


Range = Annotated[tuple[float, float], Field(description="lowest and highest")]


class Vocalization(Params):
    """A kind of sound that infants make and that the dataset is about."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")
    """How the catalogue and every table call it."""
    description: str
    """One sentence for people."""
    search_terms: tuple[str, ...] = ()
    """What to look for where clips are sought."""
    audioset: tuple[Annotated[str, Field(pattern=r"^/[a-z]/[a-z0-9_]+$")], ...] = ()
    """Ids of the AudioSet ontology, such as /t/dd00002: clips under them may hold it, and an event
    that the tagger hears as one of them is likelier of this kind."""
    min_s: float = Field(gt=0)
    """The shortest event that counts."""
    max_s: float = Field(gt=0)
    """The longest that one event lasts; longer ones are several."""
    f0_hz: Range
    """Fundamental frequency, lowest and highest."""
    rate_hz: Range = (0.0, 25.0)
    """Bursts a second, fewest and most."""
    voiced_share: Range = (0.0, 1.0)
    """How much of its loud part has a pitch, least and most."""
    examples: str | None = None
    """Folder with sounds of it, below the project's; what it sounds like is learned from them."""

    @model_validator(mode="after")
    def _bounds_rise(self) -> Self:
        for value in (self.f0_hz, self.rate_hz, self.voiced_share, (self.min_s, self.max_s)):
            _rises(value)
        return self
