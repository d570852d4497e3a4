"""What else a sound is heard as: the tagger, and the bytes that its scores are kept in."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from pipeline.voice import tagger, tags
from pipeline.voice.backends import RATE, TRACK_HZ
from pipeline.voice.tags import PATCH, WORDS, heard_as, nothing, of_scores, tags_of, words
from tests.voice.mixing import mixture

CRY, DOG = "/t/dd00002", "/m/0bt9lr"
STEPS_A_PATCH = round(PATCH / RATE * TRACK_HZ)


def heard(**scores_of: list[float]) -> tags.Tags:
    """Patches in which each word, by name, has these scores, and no other has any."""
    names = list(words().values())
    scores = np.full((len(next(iter(scores_of.values()))), WORDS), 1e-4)
    for name, row in scores_of.items():
        scores[:, names.index(name)] = row
    return of_scores(scores)


def track(*spans_s: tuple[float, float], seconds: float) -> np.ndarray:
    """An infant's track that says yes in these spans."""
    infant = np.zeros(round(seconds * TRACK_HZ) + 1, np.float32)
    for start_s, end_s in spans_s:
        infant[round(start_s * TRACK_HZ) : round(end_s * TRACK_HZ)] = 1.0
    return infant


def sweep(seconds: float) -> np.ndarray:
    """A tone that rises from 300 Hz by 200 Hz a second."""
    time_s = np.arange(round(seconds * RATE)) / RATE
    return (0.3 * np.sin(2 * np.pi * (300 + 100 * time_s) * time_s)).astype(np.float32)


def test_a_byte_tells_scores_apart_that_differ_by_a_tenth_of_their_odds() -> None:
    scores = np.array([1e-5, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99])
    found = tags.scores(of_scores(scores))
    odds = (found / (1 - found)) / (scores / (1 - scores))
    assert np.abs(np.log(odds)).max() < 0.06
    assert (np.diff(found) > 0).all()


def test_what_nobody_listened_to_is_not_there_whatever_it_is() -> None:
    assert (tags.scores(nothing(2)) == 0).all()
    assert of_scores(np.zeros(WORDS)).all()
    assert tags.logits(nothing(1)).max() == tags.logits(of_scores(np.zeros(1)))[0]


def test_an_event_is_heard_as_its_patches_are_each_for_as_long_as_it_lies_in_it() -> None:
    patches = heard(Dog=[0.8, 0.1, 0.4])
    whole = tags_of(patches, 0, STEPS_A_PATCH)
    assert heard_as(whole[None], [DOG]) == pytest.approx([0.8], abs=0.02)
    three_to_one = tags_of(patches, STEPS_A_PATCH // 4, STEPS_A_PATCH + STEPS_A_PATCH // 4)
    assert heard_as(three_to_one[None], [DOG]) == pytest.approx([0.625], abs=0.02)


def test_patches_that_nobody_listened_to_do_not_count() -> None:
    patches = np.concatenate([heard(Dog=[0.8]), nothing(1)])
    assert heard_as(tags_of(patches, 0, 2 * STEPS_A_PATCH)[None], [DOG]) == pytest.approx(
        [0.8], abs=0.02
    )
    assert not tags_of(patches, STEPS_A_PATCH, 2 * STEPS_A_PATCH).any()
    assert not tags_of(nothing(), 0, 10).any()


def test_of_several_names_the_likeliest_counts_and_unknown_ones_are_never_heard() -> None:
    row = heard(Dog=[0.3], **{"Baby cry, infant cry": [0.7]})
    assert heard_as(row, [DOG, CRY]) == pytest.approx([0.7], abs=0.02)
    assert heard_as(row, ["/m/no_such_thing"]) == pytest.approx([0.0])
    assert heard_as(row, []) == pytest.approx([0.0])


def test_what_is_likely_is_put_into_words() -> None:
    rows = np.concatenate([heard(Bark=[0.3], Dog=[0.8], Speech=[0.05]), nothing(1)])
    assert tags.in_words(rows) == ["Dog 0.80, Bark 0.31", ""]


def test_it_hears_what_tensorflow_hears() -> None:
    """Scores of the same patches by the published model in TensorFlow 2.21."""
    sound = sweep(3.0)
    found = tagger.load("cpu").tags(sound, sound, track((0, 3), seconds=3.0))
    expected = {
        "Sine wave": [0.301, 0.857, 0.283],
        "Keyboard (musical)": [0.065, 0.032, 0.431],
        "Synthesizer": [0.126, 0.039, 0.414],
        "Music": [0.155, 0.001, 0.110],
        "Chirp tone": [0.088, 0.001, 0.000],
    }
    for word, there in expected.items():
        at = list(words().values()).index(word)
        assert tags.scores(found[:3, at]) == pytest.approx(there, abs=0.03), word


def test_only_where_an_infant_may_be_is_listened_to(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    loaded = tagger.load("cpu")
    whole = loaded._logits
    monkeypatch.setattr(loaded, "_logits", lambda some: asked.append(len(some)) or whole(some))
    found = loaded.tags(sweep(30.0), sweep(30.0), track((1.0, 1.5), (20.0, 20.3), seconds=30.0))
    assert [int(number) for number in np.flatnonzero(found.any(1))] == [1, 20, 21]
    assert asked == [2 * 3]
    assert not loaded.tags(sweep(30.0), sweep(30.0), track(seconds=30.0)).any()
    assert asked == [2 * 3]


def test_sound_and_stem_count_as_much() -> None:
    loaded, everywhere = tagger.load("cpu"), track((0, 2), seconds=2.0)
    sound, stem, _ = mixture("cry", "noise", 3, span_s=2.0)
    of_both, of_sound, of_stem = (
        tags.logits(loaded.tags(*pair, everywhere))
        for pair in ((sound, stem), (sound, sound), (stem, stem))
    )
    bounded = (np.abs(of_sound) < 12) & (np.abs(of_stem) < 12)
    assert bounded.mean() > 0.2
    assert np.abs(of_both - (of_sound + of_stem) / 2)[bounded].max() < 0.11
    assert np.abs(of_sound - of_stem).max() > 2


def test_a_patch_is_heard_alike_wherever_the_others_are() -> None:
    sound, loaded = sweep(20.0), tagger.load("cpu")
    alone = loaded.tags(sound, sound, track((5.0, 5.5), seconds=20.0))
    among = loaded.tags(sound, sound, track((0.0, 20.0), seconds=20.0))
    assert np.abs(alone[5].astype(int) - among[5].astype(int)).max() <= 1


@pytest.mark.parametrize("samples", [1, 1600, PATCH, PATCH + 1, 2 * PATCH + 100])
def test_a_sound_of_any_length_is_heard_to_its_end(samples: int) -> None:
    sound = sweep(4.0)[:samples]
    seconds = samples / RATE
    found = tagger.load("cpu").tags(sound, sound, np.ones(int(seconds * TRACK_HZ) + 1, np.float32))
    assert found.shape == (-(-samples // PATCH), WORDS)
    # What is shorter than an event is none.
    assert found.any(1).all() == (seconds >= 0.1)


def test_every_word_has_an_id_of_its_own() -> None:
    assert len(words()) == WORDS
    assert words()[CRY] == "Baby cry, infant cry"
    assert all(first != second for first, second in pairwise(sorted(words())))
