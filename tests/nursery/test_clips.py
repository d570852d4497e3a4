"""Files that the nursery makes: what each kind promises of its stream, bytes and frames."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline import media
from pipeline.nursery import CLIP, measure
from pipeline.nursery.scenes import KINDS, scene_of
from pipeline.nursery.shot import Shot
from tests.nursery.conftest import SEED, SIZE_PX, SPAN_S, Make


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_is_made_as_promised(made: Make, kind: str) -> None:
    scene = scene_of(kind, SEED, SPAN_S, SIZE_PX)
    found = media.probe(made(kind) / CLIP)
    coded = (found.picture.width, found.picture.height)
    upright = (scene.width_px, scene.height_px)
    assert coded == (upright[::-1] if scene.how.rotate_deg else upright)
    assert (found.sound is not None) == scene.how.has_sound
    assert abs(len(found.picture.times_s) - SPAN_S * scene.how.fps) <= 4
    if found.sound:
        assert found.sound.rate_hz == 44_100


def test_frames_come_25_a_second(made: Make) -> None:
    steps = np.diff(_times(made("fps25")))
    assert np.allclose(steps, 1 / 25, atol=1e-4)


def test_frames_come_unevenly_where_the_rate_varies(made: Make) -> None:
    steps = np.diff(_times(made("vfr")))
    assert steps.min() > 0
    assert steps.std() > 0.003


def test_a_turned_clip_plays_upright(made: Make) -> None:
    scene = scene_of("rotated", SEED, SPAN_S, SIZE_PX)
    shown = next(iter(media.read_frames(made("rotated") / CLIP)))
    drawn = Shot(scene).frame(0).picture
    assert shown.shape == drawn.shape
    assert np.abs(shown.astype(int) - drawn.astype(int)).mean() < 6


def test_the_same_scene_gives_the_same_bytes(made: Make, tmp_path: Path) -> None:
    scene = scene_of("hand", SEED, SPAN_S, SIZE_PX)
    inputs = {"seed": SEED, "index": scene.index, "span_s": SPAN_S, "size_px": SIZE_PX}
    measure(tmp_path, inputs)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["clip.mp4", "infant.flac", "rest.flac", "truth.json", "truth.npz"]
    for name in names:
        assert (tmp_path / name).read_bytes() == (made("hand") / name).read_bytes(), name


def test_another_seed_gives_another_picture() -> None:
    first, other = (Shot(scene_of("cry", seed, 0.5, SIZE_PX)).frame(0) for seed in (7, 8))
    difference = first.picture.astype(int) - other.picture.astype(int)
    assert np.abs(difference).mean() > 15


def test_no_clock_gets_into_a_file(made: Make) -> None:
    with av.open(str(made("cry") / CLIP)) as container:
        assert "creation_time" not in container.metadata


def test_dark_is_darker_and_blurred_is_softer(made: Make) -> None:
    frames = {
        kind: np.stack(list(media.read_frames(made(kind) / CLIP))).astype(float)
        for kind in ("cry", "dark", "blurred")
    }
    assert frames["dark"].mean() < 0.3 * frames["cry"].mean()
    detail = {kind: np.abs(np.diff(value, 2, axis=2)).mean() for kind, value in frames.items()}
    assert detail["blurred"] < 0.7 * detail["cry"]


def test_sound_and_picture_stay_together(made: Make, tmp_path: Path) -> None:
    media.normalise(made("cry", span_s=1.5) / CLIP, tmp_path, media.Limits())
    heard, rate_hz = media.read_sound(tmp_path / media.SOUND_16K)
    infant, _ = media.read_sound(made("cry", span_s=1.5) / "infant.flac")
    rest, _ = media.read_sound(made("cry", span_s=1.5) / "rest.flac")
    count = min(len(heard), len(infant))
    spectrum = np.fft.rfft(heard[:count]) * np.conj(np.fft.rfft((infant + rest)[:count]))
    lag = int(np.argmax(np.fft.irfft(spectrum)))
    lag = lag - count if lag > count // 2 else lag
    assert abs(lag) < 0.004 * rate_hz


def _times(folder: Path) -> np.ndarray:
    times = media.probe(folder / CLIP).picture.times_s
    assert all(later > earlier for earlier, later in pairwise(times))
    return np.array(times)


def test_no_byte_comes_from_what_the_memory_held_before(tmp_path: Path) -> None:
    """x264 with AVX-512 reads past its rows of macroblocks where their number is odd."""
    film = (
        "import sys, numpy as np, pathlib\n"
        "from pipeline.nursery.film import shooting\n"
        "drawn = np.random.default_rng(0).integers(0, 256, (50, 90, 3), np.uint8)\n"
        "scene = np.kron(drawn, np.ones((8, 8, 1), np.uint8))\n"
        "with shooting(pathlib.Path(sys.argv[1]), 682, 384, 30, has_sound=False) as film:\n"
        "    for n in range(30):\n"
        "        film.add(scene[n % 9 :, 3 * n % 31 :][:384, :682], n / 30)\n"
    )
    contents = set()
    for fill in ("1", "85"):
        path = tmp_path / f"{fill}.mp4"
        subprocess.run(
            [sys.executable, "-c", film, path],
            env={**os.environ, "MALLOC_PERTURB_": fill},
            check=True,
        )
        contents.add(path.read_bytes())
    assert len(contents) == 1
