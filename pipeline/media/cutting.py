"""How a command reads no more of a file than the section that is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.media.planning import Plan

_PREROLL_S = 10.0


def seek(planned: Plan, indexed: bool) -> Mapping[str, Any]:
    """Jump near a late section, to a picture that needs none before it; filters do the rest."""
    ahead_s = planned.start_s - _PREROLL_S
    if planned.whole or not indexed or ahead_s <= 0:
        return {}
    return {"noaccurate_seek": None, "ss": f"{ahead_s:.3f}", "seek_timestamp": 1}


def trim(planned: Plan) -> str:
    """The filter that leaves out what is before and after it; empty where all is wanted."""
    if planned.whole:
        return ""
    return f"trim=start={planned.start_s - 1e-4:.6f}:end={planned.end_s - 1e-4:.6f}"
