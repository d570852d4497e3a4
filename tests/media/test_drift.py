"""Sound and picture stay together over ten minutes of a rate that varies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline import media
from tests.media import making

SPAN_S = 600
EVERY_S = 30
FLASH = f"lt(mod(t+{EVERY_S / 2},{EVERY_S}),0.2)"
MOST_S = 0.010


def flashing(path: Path) -> Path:
    """White flashes and beeps that begin together, between pictures that come as they please."""
    picture = (
        f"color=black:s=64x48:r=30:d={SPAN_S},drawbox=color=white:t=fill:enable='{FLASH}',"
        f"select='eq(n,0)+{FLASH}+gt(random(7),0.4)'"
    )
    sound = f"aevalsrc='0.5*sin(2*PI*1000*t)*{FLASH}':s=8000:d={SPAN_S}"
    making.ffmpeg(
        *("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound, "-fps_mode", "vfr"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-threads", "1", "-pix_fmt", "yuv420p"),
        *("-c:a", "pcm_s16le", path),
        timeout_s=500,
    )
    return path


@pytest.mark.slow
def test_ten_minutes_of_variable_rate_drift_by_less_than_10_ms(tmp_path: Path) -> None:
    path, out = flashing(tmp_path / "flashing.mkv"), tmp_path / "out"
    pictures = media.probe(path).picture
    assert pictures is not None
    assert len(set(np.diff(pictures.times_s).round(2))) > 3, "the rate does vary"
    out.mkdir()
    media.normalise(path, out, media.Limits(max_s=700))
    flashes_s = np.flatnonzero(_begins(_white(out / media.VIDEO))) / media.FPS
    sound, rate_hz = media.read_sound(out / media.SOUND_44K)
    beeps_s = _beeps_s(np.abs(sound[:, 0]), rate_hz)
    assert len(flashes_s) == len(beeps_s) == SPAN_S // EVERY_S
    assert flashes_s == pytest.approx(np.arange(EVERY_S / 2, SPAN_S, EVERY_S), abs=0.5 / media.FPS)
    assert np.abs(flashes_s - beeps_s).max() <= MOST_S


def _white(video: Path) -> np.ndarray:
    return np.array([frame.mean() > 128 for frame in media.read_frames(video, (8, 8))])


def _begins(on: np.ndarray) -> np.ndarray:
    return on & ~np.concatenate([[False], on[:-1]])


def _beeps_s(level: np.ndarray, rate_hz: int) -> np.ndarray:
    """When each beep begins: loud, after a tenth of a second that was not."""
    loud = np.flatnonzero(level > 0.1)
    first = np.concatenate([[True], np.diff(loud) > rate_hz / 10])
    return loud[first] / rate_hz
