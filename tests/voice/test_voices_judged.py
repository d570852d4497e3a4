"""The second opinion: whole events that are no infant's count as something other's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from pipeline.core.errors import WeightsError
from pipeline.voice import voices_judged
from pipeline.voice.backends import RATE, TRACK_HZ, Voices
from pipeline.voice.separation_network import WIDTH
from pipeline.voice.tagger_layers import GRID
from pipeline.voice.tags import WORDS, words
from pipeline.voice.voices_evidence import OWN as OWN_EVIDENCE
from pipeline.voice.voices_evidence import Evidence
from pipeline.voice.voices_judged import HEARD, NUMBERS, OWN, Judge, overheard
from tests.voice.mixing import mixture

SOUND, STEM, _ = mixture("cry", "noise", 7, span_s=12.0)
STEPS = len(SOUND) // round(RATE / TRACK_HZ) + 1


def weights(units: int = 4, **given: np.ndarray) -> dict[str, np.ndarray]:
    """Two networks that say even odds of everything, but for what is given."""
    shapes = {
        "first": (len(OWN), units),
        "second": (units, units),
        "last": (units, 1),
        "words": (HEARD, units),
        "words_last": (units, 1),
    }
    told = {
        name: array
        for at, (heard, said) in shapes.items()
        for name, array in (
            (f"{at}.weight", np.zeros((2, heard, said), np.float32)),
            (f"{at}.bias", np.zeros((2, said), np.float32)),
        )
    }
    numbers = len(NUMBERS)
    told |= {"middle": np.zeros(numbers, np.float32), "scale": np.ones(numbers, np.float32)}
    return told | given


def heard(apart_s: float = 7.0) -> Voices:
    """Two events of an infant, so far apart: one of 2 s, and one of a fifth of a second."""
    infant = np.full(STEPS, 0.1, np.float32)
    infant[10:110] = 0.9
    short = 110 + round(apart_s * TRACK_HZ)
    infant[short : short + 10] = 0.8
    rest = np.full(STEPS, 0.3, np.float32)
    return Voices(infant, rest, rest.copy(), np.where(infant > 0.5, 400, np.nan).astype("f4"))


def said(**names: slice) -> Evidence:
    """Nothing is heard but, in some patches, what is named."""
    patches = len(SOUND) // GRID + 1
    heard = np.full((patches, WORDS), -7.0, np.float16)
    for name, when in names.items():
        heard[when, list(words().values()).index(name)] = 2.0
    own, parted = np.zeros((STEPS, OWN_EVIDENCE), np.float32), np.zeros((STEPS, WIDTH), np.float16)
    return Evidence(own, parted, heard, np.full((patches, WORDS), -6.0, np.float16))


def impatient() -> Judge:
    """One unit asks how long an event is: a fifth of a second is too short for this judge."""
    first = np.zeros((2, len(OWN), 4), np.float32)
    first[:, OWN.index("span_octaves"), 0] = 1.0
    through = np.zeros((2, 4, 4), np.float32)
    through[:, 0, 0] = 1.0
    last = np.zeros((2, 4, 1), np.float32)
    last[:, 0] = 10.0
    return Judge(weights(**{"first.weight": first, "second.weight": through, "last.weight": last}))


def test_each_event_has_its_numbers() -> None:
    found = list(overheard(heard(), said(), SOUND, STEM))
    assert [(start, end) for start, end, _ in found] == [(10, 110), (460, 470)]
    for (_, _, numbers), score, span_s in zip(found, (0.9, 0.8), (2.0, 0.2), strict=True):
        assert numbers.shape == (len(NUMBERS),)
        assert np.isfinite(numbers).all()
        told = dict(zip(NUMBERS, numbers, strict=True))
        assert told["score"] == pytest.approx(score)
        assert told["span_octaves"] == pytest.approx(np.log2(span_s))


def test_only_what_is_no_infants_is_moved_to_others() -> None:
    before, short = heard(), slice(460, 470)
    after = impatient().judged(before, said(), SOUND, STEM)
    assert np.array_equal(after.infant[:460], before.infant[:460])
    assert (after.infant[short] == 0).all()
    assert (after.other[short] == np.float32(0.8)).all()
    assert (np.delete(after.other, range(460, 470)) == np.float32(0.3)).all()
    assert np.isnan(after.f0_hz[short]).all()
    assert np.array_equal(after.f0_hz[:460], before.f0_hz[:460], equal_nan=True)
    assert (before.infant[short] == np.float32(0.8)).all()


def test_what_is_heard_in_an_event_is_among_its_numbers_and_counts() -> None:
    """A judge who lets everything pass but what is heard as a dog, and a sound that is."""
    dog = list(words().values()).index("Dog")
    through = np.zeros((2, HEARD, 4), np.float32)
    through[:, dog, 0] = 1.0
    last = np.zeros((2, 4, 1), np.float32)
    last[:, 0] = -20.0
    of_words = {"words.weight": through, "words.bias": np.full((2, 4), 1.0, np.float32)}
    judge = Judge(weights(**of_words, **{"words_last.weight": last}))
    before, barked = heard(), said(Dog=slice(28, 29), Giggle=slice(1, 2))
    long, short = (
        dict(zip(NUMBERS, numbers, strict=True))
        for *_, numbers in overheard(before, barked, SOUND, STEM)
    )
    assert (short[f"sound_{dog}"], long[f"sound_{dog}"]) == (2.0, -7.0)
    assert (short["animal"], long["animal"]) == (2.0, -7.0)
    assert (short["infant_in_sound"], long["infant_in_sound"]) == (-7.0, 2.0)
    assert short["infant_in_stem"] == short[f"stem_{dog}"] == -6.0
    after = judge.judged(before, barked, SOUND, STEM)
    assert (after.infant[460:470] == 0).all()
    assert np.array_equal(after.infant[:460], before.infant[:460])


def test_what_is_doubted_stays_near_what_is_not() -> None:
    near = heard(apart_s=4.9)
    assert np.array_equal(impatient().judged(near, said(), SOUND, STEM).infant, near.infant)


def test_nobody_is_judged_where_nobody_is_heard() -> None:
    quiet = Voices(*(np.zeros(STEPS, np.float32) for _ in range(4)))
    assert np.array_equal(impatient().judged(quiet, said(), SOUND, STEM).infant, quiet.infant)


def test_networks_are_asked_together() -> None:
    bias = np.array([[2.0], [-2.0]], np.float32)
    said = Judge(weights(**{"last.bias": bias})).said(np.zeros((3, len(NUMBERS))))
    assert said == pytest.approx([0.5, 0.5, 0.5])


def test_weights_that_do_not_fit_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "infants.safetensors"
    monkeypatch.setattr(voices_judged, "locked", lambda name: broken)
    whole = weights()
    for odd in (
        {name: array for name, array in whole.items() if name != "second.bias"},
        {**whole, "first.weight": whole["first.weight"][:, :-1]},
        {**whole, "words.weight": whole["words.weight"][:, 1:]},
    ):
        save_file({name: np.ascontiguousarray(array) for name, array in odd.items()}, broken)
        with pytest.raises(WeightsError, match=r"infants\.safetensors"):
            voices_judged.load()
    broken.write_bytes(b"\x80\x04pickle")
    with pytest.raises(WeightsError, match=r"infants\.safetensors"):
        voices_judged.load()
