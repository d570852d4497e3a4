"""Which measurements tables name, for whom."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pipeline.core.named import named_keys


def test_keys_by_step_of_all_clips_but_some(tmp_path: Path) -> None:
    first, second = tmp_path / "one.parquet", tmp_path / "two.parquet"
    rows = {"clip": ["a", "b"], "media_key": ["1", "2"], "face_key": ["3", None], "frames": [4, 5]}
    pd.DataFrame(rows).to_parquet(first)
    pd.DataFrame({"clip": ["a"], "media_key": ["6"]}).to_parquet(second)
    assert named_keys([first, second]) == {"media": {"1", "2", "6"}, "face": {"3"}}
    with first.open("rb") as opened:
        assert named_keys([opened], besides=("a",)) == {"media": {"2"}, "face": set()}
