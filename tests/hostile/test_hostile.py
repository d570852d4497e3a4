from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from pipeline import media
from pipeline.core.reasons import Reason
from pipeline.media import child
from tests.hostile import files
from tests.hostile.judging import assert_whole, outcome

ROOT = Path(__file__).resolve().parents[2]


def worked_s() -> float:
    """Processor time of the children so far; unlike a clock, it does not hear the neighbours."""
    return child.used.processor_s


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    sent, out = tmp_path / "sent", tmp_path / "out"
    sent.mkdir()
    out.mkdir()
    return sent, out


def test_there_are_enough_of_them() -> None:
    assert len(files.HOSTILE) >= 45


@pytest.mark.parametrize("name", files.HOSTILE)
def test_every_file_has_its_one_outcome(name: str, folders: tuple[Path, Path]) -> None:
    sent, out = folders
    make, expected = files.HOSTILE[name]
    make(sent / name)
    began_s = worked_s()
    assert outcome(sent / name, out) == expected
    assert worked_s() - began_s < 10
    if isinstance(expected, tuple):
        assert_whole(out, expected[2])
        sound, _ = media.read_sound(out / media.SOUND_16K)
        assert np.abs(sound).max() > 0.02


def test_a_bomb_takes_little_memory_and_time(tmp_path: Path) -> None:
    files.bomb(tmp_path / "bomb.avi")
    code = """
        import json, sys
        from pathlib import Path
        from pipeline import media
        from pipeline.core.errors import ClipFailed
        from pipeline.media import child
        from tests.bench._watched import own_peak_kb
        folder = Path(sys.argv[1])
        try:
            media.normalise(folder / "bomb.avi", folder, media.Limits())
            reason = "kept"
        except ClipFailed as failed:
            reason = str(failed.reason)
        most_kb = max(own_peak_kb(), child.used.most_kb)
        json.dump([reason, most_kb, child.used.processor_s], sys.stdout)
    """
    argv = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, check=True, timeout=60)
    reason, most_kb, span_s = json.loads(done.stdout)
    assert reason == "too_large"
    assert most_kb < 300_000
    assert span_s < 10


def test_a_frame_that_is_larger_than_its_header_says_is_not_decoded(tmp_path: Path) -> None:
    path = tmp_path / "bomb.avi"
    files.bomb(path)
    honest = path.read_bytes().replace(b"\x80\x3e\0\0\x80\x3e\0\0", b"\x60\0\0\0\x40\0\0\0")
    path.write_bytes(honest)
    (tmp_path / "out").mkdir()
    assert outcome(path, tmp_path / "out") in (Reason.MEDIA_DAMAGED, Reason.TOO_LARGE)
