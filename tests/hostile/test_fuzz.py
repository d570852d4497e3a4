"""Random damage: whatever comes of it is complete, or is named; nothing else is raised."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.core.reasons import Reason
from tests.hostile import mutations
from tests.hostile.judging import LIMITS, assert_whole, outcome

COUNT, PARTS = 300, 10
EXPECTED = {Reason.NOT_MEDIA, Reason.MEDIA_DAMAGED, Reason.NO_VIDEO, Reason.NO_SOUND}
EXPECTED |= {Reason.TOO_LARGE, Reason.TOO_LONG, Reason.TOO_SHORT}
QUICK = replace(LIMITS, min_s=0.1, wall_s=60)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_mutations_end_in_a_whole_clip_or_one_reason(part: int, tmp_path: Path) -> None:
    files = mutations.seeds(tmp_path)
    found: Counter[str] = Counter()
    for number in range(part, COUNT, PARTS):
        content, name = mutations.mutation(files, number)
        path, out = tmp_path / f"{number}_{name}", tmp_path / f"out_{number}"
        path.write_bytes(content)
        out.mkdir()
        result = outcome(path, out, QUICK)
        if isinstance(result, tuple):
            assert_whole(out, result[2])
        else:
            assert result in EXPECTED, (number, name)
        found["kept" if isinstance(result, tuple) else str(result)] += 1
    assert found["media_damaged"] > 0
    assert 0 < found["kept"] < COUNT // PARTS, found
