"""Synthetic sound with known parts: infants, adults, television, music, noise, rooms."""

from pipeline.nursery.sound.adult import adult_speech, television
from pipeline.nursery.sound.calls import FAMILIES, calls
from pipeline.nursery.sound.infant import infant
from pipeline.nursery.sound.music import music
from pipeline.nursery.sound.noise import NOISES, noise
from pipeline.nursery.sound.room import at_ratio, echo, overdriven, power, telephone

__all__ = [
    "FAMILIES",
    "NOISES",
    "adult_speech",
    "at_ratio",
    "calls",
    "echo",
    "infant",
    "music",
    "noise",
    "overdriven",
    "power",
    "telephone",
    "television",
]
