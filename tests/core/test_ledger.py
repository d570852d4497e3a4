"""A ledger that does not add up is not written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import ledger, tables
from pipeline.core.errors import LedgerError
from pipeline.core.ledger import ClipRow
from pipeline.core.reasons import Reason

KEPT = ClipRow("b", Reason.KEPT)
DROPPED = ClipRow("a", Reason.MOUTH_HIDDEN, measured=0.2, threshold=0.75, op=">=")


def test_rows_come_back_sorted_with_their_state(tmp_path: Path) -> None:
    path = tmp_path / "ledger.parquet"
    ledger.write_clips(path, "select", [KEPT, DROPPED], ["a", "b"])
    rows = ledger.read_clips(path)
    assert rows["clip"].tolist() == ["a", "b"]
    assert rows["state"].tolist() == ["rejected", "kept"]
    assert rows["stage"].unique().tolist() == ["select"]
    assert ledger.kept(path) == ["b"]


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    ledger.write_clips(one, "select", [KEPT, DROPPED], ["a", "b"])
    ledger.write_clips(two, "select", [DROPPED, KEPT], ["b", "a"])
    assert {it.name: it.read_bytes() for it in one.iterdir()} == {
        it.name: it.read_bytes() for it in two.iterdir()
    }


@pytest.mark.parametrize(
    ("rows", "came_in", "complaint"),
    [
        ([KEPT], ["a", "b"], r"missing \['a'\]"),
        ([KEPT, DROPPED], ["b"], r"foreign \['a'\]"),
        ([KEPT, KEPT], ["b"], r"doubled \['b'\]"),
        ([ClipRow("b", Reason.FIT_POOR)], ["b"], "may not say fit_poor"),
        ([ClipRow("b", Reason.DARK, 0.9, 0.5, ">=")], ["b"], "0.9 >= 0.5 is True"),
        ([ClipRow("b", Reason.KEPT, 0.2, 0.5, ">=")], ["b"], "0.2 >= 0.5 is False"),
        ([ClipRow("b", Reason.DARK, 0.2, 0.5, "=>")], ["b"], "operator '=>'"),
    ],
)
def test_what_does_not_add_up_is_refused(
    tmp_path: Path, rows: list[ClipRow], came_in: list[str], complaint: str
) -> None:
    with pytest.raises(LedgerError, match=complaint):
        ledger.write_clips(tmp_path / "ledger.parquet", "select", rows, came_in)
    assert list(tmp_path.iterdir()) == []


def frames(**columns: list[object]) -> pd.DataFrame:
    base: dict[str, list[object]] = {
        "clip": ["a", "a"],
        "frame": [0, 1],
        "reason": ["kept", "dark"],
        "measure": ["brightness", "brightness"],
        "measured": [0.5, 0.1],
        "threshold": [0.2, 0.2],
        "op": [">=", ">="],
    }
    return pd.DataFrame({**base, **columns})


def test_frames_carry_their_rule(tmp_path: Path) -> None:
    path = tmp_path / "frames.parquet"
    ledger.write_frames(path, "select", frames())
    assert ledger.read_clips(path)["state"].tolist() == ["kept", "rejected"]


def test_a_bridged_frame_may_fail_its_gate(tmp_path: Path) -> None:
    path = tmp_path / "frames.parquet"
    ledger.write_frames(path, "select", frames(reason=["kept", "bridged"]))
    assert ledger.read_clips(path)["state"].tolist() == ["kept", "kept"]


@pytest.mark.parametrize(
    "columns", [{"measured": [0.5, 0.9]}, {"measured": [0.1, 0.1]}, {"frame": [0, 0]}]
)
def test_frames_that_contradict_themselves_are_refused(
    tmp_path: Path, columns: dict[str, list[object]]
) -> None:
    with pytest.raises(LedgerError):
        ledger.write_frames(tmp_path / "frames.parquet", "select", frames(**columns))


@given(st.lists(st.sampled_from([r for r in Reason if "select" in r.stages]), max_size=30))
def test_what_came_in_is_what_was_kept_plus_what_was_dropped(reasons: list[Reason]) -> None:
    rows = [ClipRow(f"c{number}", reason) for number, reason in enumerate(reasons)]
    kept = sum(row.reason is Reason.KEPT for row in rows)
    bridged = sum(row.reason is Reason.BRIDGED for row in rows)
    assert kept + bridged + ledger.dropped(rows).total() == len(rows)


def test_what_was_kept_and_why_the_others_were_not_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "ledger.parquet"
    others = [replace(DROPPED, clip=name) for name in ("c", "d")]
    ledger.write_clips(path, "select", [KEPT, DROPPED, *others], ["a", "b", "c", "d"])
    assert ledger.tally(path) == (1, {str(DROPPED.reason): 3})
    ledger.write_clips(path, "select", [], [])
    assert ledger.tally(path) == (0, {})


def test_spans_and_their_frames_are_counted(tmp_path: Path) -> None:
    spans = pd.DataFrame(
        {"clip": ["a", "a", "b"], "start_frame": [0, 40, 7], "end_frame": [30, 90, 8]}
    )
    tables.write_parts(tmp_path / "spans.parquet", spans, ledger.SPANS)
    assert ledger.extent(tmp_path / "spans.parquet") == (3, 81)
