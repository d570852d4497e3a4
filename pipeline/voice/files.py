"""One file given by hand, sound or video: its stem, and who sounds when in it.

typist = learn(params.vocalizations, root)
events_of_file(Path("home.mp4"), params.isolate, typist)   # [{"start_s": 0.4, "who": ...}]
"""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core import memory
from pipeline.voice import events_table
from pipeline.voice.backends import SEPARATORS, VOICES, Separator
from pipeline.voice.events import events
from pipeline.voice.on_disk import OnDisk
from pipeline.voice.params import Isolate
from pipeline.voice.separation_chunks import beside, resampled
from pipeline.voice.separation_file import blocks, opened
from pipeline.voice.vocalizations import Typist
from pipeline.voice.vocalizations_table import typed

_SAID = ["start_s", "end_s", "who", "type", "score", "snr_db"]


def events_of_file(
    path: Path, wanted: Isolate, typist: Typist, device: str = "cpu"
) -> list[dict[str, Any]]:
    """Tell who sounds when in one file: start_s, end_s, who, type, score, snr_db.

    Raises:
        CradleError: the file is not sound, or there is no such backend.
    """
    with tempfile.TemporaryDirectory(prefix="cradle-") as folder:
        separator = SEPARATORS.load(wanted.separator, device)
        tracker = VOICES.load(wanted.voices, device)
        sound, stem = _on_disk(path, separator, Path(folder))
        memory.give_back()
        voices = tracker.voices(sound, stem, wanted.pyannote_labels)
        rows = events_table.rows(events(voices, sound, stem))
    return _listed(typed(rows, typist))


def _on_disk(path: Path, separator: Separator, folder: Path) -> tuple[OnDisk, OnDisk]:
    """The sound (n,) and the stem (n,) at 16 kHz, which stay in files."""
    names = [folder / "sound.f32", folder / "stem.f32"]
    with opened(path) as source, names[0].open("wb") as sound, names[1].open("wb") as stem:
        constant = _mean(source)
        level = (block - constant for block in blocks(source))
        for parts in beside(resampled(level, source.samplerate), separator.stream):
            for part, file in zip(parts, (sound, stem), strict=True):
                part.astype(np.float32, copy=False).tofile(file)
    return OnDisk(names[0]), OnDisk(names[1])


def _mean(source: Any) -> np.float32:
    """The constant part of an open file, which is back at its start afterwards."""
    total = sum(float(block.sum(dtype=np.float64)) for block in blocks(source))
    source.seek(0)
    return np.float32(total / source.frames)


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
