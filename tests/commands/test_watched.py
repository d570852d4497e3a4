"""What the benchmarks say a command takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.core.errors import CradleError
from tests.bench._watched import watched


def test_the_memory_of_a_command_is_its_own(tmp_path: Path) -> None:
    sound = 0.1 * np.random.default_rng(1).standard_normal(16_000)
    soundfile.write(tmp_path / "sound.wav", sound, 16_000)
    held = np.ones(1 << 27)
    found = watched(["isolate", str(tmp_path / "sound.wav"), "-o", str(tmp_path / "stem.wav")])
    assert 0.05 < found.peak_gb < 0.9 * held.nbytes / 2**30
    assert found.cpu_s > 0.1
    assert soundfile.info(tmp_path / "stem.wav").frames == 16_000


def test_a_command_that_fails_is_told(tmp_path: Path) -> None:
    with pytest.raises(CradleError, match="cradle isolate ended with 1"):
        watched(["isolate", str(tmp_path / "none.wav"), "-o", str(tmp_path / "stem.wav")])
