"""Who is kept, from a run's tables to the page and the files beside it."""

import csv
from dataclasses import replace

import pandas as pd
import pytest

from pipeline.audit import balance as balancing
from pipeline.audit import harvest, read, report
from pipeline.audit.balance import GROUPS, MOST_ROWS, SOURCES, balance
from pipeline.audit.bias import COLUMNS, UNKNOWN
from pipeline.audit.calibration import AGREEMENT, Calibration
from pipeline.audit.groups import TRAITS, of_clips
from pipeline.audit.provenance import provenance
from pipeline.core import tables
from pipeline.core.code import PROJECT
from pipeline.params import load
from tests.audit import fake


@pytest.fixture
def run(tmp_path):
    return fake.build(tmp_path, hostile=False, videos=False)


def change(run, table, clip, column, value):
    path = run / "data" / f"{table}.parquet"
    rows = tables.read(path)
    rows.loc[rows["clip"] == clip, column] = value
    tables.write(path, rows)


def groups_of(run, clip):
    return of_clips(read.read(run / "data")).set_index("clip").loc[clip].to_dict()


def test_a_clip_s_groups_come_from_what_was_measured_of_it(run):
    change(run, "download/clips", "good", "age_months", 4.5)
    change(run, "landmarks/frames", "good", "ita_deg", -12.0)
    change(run, "landmarks/frames", "good", "brightness", 0.4)
    change(run, "isolate/frames", "good", "stem_db", -24.0)
    assert groups_of(run, "good") == {
        "kept": True,
        "age": "3 to 6 months",
        "tone": "brown",
        "light": "0.35 to 0.5",
        "loudness": "from -30 to -20 dB",
        "vocalization": "cry",
        "source": "source of good",
    }
    assert groups_of(run, "noisy")["kept"] is False


def test_what_was_not_measured_is_not_known(run):
    change(run, "download/clips", "good", "age_months", None)
    change(run, "download/clips", "good", "source", "")
    change(run, "landmarks/frames", "good", "ita_deg", float("nan"))
    change(run, "isolate/frames", "good", "infant", 0.2)
    found = groups_of(run, "good")
    assert {found[name] for name in ("age", "tone", "loudness", "source")} == {UNKNOWN}
    # It never came as far as being measured, and counts as not kept all the same.
    crashed = groups_of(run, "crashed")
    assert (crashed["kept"], crashed["light"]) == (False, UNKNOWN)


def test_a_run_that_stopped_early_has_its_groups(run):
    for stage in ("isolate", "landmarks"):
        (run / "data" / stage / "frames.parquet").unlink()
    assert groups_of(run, "good")["tone"] == UNKNOWN
    (run / "data" / "download" / "clips.parquet").unlink()
    assert len(balance(read.read(run / "data")).table) == 0


def test_every_clip_with_media_is_counted_once_a_trait(run):
    table = balance(read.read(run / "data")).table
    assert table.groupby("trait")["clips"].sum().to_dict() == dict.fromkeys(TRAITS, 7)
    assert table.groupby("trait")["kept"].sum().to_dict() == dict.fromkeys(TRAITS, 1)


HOSTILE = ["=cmd|' /C calc'!A0", "</script><script>x()</script>", 'a,\n"b"', "@x", "+1", "naïve"]


def test_the_files_are_whole_and_hold_no_formula(run):
    path = run / "data" / "download" / "clips.parquet"
    clips = tables.read(path)
    clips["source"] = [*HOSTILE, "plain"]
    tables.write(path, clips)
    report.run(fake.stage(run))
    out = run / "data" / "audit"
    others = [AGREEMENT, harvest.FUNNEL, harvest.KINDS, harvest.SOURCES, "report.html"]
    assert sorted(p.name for p in out.iterdir()) == sorted([GROUPS, SOURCES, *others])
    with (out / SOURCES).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 7
    assert not [c for row in rows for c in row.values() if c.startswith(("=", "@", "+"))]
    assert "<" not in (out / GROUPS).read_text()
    groups = pd.read_csv(out / GROUPS)
    assert list(groups.columns) == ["label", *COLUMNS]
    assert groups["label"].is_unique
    assert set(groups["trait"]) == set(TRAITS) - {"source"}
    page = (out / "report.html").read_text()
    assert "<script>x()" not in page
    assert "&lt;/script&gt;&lt;script&gt;x()" in page


def made(rows):
    known = dict.fromkeys(COLUMNS, 0.5) | {"trait": "source", "kept": 1, "sources": 1}
    return balancing.Balance(pd.DataFrame([known | row for row in rows]))


def test_of_many_groups_the_page_shows_those_that_differ_and_the_largest():
    rows = [{"group": str(n), "clips": 100 - n, "differs": n == 70} for n in range(80)]
    table = made(rows)
    (part,) = table.comparisons
    assert [row["group"] for row in part.rows] == [*map(str, range(MOST_ROWS - 1)), "70"]
    assert part.unsaid == 80 - MOST_ROWS
    assert part.file == SOURCES
    assert [row["group"] for row in table.differing] == ["70"]


def test_the_page_says_which_group_differs_and_by_how_much(run):
    path = run / "data" / "download" / "clips.parquet"
    account = read.read(run / "data")
    clips = tables.read(path)
    assert len(clips) == 7
    among = balance(account)
    row = {"trait": "tone", "group": "brown", "clips": 90, "kept": 30, "sources": 9, "rate": 1 / 3}
    row |= {"low": 0.24, "high": 0.44, "rest_rate": 0.7, "difference": 1 / 3 - 0.7, "differs": True}
    row |= {"difference_low": -0.5, "difference_high": -0.2, "p": 1e-6, "p_holm": 4e-6}
    origin = provenance(run, account, load(PROJECT))
    told = report.Told(made([row]), harvest.harvest(account), Calibration(), Calibration(), origin)
    page = report.render(account, [], report.learned.Learned(), told)
    assert "37 points less often than the rest (-50 to -20), p 4e-06" in page
    assert "1 group is kept more or less often" in page
    assert "30 of 90" in page
    calm = report.render(account, [], report.learned.Learned(), replace(told, balance=among))
    assert "No group is kept more or less often than the rest" in calm
