"""The table of scenes: what is promised of each, and what a catalogue gets to see."""

from __future__ import annotations

from collections import Counter

import pytest

from pipeline.core.ids import clip_id
from pipeline.core.reasons import Reason
from pipeline.nursery import Nursery, jobs, rows
from pipeline.nursery.occluders import OCCLUDERS
from pipeline.nursery.scenes import KINDS, SCHEDULE, VOCALIZATIONS, scene_at, scene_of


def test_the_first_forty_are_23_good_clips_and_17_with_one_fault_each() -> None:
    scenes = [scene_at(7, index, 5.0, 384) for index in range(40)]
    good = [scene for scene in scenes if scene.how.good]
    bad = [scene.kind for scene in scenes if not scene.how.good]
    assert len(good) == 23
    assert len(bad) == len(set(bad)) == 17
    spread = Counter(scene.vocalization for scene in good)
    assert set(spread) == set(VOCALIZATIONS)
    assert min(spread.values()) >= 6
    assert len({scene.infant for scene in good}) >= 12


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_is_scheduled_and_expects_reasons_that_exist(kind: str) -> None:
    assert kind in SCHEDULE
    assert KINDS[kind].expected
    assert all(name in set(map(str, Reason)) for name in KINDS[kind].expected)
    assert KINDS[kind].occluder in (None, *OCCLUDERS)


def test_a_scene_does_not_depend_on_how_many_are_made() -> None:
    few, many = Nursery(clips=5), Nursery(clips=90)
    assert rows(many)[:5] == rows(few)
    assert [job.digest for job in jobs(many)[:5]] == [job.digest for job in jobs(few)]


def test_later_rounds_bring_new_infants_and_new_ids() -> None:
    listed = rows(Nursery(clips=2 * len(SCHEDULE)))
    assert len({row["id"] for row in listed}) == len(listed)
    first, second = listed[: len(SCHEDULE)], listed[len(SCHEDULE) :]
    assert not {row["source"] for row in first} & {row["source"] for row in second}


def test_rows_are_text_that_a_catalogue_takes() -> None:
    for row in rows(Nursery()):
        assert clip_id(row["id"]) == row["id"]
        assert row["address"] == f"nursery:{row['id']}"
        assert row["consent"] == "synthetic"
        assert row["vocalization"] in VOCALIZATIONS
        assert 3.0 <= float(row["age_months"]) <= 14.0


def test_an_infant_has_one_age_in_all_its_clips() -> None:
    ages: dict[str, set[str]] = {}
    for row in rows(Nursery()):
        ages.setdefault(row["source"], set()).add(row["age_months"])
    assert all(len(found) == 1 for found in ages.values())
    assert len(set.union(*ages.values())) > 10


def test_no_clips_are_no_rows() -> None:
    assert rows(Nursery(clips=0)) == []


def test_a_job_is_another_when_anything_about_it_is() -> None:
    first = jobs(Nursery(clips=1))[0].digest
    for other in (Nursery(clips=1, seed=8), Nursery(clips=1, span_s=4.0)):
        assert jobs(other)[0].digest != first


def test_a_mislabelled_clip_is_performed_as_something_else() -> None:
    scene = scene_of("mislabelled", 7, 5.0, 384)
    assert scene.performs != scene.vocalization


def test_an_unknown_kind_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="no scenes of kind 'unicorn'"):
        scene_of("unicorn", 7, 5.0, 384)
