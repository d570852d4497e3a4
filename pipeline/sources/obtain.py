"""The measurement of this stage: one clip, fetched and normalised.

It stands alone so that its key depends on what decides its files, and not on the catalogue.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline import media
from pipeline.sources.fetch import fetch


def measure(out: Path, inputs: Mapping[str, Any]) -> None:
    """Fetch one clip and normalise it into `out`; what was fetched does not stay.

    Args:
        out: an empty folder.
        inputs: `address`, http(s) or the absolute path of a file; `section`; `limits`; `reach`.

    Raises:
        ClipFailed: what `fetch` and `media.normalise` raise.
    """
    original = out / "original"
    original.mkdir()
    had = fetch(inputs["address"], original, inputs["reach"])
    media.normalise(had.picture, out, inputs["limits"], inputs["section"], had.sound)
    shutil.rmtree(original)
