"""The measurement of this stage: one clip, fetched and normalised.

It stands alone so that its key depends on what decides its files, and not on the catalogue.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline import media
from pipeline.core.errors import ClipFailed
from pipeline.core.reasons import Reason
from pipeline.sources import partial
from pipeline.sources.fetch import fetch


def measure(out: Path, inputs: Mapping[str, Any]) -> None:
    """Fetch one clip and normalise it into `out`; what was fetched does not stay.

    Args:
        out: an empty folder.
        inputs: `address`, http(s) or the absolute path of a file; `section`; `limits`; `reach`;
            `partial`, where what came before a run was broken off lies, or None.

    Raises:
        ClipFailed: what `fetch` and `media.normalise` raise.
    """
    instead = out / "original"
    instead.mkdir()
    with partial.kept(inputs["partial"], instead) as folder:
        resumed = any(folder.glob("*.part"))
        try:
            _measure(folder, out, inputs)
        except ClipFailed as error:
            if not resumed or error.reason is Reason.UNREACHABLE:
                raise
            # What came before and what came now may be halves of two recordings.
            partial.empty(folder)
            _measure(folder, out, inputs)
    shutil.rmtree(instead)


def _measure(folder: Path, out: Path, inputs: Mapping[str, Any]) -> None:
    section = inputs["section"]
    had = fetch(inputs["address"], folder, inputs["reach"], section)
    section = _moved(section, had.begins_s)
    media.normalise(had.picture, out, inputs["limits"], section, had.sound)


def _moved(section: media.Section, begins_s: float) -> media.Section:
    """The section, in seconds from the beginning of what was had of a recording."""
    if section.whole or not begins_s:
        return section
    end_s = None if section.end_s is None else section.end_s - begins_s
    return media.Section((section.start_s or 0.0) - begins_s, end_s)
