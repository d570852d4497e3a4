"""Small real media files, made by ffmpeg for tests."""

from __future__ import annotations

import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from pipeline import media
from pipeline.media.command import ffmpeg_path

FLASH_S = 0.7
BEEP_HZ = 1000


def ffmpeg(*words: str | Path, timeout_s: float = 60) -> None:
    argv = [ffmpeg_path(), "-nostdin", "-v", "error", "-y", *map(str, words)]
    subprocess.run(argv, check=True, capture_output=True, timeout=timeout_s)


def clip(
    path: Path, *words: str, fps: float = 30, span_s: float = 1.5, size: str = "96x64"
) -> Path:
    """A moving test picture over a tone."""
    path.write_bytes(_clip(path.suffix, words, fps, span_s, size))
    return path


@cache
def _clip(suffix: str, words: tuple[str, ...], fps: float, span_s: float, size: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"clip{suffix}")
        _encode(path, words, fps, span_s, size)
        return path.read_bytes()


def _encode(path: Path, words: tuple[str, ...], fps: float, span_s: float, size: str) -> None:
    ffmpeg(
        *("-f", "lavfi", "-i", f"testsrc=s={size}:r={fps}:d={span_s}"),
        *("-f", "lavfi", "-i", f"sine=f=440:r=44100:d={span_s}"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-threads", "1", "-pix_fmt", "yuv420p"),
        *("-c:a", "aac", "-ac", "2", *words),
        path,
    )


def clapper(path: Path, fps: float = 30, span_s: float = 1.6) -> Path:
    """A picture that turns white and a beep that begins, both at FLASH_S."""
    rate_hz = 44_100
    time_s = np.arange(round(span_s * rate_hz)) / rate_hz
    beep = np.where(time_s >= FLASH_S, 0.5 * np.sin(2 * np.pi * BEEP_HZ * time_s), 0.0)
    sound = path.with_suffix(".wav")
    media.write_sound(sound, beep, rate_hz)
    with media.VideoWriter(path, 64, 48, fps, sound) as video:
        for number in range(round(span_s * fps)):
            level = 255 if number / fps >= FLASH_S - 1e-6 else 0
            video.write(np.full((48, 64, 3), level, np.uint8))
    return path


def flash_s(folder: Path) -> float:
    """When the picture turns white in what was made of a clapper."""
    frames = media.read_frames(folder / media.VIDEO)
    return next(place for place, frame in enumerate(frames) if frame.mean() > 128) / media.FPS


def beep_s(folder: Path) -> float:
    """When the beep begins in what was made of a clapper."""
    sound, rate_hz = media.read_sound(folder / media.SOUND_44K)
    return float(np.argmax(np.abs(sound[:, 0]) > 0.2)) / rate_hz
