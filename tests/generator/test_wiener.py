"""A fit's noise, taken out of what is learned from."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from pipeline.generator.spans import Pack, Span
from pipeline.generator.wiener import Wiener, filtered

NOISE, REST = 0.15, 2.0


def moving(frames: int, ways: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A face that moves about its rest in two ways (2, 64), slowly and five times a second."""
    along = np.arange(frames)[:, None] / 30
    turns = 2 * np.pi * (np.array([0.4, 5.0]) * along + rng.random(2))
    return (REST + np.sin(turns) @ ways).astype(np.float32)


def span(expression: np.ndarray) -> Span:
    frames = len(expression)
    valid, audio = np.ones(frames, np.bool_), np.zeros((frames, 4), np.float32)
    who = np.zeros(32, np.float32), np.zeros(1, np.float32)
    return Span("a", "a", "cry", 0, expression, valid, audio, *who)


@pytest.fixture(scope="module")
def faces() -> tuple[list[Span], list[Span]]:
    """Faces as they moved, and as they were fitted."""
    rng = np.random.default_rng(3)
    ways = rng.standard_normal((2, 64)) / 4
    moved = [moving(150, ways, rng) for _ in range(24)]
    noisy = [path + rng.normal(0, NOISE, path.shape).astype(np.float32) for path in moved]
    return [span(path) for path in moved], [span(path) for path in noisy]


def error(spans: list[Span], moved: list[Span]) -> float:
    """In units of the noise's power."""
    pairs = zip(spans, moved, strict=True)
    return float(np.mean([(a.expression - b.expression) ** 2 for a, b in pairs])) / NOISE**2


def measured(spans: list[Span]) -> Wiener:
    wiener = Wiener.of(spans)
    assert wiener is not None
    return wiener


def test_what_is_white_in_time_is_taken_out_and_quick_motion_stays(
    faces: tuple[list[Span], list[Span]],
) -> None:
    moved, noisy = faces
    wiener = measured(noisy)
    clean = [wiener(it) for it in noisy]
    assert error(noisy, moved) == pytest.approx(1.0, rel=0.05)
    assert error(clean, moved) < 0.1
    assert wiener.noise == pytest.approx(NOISE, rel=0.1)


def test_what_has_no_noise_stays_as_it_is(faces: tuple[list[Span], list[Span]]) -> None:
    moved, _ = faces
    wiener = measured(moved)
    inner = slice(32, -32)
    for it in moved:
        assert wiener(it).expression[inner] == pytest.approx(it.expression[inner], abs=0.02)


def test_frames_that_were_not_measured_stay_and_tell_nothing(
    faces: tuple[list[Span], list[Span]],
) -> None:
    _, noisy = faces
    wiener = measured(noisy)
    valid = np.ones(noisy[0].frames, np.bool_)
    valid[40:44] = False
    wild = np.where(valid[:, None], noisy[0].expression, np.float32(1e3))
    gapped = wiener(dataclasses.replace(noisy[0], expression=wild, valid=valid))
    assert (gapped.expression[40:44] == 1e3).all()
    assert np.abs(gapped.expression[valid]).max() < REST + 3
    nothing = dataclasses.replace(noisy[0], valid=np.zeros_like(valid))
    assert wiener(nothing) is nothing


def test_training_and_validation_are_filtered_and_what_is_judged_is_not(
    faces: tuple[list[Span], list[Span]],
) -> None:
    moved, noisy = faces
    parts = {"train": noisy[:20], "val": noisy[20:22], "test": noisy[22:]}
    found = filtered(Pack(parts, {}, "digest"))
    assert error(found.spans["train"], moved[:20]) < 0.1
    assert error(found.spans["val"], moved[20:22]) < 0.1
    assert found.spans["test"] == parts["test"]
    assert found.digest == "digest"


def test_spans_shorter_than_a_piece_tell_of_noise_too(
    faces: tuple[list[Span], list[Span]],
) -> None:
    moved, noisy = faces
    short = [it.first(40) for it in noisy]
    found = filtered(Pack({"train": short, "val": [], "test": []}, {}, ""))
    assert error(found.spans["train"], [it.first(40) for it in moved]) < 0.3


@pytest.mark.parametrize("frames", [0, 15])
def test_a_dataset_of_nothing_long_enough_stays(frames: int) -> None:
    parts = {"train": [span(np.ones((frames, 64), np.float32))], "val": [], "test": []}
    pack = Pack(parts, {}, "")
    assert filtered(pack) is pack
