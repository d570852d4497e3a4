"""Reviewers' verdicts against what the gates say without them, and what was kept in the end."""

import csv

import numpy as np
import pytest

from pipeline.audit import read, report
from pipeline.audit.calibration import AGREEMENT, Calibration, against, calibration
from pipeline.audit.harvest import FUNNEL, KINDS, harvest
from pipeline.dataset import measures, overriding
from tests.audit import fake
from tests.dataset import world


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return fake.build(tmp_path_factory.mktemp("run"), videos=False) / "data"


def said(clip, verdict, *place, reviewer="mk", measured=""):
    word = world.override(clip, verdict, *place)
    return type(word)(
        clip, verdict, word.reason, reviewer, word.date, word.start_frame, word.end_frame, measured
    )


def judged(data, *words):
    return calibration(data, fake.LIMITS, world.MINIMUM_S, words)


def told(rates):
    return {rate.group: (rate.agreed, rate.of) for rate in rates}


def test_verdicts_are_counted_by_what_the_gates_said_without_them(data):
    found = judged(
        data,
        said("good", "keep"),
        said("poor_fit", "drop"),
        said("hidden", "drop"),
        said("hidden", "keep", reviewer="zz"),
        said("noisy", "drop"),
        # Its own word keeps nobody from asking what the gates say of it.
        said("overruled", "drop"),
    )
    assert told(found.gates) == {"kept": (1, 3), "mouth_hidden": (1, 2), "too_noisy": (1, 1)}
    assert (found.precision.agreed, found.precision.of) == (1, 3)
    assert (found.recall.agreed, found.recall.of) == (1, 2)
    rate = found.gates[0]
    assert rate.low < rate.rate < rate.high
    assert sum(rate.of for rate in found.distances) == 6


def test_a_stretch_is_judged_by_itself_and_the_last_word_of_a_reviewer_counts(data):
    found = judged(data, said("hidden", "keep", 10, 40), said("hidden", "drop", 10, 40))
    assert told(found.gates) == {"mouth_hidden": (1, 1)}
    found = judged(data, said("good", "keep", 0, 5), said("good", "keep", 5000, 6000))
    assert told(found.gates) == {"kept": (1, 1)}


def test_a_verdict_on_other_measurements_is_left_out_and_counted(data):
    tables = measures.read(data, world.MINIMUM_S, ())
    known = measures.digest(tables, "good")
    found = judged(data, said("good", "keep", measured=known), said("noisy", "keep", measured="0"))
    assert told(found.gates) == {"kept": (1, 1)}
    assert found.stale == 1


def test_what_is_far_from_its_threshold_stands_apart(data):
    names = told(judged(data, said("noisy", "drop"), said("turned", "drop")).distances)
    # 2.5 dB of 8 asked, and a median of 59 degrees of 40 allowed.
    assert names == {"dropped, beyond 50%": (1, 1), "dropped, 20% to 50%": (1, 1)}


def test_nobody_who_judged_and_nothing_that_ran(data, tmp_path):
    assert judged(data) == Calibration()
    assert judged(tmp_path, said("good", "keep")) == Calibration()


def test_the_page_and_the_files_tell_it(tmp_path):
    root = fake.build(tmp_path, videos=False)
    words = [said("hidden", "keep"), said("noisy", "drop", measured="0" * 12)]
    overriding.append(root / "data" / "overrides.csv", words)
    report.run(fake.stage(root))
    folder = root / "data" / "audit"
    page = (folder / report.PAGE).read_text()
    assert "Whether the gates are right" in page
    assert "Against reviewers" in page
    assert "Against the truth of synthetic clips" not in page
    assert "0 of 1 agree" in page
    assert "1 stale verdict is left out" in page
    with (folder / AGREEMENT).open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["decided"], row["verdicts"], row["agreed"]) == ("mouth_hidden", "1", "0")
    assert (row["label"], row["by"]) == ("reviewers: mouth_hidden", "reviewers")


def test_the_truth_counts_a_clip_once_for_each_thing_that_was_decided(data):
    good, bad = np.ones(fake.FRAMES, bool), np.zeros(fake.FRAMES, bool)
    half = np.arange(fake.FRAMES) < 45
    known = {"good": good, "hidden": bad, "turned": good, "poor_fit": half, "nobody": good}
    found = against(data, fake.LIMITS, world.MINIMUM_S, known)
    # Spans that are too short were not dropped for what they show.
    assert told(found.gates) == {"kept": (1, 2), "mouth_hidden": (1, 1), "turned_away": (0, 1)}
    assert (found.precision.agreed, found.precision.of) == (1, 2)
    assert (found.recall.agreed, found.recall.of) == (1, 2)
    assert sum(rate.of for rate in found.distances) == 4
    assert against(data, fake.LIMITS, world.MINIMUM_S, {}) == Calibration()


def test_reviewers_words_change_nothing_of_what_is_held_against_the_truth(tmp_path):
    root = fake.build(tmp_path, videos=False)
    overriding.append(root / "data" / "overrides.csv", [said("hidden", "keep")])
    known = {"hidden": np.zeros(fake.FRAMES, bool)}
    report.run(fake.stage(root), lambda wanted, store: known)
    page = (root / "data" / "audit" / report.PAGE).read_text()
    assert "Against the truth of synthetic clips" in page
    assert "1 of 1 right" in page
    with (root / "data" / "audit" / AGREEMENT).open(newline="") as file:
        rows = {row["label"]: (row["verdicts"], row["agreed"]) for row in csv.DictReader(file)}
    assert rows == {"reviewers: mouth_hidden": ("1", "0"), "nursery: mouth_hidden": ("1", "1")}


def test_the_yield_is_told_by_vocalization_and_the_funnel_by_reason(data, tmp_path):
    found = harvest(read.read(data))
    (crop,) = found.kinds
    assert (crop.group, crop.clips, crop.spans, crop.share) == ("cry", 1, 1, 1.0)
    assert crop.minutes == pytest.approx(fake.FRAMES / 30 / 60)
    found.write(tmp_path)
    with (tmp_path / FUNNEL).open(newline="") as file:
        clips = {row["label"]: int(row["clips"]) for row in csv.DictReader(file)}
    assert clips["select: mouth_hidden"] == clips["fit: fit_poor"] == clips["pack: kept"] == 1
    assert sum(clips.values()) == len(read.read(data).fates)
    assert (tmp_path / KINDS).read_text().startswith("group,clips,spans,minutes,share\ncry,1,1,")


def test_a_run_that_kept_nothing_yields_nothing(tmp_path):
    root = fake.build(tmp_path, videos=False)
    for shard in (root / "data" / "pack").glob("*.parquet"):
        if shard.name != "ledger.parquet":
            shard.unlink()
    found = harvest(read.read(root / "data"))
    assert (found.kinds, found.sources, found.shown) == ([], [], [])
