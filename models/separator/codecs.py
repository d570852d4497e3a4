"""Stems as they sound after a phone or a site has compressed them, at few bits a second.

Each is coded by itself, before it is mixed: a codec's delay then moves nothing that must stay in
step, and one run of ffmpeg codes all stems of one codec.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile

from models.separator.stems import RATE, Stem
from pipeline.media.command import ffmpeg_path

_CODECS = (
    ("opus", ("-c:a", "libopus", "-b:a", "10k")),
    ("opus", ("-c:a", "libopus", "-b:a", "20k")),
    ("mp3", ("-c:a", "libmp3lame", "-b:a", "16k")),
    ("mp3", ("-c:a", "libmp3lame", "-b:a", "32k")),
    ("m4a", ("-c:a", "aac", "-b:a", "16k")),
    ("m4a", ("-c:a", "aac", "-ar", "8000", "-b:a", "12k")),
)


def coded(stems: Sequence[Stem], rng: np.random.Generator, share: float) -> list[Stem]:
    """The same stems, `share` of them through a codec each."""
    which = np.where(
        rng.random(len(stems)) < share, rng.integers(len(_CODECS), size=len(stems)), -1
    )
    found = list(stems)
    for number in range(len(_CODECS)):
        (places,) = np.nonzero(which == number)
        for place, stem in zip(places, _through(number, [stems[n] for n in places]), strict=True):
            found[place] = stem
    return found


def _through(number: int, stems: list[Stem]) -> list[Stem]:
    ending, options = _CODECS[number]
    if not stems:
        return []
    with tempfile.TemporaryDirectory() as folder:
        plain, small, back = (Path(folder, name) for name in ("in.wav", f"a.{ending}", "out.wav"))
        soundfile.write(plain, np.concatenate([stem.wave for stem in stems]), RATE, "PCM_16")
        for source, target, how in ((plain, small, options), (small, back, ("-ar", str(RATE)))):
            command = [ffmpeg_path(), "-v", "error", "-threads", "1", "-i", source, *how, target]
            subprocess.run(command, check=True)
        wave, _ = soundfile.read(back, dtype="float32")
    ends = np.cumsum([len(stem.wave) for stem in stems])
    wave = np.pad(wave, (0, max(0, int(ends[-1]) - len(wave))))
    return [
        replace(stem, wave=wave[end - len(stem.wave) : end])
        for stem, end in zip(stems, ends, strict=True)
    ]
