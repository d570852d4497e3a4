"""Copies are known again, whatever was done to them, and strangers are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline import media
from pipeline.media import looks
from pipeline.sources import fingerprint as printing
from pipeline.sources.fingerprint import Fingerprint
from pipeline.sources.matching import Index, agreeing
from tests.media import making
from tests.sources import films

SEEDS = range(8)


def of(path: Path, folder: Path) -> Fingerprint:
    """The fingerprint of a file, as the pipeline takes it."""
    folder.mkdir()
    media.normalise(path, folder, media.Limits())
    return printing.fingerprint(folder)


def made(seed: int, heard: int | None = None) -> Fingerprint:
    """The fingerprint of a film that was never a file."""
    frames = [films.picture(seed, n / 6)[:96:, :96:] for n in range(round(films.SPAN_S * 6))]
    small = [np.ascontiguousarray(_halved(frame)) for frame in frames]
    marks, times = printing.of_sound(films.sound(seed if heard is None else heard))
    return Fingerprint(looks.of_pictures(small), marks, times)


def _halved(frame: np.ndarray) -> np.ndarray:
    places = np.round(np.linspace(0, films.SIDE_PX - 1, 64)).astype(int)
    return frame[np.ix_(places, places)]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return films.film(tmp_path_factory.mktemp("film") / "film.mp4", 3)


@pytest.fixture(scope="module")
def index(film: Path) -> Index:
    prints = {f"film_{seed}": made(seed) for seed in SEEDS}
    return Index(prints | {"film_3": of(film, film.with_name("out"))})


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("-c:v", "libx264", "-crf", "33", "-b:a", "64k"), id="encoded again"),
        pytest.param(("-vf", "crop=iw*0.9:ih*0.9:0:ih*0.1"), id="a corner cropped away"),
        pytest.param(("-ss", "0.9", "-t", "1.7"), id="cut"),
        pytest.param(("-af", "volume=0.2", "-c:v", "copy"), id="quieter"),
        pytest.param(
            ("-ss", "0.7", "-vf", "crop=iw*0.9:ih*0.9,scale=64:64", "-r", "25", "-af", "volume=2"),
            id="all of it",
        ),
    ],
)
def test_a_copy_is_known_again(
    index: Index, film: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    making.ffmpeg("-i", film, *words, tmp_path / "copy.mp4")
    found = index.like(of(tmp_path / "copy.mp4", tmp_path / "out"))
    assert [it.name for it in found] == ["film_3"]
    if "-ss" in words:
        assert found[0].offset_s == pytest.approx(float(words[1]), abs=0.1)


def test_strangers_are_not_taken_for_one_another(index: Index) -> None:
    for seed in SEEDS:
        others = {it.name for it in index.like(made(seed))} - {f"film_{seed}"}
        assert others == set()
    assert index.like(made(99)) == []


def test_one_song_under_another_film_is_another_clip(index: Index) -> None:
    assert index.like(made(99, heard=3)) == []


def test_one_film_under_another_song_is_another_clip(index: Index) -> None:
    assert index.like(made(3, heard=99)) == []


def test_a_picture_does_not_depend_on_brightness_and_contrast() -> None:
    frame = films.picture(5, 0.0)[:64, :64]
    darker = (frame * 0.5 + 20).astype(np.uint8)
    one, other = (looks.of_pictures([it]) for it in (frame, darker))
    assert agreeing(one, other, 0) > 0.97


@pytest.mark.parametrize("corner", [(0, 0), (6, 0), (0, 6), (6, 6), (3, 3)])
def test_a_window_is_what_is_left_of_a_cropped_picture(corner: tuple[int, int]) -> None:
    wide = np.kron(films.picture(6, 0.0)[:64, :64], np.ones((9, 9, 1))).astype(np.uint8)
    top, left = (int(place / 64 * 576) for place in corner)
    part = wide[top : top + 518, left : left + 518]
    places = np.linspace(0, 517, 64).astype(int)
    whole, cropped = wide[4::9, 4::9], part[np.ix_(places, places)]
    one, other = (looks.of_pictures([it]) for it in (whole, cropped))
    assert agreeing(one, other, 0) > 0.9
    assert agreeing(other, one, 0) > 0.9


def test_silence_and_nothing_at_all_are_like_nothing(index: Index) -> None:
    marks, times = printing.of_sound(np.zeros(16_000, np.float32))
    empty = Fingerprint(looks.of_pictures([]), marks, times)
    assert index.like(empty) == []
    assert Index({}).like(made(3)) == []
    assert Index({"empty": empty}).like(made(3)) == []


def test_a_fingerprint_shows_nothing_and_is_small(tmp_path: Path, film: Path) -> None:
    folder = tmp_path / "media"
    of(film, folder)
    (tmp_path / "out").mkdir()
    printing.measure(tmp_path / "out", {"media": str(folder)})
    assert (tmp_path / "out" / printing.FILE).stat().st_size < 12_000 * films.SPAN_S
    again = Fingerprint.read(tmp_path / "out")
    assert Index({"a": again}).like(again)[0].offset_s == 0.0
