"""What comes of a hostile file, and whether what is kept of it is whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline import media
from pipeline.core.errors import ClipFailed
from tests.hostile.files import Outcome

LIMITS = media.Limits(max_frames=2000, max_s=60, min_s=0.5, max_side_px=640, wall_s=120)


def outcome(path: Path, out: Path, limits: media.Limits = LIMITS) -> Outcome:
    """The one reason why a file is refused, or (width, height, frames) of what is kept."""
    result = _tried(path, out, limits)
    if not isinstance(result, ClipFailed):
        return result
    assert len(result.detail) <= 200
    if "0x" in result.detail:
        # A place in the file, and none in memory, which is another one every time.
        again = _tried(path, out, limits)
        assert isinstance(again, ClipFailed)
        assert again.detail == result.detail
    return result.reason


def _tried(path: Path, out: Path, limits: media.Limits) -> tuple[int, int, int] | ClipFailed:
    try:
        info = media.normalise(path, out, limits)
    except ClipFailed as error:
        return error
    return info.width, info.height, info.frames


def assert_whole(out: Path, frames: int) -> None:
    """What is kept is complete: picture and both sounds are equally long."""
    assert {path.name for path in out.iterdir()} == {
        media.VIDEO,
        media.SOUND_44K,
        media.SOUND_16K,
        media.INFO,
        media.LOOKS,
    }
    assert len(media.read_looks(out)) == -(-frames // media.EVERY)
    stereo, stereo_hz = media.read_sound(out / media.SOUND_44K)
    mono, mono_hz = media.read_sound(out / media.SOUND_16K)
    assert (stereo.shape, stereo_hz) == ((frames * 1470, 2), 44_100)
    assert (mono.shape, mono_hz) == ((round(frames * 16_000 / 30),), 16_000)
    picture = media.probe(out / media.VIDEO, own=True).picture
    assert picture is not None
    expected = np.arange(frames) / 30
    assert len(picture.times_s) == frames
    assert np.allclose(picture.times_s, expected, atol=1e-3)
    assert sum(1 for _ in media.read_frames(out / media.VIDEO)) == frames
