"""One file given by hand, sound or video: its stem, and who sounds when in it.

typist = learn(params.vocalizations, root)
events_of_file(Path("home.mp4"), params.isolate, typist)   # [{"start_s": 0.4, "who": ...}]
"""

from __future__ import annotations

import math
import tempfile
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import resample_poly

from pipeline import media
from pipeline.voice import events_table
from pipeline.voice.backends import RATE, SEPARATORS, VOICES, Wave, heard
from pipeline.voice.events import events
from pipeline.voice.measure import Isolated, isolate
from pipeline.voice.params import Isolate
from pipeline.voice.vocalizations import Typist
from pipeline.voice.vocalizations_table import typed

_VIDEOS = frozenset({".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".3gp"})
_SAID = ["start_s", "end_s", "who", "type", "score", "snr_db"]


def events_of_file(
    path: Path, wanted: Isolate, typist: Typist, device: str = "cpu"
) -> list[dict[str, Any]]:
    """Tell who sounds when in one file of sound: start_s, end_s, who, type, score, snr_db.

    Raises:
        CradleError: the file is not sound, or there is no such backend.
    """
    found = isolated(path, wanted, device)
    rows = events_table.rows(events(found.voices, found.sound, found.stem))
    return _listed(typed(rows, typist))


def isolated(path: Path, wanted: Isolate, device: str = "cpu") -> Isolated:
    """The stem and the tracks of one file of sound.

    Raises:
        CradleError: the file is not sound, or there is no such backend.
    """
    separator = SEPARATORS.load(wanted.separator, device)
    tracker = VOICES.load(wanted.voices, device)
    return isolate(_sound_of(path), separator, tracker, wanted.pyannote_labels)


def _listed(told: Any) -> list[dict[str, Any]]:
    return [_plain(row) for row in told[_SAID].to_dict("records")]


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Make a row that JSON can hold: numbers rounded to what they are good for, nan as null."""
    plain: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, float):
            plain[name] = None if math.isnan(value) else round(value, 3)
        else:
            plain[name] = value
    return plain


def _sound_of(path: Path) -> Wave:
    """Sound (n,) at 16 kHz of a sound file, or of a video."""
    if path.suffix.lower() in _VIDEOS:
        with tempfile.TemporaryDirectory() as folder:
            media.normalise(path, Path(folder), media.Limits())
            return media.read_sound(Path(folder, media.SOUND_16K))[0]
    sound, rate = media.read_sound(path)
    if rate == RATE and sound.ndim == 1:
        return sound
    mono = heard(sound)
    common = gcd(rate, RATE)
    return np.asarray(resample_poly(mono, RATE // common, rate // common), np.float32)
