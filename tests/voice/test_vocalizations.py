"""Kinds of vocalization: told from examples, told from bounds, and added without any Python."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline import media
from pipeline.core import tables
from pipeline.core.code import PROJECT
from pipeline.core.errors import ParamsError
from pipeline.core.params import fit
from pipeline.core.stage import Summary
from pipeline.core.weights import locked
from pipeline.params import load
from pipeline.voice import events_table, tags
from pipeline.voice import vocalizations_table as table
from pipeline.voice.events import NUMBERS, Event
from pipeline.voice.pitch import pitch_hz
from pipeline.voice.tags import WORDS, of_scores, words
from pipeline.voice.vocalizations import Discriminant, examples_of, learn, of_examples, shipped
from pipeline.voice.vocalizations_claims import FOLDS, Typists, claims
from pipeline.voice.vocalizations_features import NAMES, embed
from pipeline.voice.vocalizations_params import Vocalization
from pipeline.voice.vocalizations_table import shares
from tests.voice.mixing import RATE, infant, mixture
from tests.voice.world import downloaded, isolated

KINDS = load(PROJECT).vocalizations
SNEEZE = "/m/01hsr_"
SQUEAL = {
    "name": "squeal",
    "description": "A high glide.",
    "min_s": 0.2,
    "max_s": 4.0,
    "f0_hz": [600, 1900],
}


def squeal(seed: int, span_s: float = 4.0) -> np.ndarray:
    """Glides from 700 to 1600 Hz, one after another."""
    rng = np.random.default_rng([5, seed])
    times = np.arange(round(span_s * RATE)) / RATE
    along = (times % rng.uniform(0.9, 1.1)) / 1.1
    phase = 2 * np.pi * np.cumsum(700 * 2 ** (1.2 * along)) / RATE
    wave = np.sin(phase) + 0.3 * np.sin(2 * phase)
    return (0.3 * wave * (along < 0.8) + 0.001 * rng.standard_normal(len(times))).astype(np.float32)


def kinds_with(**more: object) -> tuple[Vocalization, ...]:
    return (*KINDS, fit({**SQUEAL, **more}, Vocalization, "params.yaml"))


@pytest.mark.parametrize("kind", ["cry", "laugh", "babble", "fuss"])
def test_synthetic_infants_are_told_apart(kind: str) -> None:
    typist = learn(KINDS, PROJECT)
    names = [known.name for known in typist.kinds]
    said = [
        names[int(typist.scores(examples_of(infant(kind, 30 + seed)[0])).mean(0).argmax())]
        for seed in range(5)
    ]
    assert said.count(kind) >= 4, said


def test_numbers_do_not_depend_on_level() -> None:
    stem, _ = infant("laugh", 3)
    loud, soft = (embed(gain * stem, pitch_hz(gain * stem), 0.5, 3.0) for gain in (1.0, 0.1))
    for name in NAMES:
        assert loud[name] == pytest.approx(soft[name], abs=0.15), name


@pytest.mark.parametrize("wave", [np.zeros(16000), np.ones(400), np.full(16000, 1e-9)])
def test_numbers_of_nothing_are_numbers(wave: np.ndarray) -> None:
    rows = examples_of(wave.astype(np.float32))
    assert np.isfinite(rows).all()


def test_what_ships_covers_what_the_nursery_performs() -> None:
    known = shipped()
    assert {"cry", "laugh", "babble", "fuss"} <= set(known)
    assert all(rows.shape[1] == len(NAMES) and np.isfinite(rows).all() for rows in known.values())


def test_learning_is_the_same_every_time() -> None:
    first, again = Discriminant.fit(shipped()), Discriminant.fit(shipped())
    assert np.array_equal(first.weights, again.weights)


def test_a_kind_without_examples_is_told_by_its_bounds_and_says_so() -> None:
    typist = learn(KINDS, PROJECT)
    assert typist.by_bounds == ("feeding",)
    rows = np.zeros((2, len(NAMES)), np.float32)
    sucking = dict.fromkeys(NAMES, 0.0) | {"rate_hz": 1.2, "voiced_share": 0.05}
    rows[0] = [sucking[name] for name in NAMES]
    rows[1] = examples_of(infant("cry", 4)[0])[0]
    scores = typist.scores(rows)[:, [kind.name for kind in KINDS].index("feeding")]
    assert scores[1] < 0.1 < scores[0]


def heard(**scores: float) -> np.ndarray:
    """Tags (1, WORDS) of an event in which these kinds of ours are heard so surely, and no more."""
    ids = {kind.name: kind.audioset for kind in kinds_with(audioset=[SNEEZE])}
    found = np.full((1, WORDS), 1e-5)
    for name, score in scores.items():
        found[0, [place for place, mid in enumerate(words()) if mid in ids[name]]] = score
    return of_scores(found)


def test_what_the_tagger_hears_weighs_what_was_learned() -> None:
    typist = learn(KINDS, PROJECT)
    cry = examples_of(infant("cry", 4)[0])[:1]
    names = [kind.name for kind in KINDS]
    silent, unheard = typist.scores(cry), typist.scores(cry, heard())
    np.testing.assert_allclose(silent, unheard, atol=1e-3)
    both = {kind: typist.scores(cry, heard(**{kind: 0.9}))[0] for kind in ("cry", "laugh")}
    for kind, scores in both.items():
        assert scores.sum() == pytest.approx(silent.sum())
        assert scores[names.index(kind)] > silent[0, names.index(kind)]
    odds = [it[names.index("laugh")] / it[names.index("cry")] for it in (silent[0], both["laugh"])]
    assert odds[1] / odds[0] == pytest.approx((1 + 0.9 / 0.05) ** 0.7, rel=0.1)


def test_a_kind_that_the_tagger_knows_by_name_needs_no_examples_and_says_so() -> None:
    kinds = kinds_with(audioset=[SNEEZE])
    typist = learn(kinds, PROJECT)
    assert (typist.by_words, typist.by_bounds) == (("squeal",), ("feeding",))
    event = Event(0.0, 1.0, "infant", 0.9, numbers=tuple(examples_of(squeal(3))[0].tolist()))
    rows = events_table.rows(
        [replace(event, tags=heard(squeal=score).tobytes()) for score in (1e-5, 0.7)]
    )
    told = table.typed(rows, typist)
    assert told["type_squeal"].iloc[0] < 0.01
    assert told["type"].iloc[1] == "squeal"
    assert told["told_by"].iloc[1] == "words"
    assert (told[[f"type_{kind.name}" for kind in kinds]].sum(axis=1) <= 1 + 1e-9).all()


def test_what_the_tagger_knows_is_read_once_however_much_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    typist, read = learn(KINDS, PROJECT), []
    monkeypatch.setattr(tags, "locked", lambda name: read.append(name) or locked(name))
    words.cache_clear()
    event = Event(0.0, 1.0, "infant", 0.9, numbers=(1.0,) * NUMBERS, tags=heard(cry=0.5).tobytes())
    for _ in range(3):
        table.typed(events_table.rows([event] * 2), typist)
    assert read == [tags.LOCKED_WORDS]


def test_where_nothing_was_learned_a_name_alone_can_tell() -> None:
    (named,) = (kind for kind in kinds_with(audioset=[SNEEZE]) if kind.name == "squeal")
    typist = of_examples([named], {})
    rows = examples_of(squeal(3))[:1]
    scores = [typist.scores(rows, heard(squeal=score))[0, 0] for score in (0.01, 0.3, 0.9)]
    assert scores[0] < 0.2 < 0.6 < scores[1] < scores[2] <= 1


def test_examples_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"squeal: examples: .*squeals"):
        learn(kinds_with(examples="squeals"), tmp_path)


def test_bounds_must_rise() -> None:
    with pytest.raises(ParamsError, match="the lower comes first"):
        kinds_with(rate_hz=[5, 2])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project after `download`, with a cry and a squeal."""
    return downloaded(tmp_path, {"cry_1": mixture("cry", None, 60)[0], "squeal_1": squeal(1)})


def typed(project: Path, kinds: tuple[Vocalization, ...]) -> tuple[Summary, pd.DataFrame]:
    summary = isolated(project, kinds)
    return summary, tables.read(project / "data/isolate/clips.parquet").set_index("clip")


def test_a_kind_is_added_by_a_block_and_a_folder_and_nothing_is_measured_again(
    project: Path,
) -> None:
    before, clips = typed(project, KINDS)
    assert before.measured == 2
    assert "feeding" in before.extra
    assert "type_squeal" not in clips
    (project / "squeals").mkdir()
    for seed in range(10, 16):
        media.write_sound(project / "squeals" / f"{seed}.wav", squeal(seed), RATE)
    after, clips = typed(project, kinds_with(examples="squeals"))
    assert (after.measured, after.remembered) == (0, 2)
    assert clips.loc["cry_1", "type_cry"] > 0.5 > clips.loc["cry_1", "type_squeal"]
    events = tables.read(project / "data/isolate/events.parquet")
    squealed = events[(events["clip"] == "squeal_1") & (events["who"] == "infant")]
    assert len(squealed) == 0 or (squealed["type"] == "squeal").mean() > 0.5


def test_a_kind_is_learned_from_the_rows_that_claim_it_but_no_source_vouches_for_itself() -> None:
    known = shipped()
    kinds = kinds_with()
    own = {f"doll_{seed}": examples_of(squeal(seed)) for seed in range(4)}
    wrong = {"liar": examples_of(infant("cry", 70)[0])}
    typists = Typists(kinds, known, {"squeal": {**own, **wrong}})
    assert typists.of("anybody").by_bounds == ("feeding",)
    squeals = typists.of("doll_2").scores(own["doll_2"])[:, -1]
    assert squeals.mean() > 0.5
    assert typists.of("liar").scores(wrong["liar"])[:, -1].mean() < 0.5
    alone = Typists(kinds, known, {"squeal": {"doll_1": own["doll_1"]}})
    assert alone.of("doll_1").by_bounds == ("feeding", "squeal")


def test_claims_are_the_infants_events_of_clips_by_source() -> None:
    rows = [Event(0.0, 1.0, "infant", 0.9, numbers=(1.0,) * NUMBERS), Event(0.0, 1.0, "adult", 0.9)]
    clips = pd.DataFrame(
        {
            "clip": ["a", "b", "c", "gone"],
            "source": ["one", "one", "two", "two"],
            "vocalization": ["squeal", "squeal", "cry", "squeal"],
        }
    )
    events = [events_table.rows(rows).assign(clip=clip) for clip in "cba"]
    found = claims(events, clips, ["squeal", "feeding"])
    assert set(found) == {"squeal"}
    assert found["squeal"]["one"].shape == (2, NUMBERS)


def test_however_many_sources_claim_a_kind_it_is_learned_a_few_times() -> None:
    rows = examples_of(squeal(1))
    claimed = {f"doll_{number:03}": rows for number in range(200)}
    typists = Typists(kinds_with(), {}, {"squeal": claimed, "feeding": claimed})
    folds = {typists.fold(source) for source in claimed}
    assert folds == set(range(FOLDS))
    more = Typists(kinds_with(), {}, {"squeal": {**claimed, "doll_2000": rows}})
    assert all(more.fold(source) == typists.fold(source) for source in claimed)


def test_shares_are_means_over_the_time_of_a_clips_own_events() -> None:
    events = pd.DataFrame(
        {
            "clip": ["a", "a", "a", "b"],
            "start_s": [0.0, 1.0, 0.0, 0.0],
            "end_s": [1.0, 4.0, 9.0, 1.0],
            "who": ["infant", "infant", "adult", "adult"],
            "score": [1.0, 1.0, 1.0, 1.0],
            "type_cry": [1.0, 0.2, np.nan, np.nan],
        }
    )
    found = shares(events, ["a", "b", "silent"], ["cry"])
    np.testing.assert_allclose(found["type_cry"], [(1.0 + 3 * 0.2) / 4, np.nan, np.nan])
