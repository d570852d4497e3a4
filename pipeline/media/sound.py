"""Sound files in and out, through libsndfile."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.core import vault
from pipeline.core.errors import CradleError


def read_sound(path: Path) -> tuple[NDArray[np.float32], int]:
    """Read a sound file.

    Returns:
        Samples in -1..1, (n,) for one channel and (n, channels) for more, and their rate in Hz.

    Raises:
        CradleError: the file is not there or not sound.
    """
    import soundfile

    try:
        with vault.opened(path) as plain:
            samples, rate_hz = soundfile.read(plain, dtype="float32")
    except (soundfile.LibsndfileError, FileNotFoundError) as error:
        raise CradleError(f"{path}: {error}") from None
    return samples, int(rate_hz)


def write_sound(path: Path, samples: NDArray[np.floating], rate_hz: int) -> None:
    """Write samples in -1..1, (n,) or (n, channels), as 16 bit FLAC or WAV after the name's end.

    What lies outside -1..1 is cut off there. The same samples give the same bytes.
    """
    import soundfile

    bounded = np.clip(np.nan_to_num(samples), -1.0, 1.0)
    soundfile.write(path, bounded, rate_hz, subtype="PCM_16")
