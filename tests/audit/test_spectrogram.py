"""Spectrograms show what sounds where, and no sound leaves the store unless it is asked for."""

from __future__ import annotations

import base64
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline import media
from pipeline.audit import read, report, spectrogram
from pipeline.audit.spectrogram import HEIGHT_PX, LANE_PX, WIDTH_PX, spectrogram_picture
from pipeline.core import tables
from pipeline.core.store import Store
from tests.audit import fake

RATE = 16000
LANES = slice(HEIGHT_PX, HEIGHT_PX + 3 * LANE_PX)


def tone(hz: float, start_s: float, end_s: float, span_s: float = 2.0) -> np.ndarray:
    times = np.arange(round(span_s * RATE)) / RATE
    return 0.3 * np.sin(2 * np.pi * hz * times) * ((times >= start_s) & (times < end_s))


def picture(sound: np.ndarray, stem: np.ndarray, events: list) -> np.ndarray:
    drawn = cv2.imdecode(
        np.frombuffer(spectrogram_picture(sound, stem, events), np.uint8), cv2.IMREAD_COLOR
    )
    return np.asarray(drawn[:, :, ::-1], int)


def brightest(panel: np.ndarray) -> tuple[float, float]:
    """(time as a share of the width, frequency in Hz) of the middle of what is bright."""
    light = panel.sum(2)
    rows, columns = np.nonzero(light > 0.9 * light.max())
    return columns.mean() / WIDTH_PX, 8000 * (1 - (rows.mean() + 0.5) / HEIGHT_PX)


def test_sound_and_stem_lie_where_they_sound() -> None:
    infant, adult = tone(2000, 1.0, 1.5), tone(6000, 0.0, 0.5)
    drawn = picture(infant + adult, infant, [])
    assert drawn.shape == (2 * HEIGHT_PX + 3 * LANE_PX, WIDTH_PX, 3)
    above, below = drawn[: LANES.start], drawn[LANES.stop :]
    assert brightest(above[:, : WIDTH_PX // 2]) == pytest.approx((0.125, 6000), rel=0.05)
    assert brightest(below) == pytest.approx((0.625, 2000), rel=0.05)
    # The same scale for both: what is gone from the stem is dark there.
    assert below[:, : WIDTH_PX // 4].sum(2).max() < 0.2 * above[:, : WIDTH_PX // 4].sum(2).max()


def test_events_are_drawn_in_the_lane_of_who_sounds() -> None:
    silence = np.zeros(2 * RATE)
    lanes = picture(silence, silence, [(0.5, 1.0, "infant"), (1.0, 2.0, "adult")])[LANES]
    # A lossy picture: nearer to the lane's own colour than to white, in the middle of the lane.
    filled = (lanes.sum(2) < 590).reshape(3, LANE_PX, WIDTH_PX)[:, LANE_PX // 2]
    ends = [tuple(np.flatnonzero(lane)[[0, -1]]) for lane in filled[:2]]
    assert ends == [pytest.approx((160, 319), abs=2), pytest.approx((320, 639), abs=2)]
    assert filled[:2].sum() == pytest.approx(160 + 320, abs=4)
    assert not filled[2].any()


@pytest.mark.parametrize("samples", [0, 1, 800, 300000])
def test_sound_of_any_length_is_drawn(samples: int) -> None:
    wave = np.zeros(samples, np.float32)
    assert picture(wave, wave, []).shape[1] == WIDTH_PX


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """A finished run in which the sound of one clip, `good`, is at hand."""
    root = fake.build(tmp_path, hostile=False)
    store = Store(root / "data" / ".store")
    path = root / "data" / "isolate" / "clips.parquet"
    key = read.read(root / "data").about("download", "good")["media_key"]
    sound = store.entry("media", key).path / spectrogram.SOUND
    media.write_sound(sound, tone(900, 0, 2).astype(np.float32), RATE)
    with store.publish("stem", key) as out:
        media.write_sound(out / spectrogram.STEM, tone(900, 1, 2).astype(np.float32), RATE)
    clips = tables.read(path)
    tables.write(path, clips.assign(stem_key=np.where(clips["clip"] == "good", key, "0" * 64)))
    return root


@pytest.mark.parametrize(("sound_mb", "players"), [(0.0, 0), (5.0, 2), (0.001, 0)])
def test_the_report_carries_sound_only_where_it_is_asked_to(
    finished: Path, sound_mb: float, players: int
) -> None:
    report.run(fake.stage(finished, inline_sound_mb=sound_mb, pictures_per_clip=0))
    page = (finished / "data" / "audit" / "report.html").read_text()
    assert page.count('class="heard"') == 1
    assert page.count("<audio") == page.count("data:audio/flac") == players


def test_a_player_plays_what_is_in_the_store(finished: Path) -> None:
    account, store = read.read(finished / "data"), Store(finished / "data" / ".store")
    heard = spectrogram.Listener(account, store, 5.0).of_clip("good")
    assert heard is not None
    entry = store.entry("stem", account.about("download", "good")["media_key"])
    kept = (entry.path / spectrogram.STEM).read_bytes()
    assert heard.players[1][1] == "data:audio/flac;base64," + base64.b64encode(kept).decode()


def test_a_clip_without_sound_is_shown_without(finished: Path) -> None:
    account, store = read.read(finished / "data"), Store(finished / "data" / ".store")
    assert len(account.of_clip("isolate", "events", "noisy")) == 1
    assert spectrogram.Listener(account, store, 5.0).of_clip("noisy") is None
