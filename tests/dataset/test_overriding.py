"""Writing data/overrides.csv: nothing is lost, torn, or understood as something else."""

from __future__ import annotations

import csv
import subprocess
import sys
from dataclasses import replace

import pytest

from pipeline.core.code import PROJECT
from pipeline.core.errors import CradleError
from pipeline.dataset import overrides
from pipeline.dataset.overrides import Override
from pipeline.dataset.overriding import LONGEST, append, forget, plain, take_back

OLD = "# ours\nclip,start_frame,end_frame,verdict,reason,reviewer,date\na,,,drop,no,mk,2026-11-02\n"
SAID = Override("sofa", "keep", "beside the mouth", "mk", "2026-11-26", 4, 9, "0123456789ab")


def test_a_line_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "overrides.csv"
    append(path, [SAID])
    append(path, [SAID])
    assert overrides.read(path) == (SAID, SAID)
    assert [each.name for each in tmp_path.iterdir()] == ["overrides.csv"]


@pytest.mark.parametrize("text", [OLD, OLD.rstrip("\n"), OLD.replace("\n", "\r\n"), "\ufeff" + OLD])
def test_what_people_wrote_stays_as_they_wrote_it(tmp_path, text):
    path = tmp_path / "overrides.csv"
    path.write_bytes(text.encode())
    append(path, [SAID])
    first, second = overrides.read(path)
    assert (first.clip, first.measured, second) == ("a", "", SAID)
    assert path.read_text().startswith("# ours\n")


def test_what_was_said_of_a_clip_is_forgotten_and_the_rest_stays_as_it_was(tmp_path):
    path = tmp_path / "overrides.csv"
    path.write_text(
        OLD + 'sofa,,,drop,"of two\nlines",mk,2026-11-02\nb,,,keep,a sofa,mk,2026-11-02\n'
    )
    assert forget(path, ["sofa"]) == 1
    assert path.read_text() == OLD + "b,,,keep,a sofa,mk,2026-11-02\n"
    assert forget(path, ["sofa"]) == 0
    assert forget(tmp_path / "none.csv", ["sofa"]) == 0


def test_a_file_that_cannot_be_understood_is_left_alone(tmp_path):
    path = tmp_path / "overrides.csv"
    path.write_text(OLD + "torn,")
    with pytest.raises(CradleError, match=":4: should have 8 columns"):
        append(path, [SAID])
    assert path.read_text() == OLD + "torn,"


def test_a_line_that_could_not_be_understood_is_not_written(tmp_path):
    path = tmp_path / "overrides.csv"
    with pytest.raises(CradleError, match=r"clip id '\.\./x' is not allowed"):
        append(path, [SAID, Override("../x", "keep", "", "mk", "2026-11-26")])
    assert not path.exists()


@pytest.mark.parametrize(
    "words",
    [
        "=cmd|' /C calc'!A0",
        "+1",
        "-1+2",
        "@SUM(A1)",
        '"; rm -rf / #',
        "one\ntwo,,drop\r\nthree",
        "\x1b[2J\u202egnp",
        "# not a remark",
        "a" * 5000,
    ],
)
def test_a_note_is_one_cell_that_no_spreadsheet_computes(tmp_path, words):
    path = tmp_path / "overrides.csv"
    append(path, [Override("a", "drop", words, words, "2026-11-26")])
    with path.open(newline="") as file:
        head, row = csv.reader(file)
    assert len(head) == len(row) == 8
    assert row[4][0] not in "=+-@\t\r"
    assert row[4].isprintable()
    assert len(row[4]) <= LONGEST + 1
    (read,) = overrides.read(path)
    assert read.reason == read.reviewer == plain(words)


def test_two_hundred_killed_writers_lose_and_tear_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tests.dataset.killed_writers", str(tmp_path), "200"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    acknowledged = done.stdout.split()
    files = list(tmp_path.glob("*.csv"))
    assert len(files) == 200
    found = [said.clip for path in files for said in overrides.read(path)]
    assert len(found) == len(set(found))
    assert set(acknowledged) <= set(found)
    others = [clip for clip in found if clip.startswith("other")]
    assert len(others) == 600
    # Kills that never hit a writer at work would prove nothing.
    assert 0 < len(found) - len(others) < 600


def test_a_line_is_taken_back_and_the_rest_stays_as_it_was(tmp_path):
    path = tmp_path / "overrides.csv"
    path.write_text(OLD)
    append(path, [SAID, SAID])
    take_back(path, SAID)
    assert [word.clip for word in overrides.read(path)] == ["a", "sofa"]
    (old, _) = overrides.read(path)
    take_back(path, old)
    assert path.read_text().startswith("# ours\nclip,")
    assert overrides.read(path) == (SAID,)
    with pytest.raises(CradleError, match="nobody says so any more"):
        take_back(path, replace(SAID, reason="something else"))
    assert overrides.read(path) == (SAID,)
