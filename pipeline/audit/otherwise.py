"""The story of a clip that is decided again with other thresholds, to tell what would change it."""

from __future__ import annotations

from pipeline.audit.read import Account
from pipeline.audit.why import FrameRun, Mend, Story, explain
from pipeline.dataset import together, turning
from pipeline.dataset.measures import Tables
from pipeline.dataset.params import Select
from pipeline.dataset.turning import Change


def tell(account: Account, clip: str, alone: Tables | None, thresholds: Select) -> Story:
    """A clip's way through the stages, and what would have turned it.

    Args:
        account: the run.
        clip: its id.
        alone: what was measured of it; None where nothing was.
        thresholds: what is decided by now.

    Raises:
        CradleError: no stage has seen such a clip.
    """
    if alone is None:
        return explain(account, clip)
    points, changes = together.either(alone, thresholds)
    return explain(account, clip, points, mender(alone, thresholds), together=changes)


def mender(alone: Tables | None, thresholds: Select) -> Mend:
    """What tells which changes would have kept a run of frames that `select` dropped."""

    def mend(run: FrameRun) -> list[Change] | None:
        if alone is None or run.stage != "select":
            return None
        return turning.mend(alone, thresholds, run.start_frame, run.end_frame)

    return mend
