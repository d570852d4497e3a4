"""One file of sound or video, of any length: its infant's voice into another file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import media
from pipeline.core.errors import ClipFailed, CradleError
from pipeline.core.reasons import Reason
from pipeline.voice.backends import RATE, Separator, Wave
from pipeline.voice.separation_chunks import beside, resampled

VIDEOS = frozenset({".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".3gp"})

_BLOCK = 1 << 18


def separate_file(path: Path, separator: Separator, out: Path, residual: Path | None) -> None:
    """Write the infant's part of a file to `out`, and all else to `residual` where one is wanted.

    Both become 16 kHz mono; the ends of their names say whether WAV or FLAC.

    Raises:
        CradleError: the file is no sound, or there is no sound in it.
    """
    with ExitStack() as stack:
        source = stack.enter_context(opened(path))
        sinks = [
            stack.enter_context(_created(target)) if target else None for target in (out, residual)
        ]
        sounds = resampled(blocks(source), source.samplerate)
        for sound, stem in beside(sounds, separator.stream):
            for sink, part in zip(sinks, (stem, sound - stem), strict=True):
                if sink is not None:
                    sink.write(np.clip(part, -1.0, 1.0))


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """A file of sound, or the sound of a video, as a `soundfile.SoundFile`.

    Raises:
        CradleError: the file is no sound, or there is no sound in it.
    """
    with ExitStack() as stack:
        name = path
        if path.suffix.lower() in VIDEOS:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cradle-")))
            media.normalise(path, folder, media.Limits())
            path = folder / media.SOUND_16K
        source = stack.enter_context(_read(path))
        if not source.frames:
            raise ClipFailed(Reason.NO_SOUND, f"{name}: it holds not one sample")
        yield source


def blocks(source: Any) -> Iterator[Wave]:
    """What is left of an open file (n,), one channel at its own rate, piece by piece."""
    for block in source.blocks(_BLOCK, dtype="float32", always_2d=True):
        yield np.nan_to_num(block.mean(1), nan=0.0, posinf=1.0, neginf=-1.0)


def _read(path: Path) -> Any:
    import soundfile

    try:
        return soundfile.SoundFile(path)
    except soundfile.LibsndfileError as error:
        raise CradleError(f"{path}: {error}") from None


def _created(path: Path) -> Any:
    import soundfile

    try:
        return soundfile.SoundFile(path, "w", RATE, 1, "PCM_16")
    except (soundfile.LibsndfileError, TypeError, ValueError) as error:
        raise CradleError(f"{path}: cannot be written as sound: {error}") from None
