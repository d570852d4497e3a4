"""Who else is in the picture, and whose mouth moves with the infant's voice.

    clip        moves_with_sound  rival_likeness  rival_moves
    twins_01                0.62            0.91         0.08    the other one is still
    twins_02                0.20            0.88         0.31    which of the two cries?

A rival is another face of about the size that is there at the same time. One whose mouth moves
clearly less with the voice than the infant's does is none: it may be an infant, but it is not the
one that is heard.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

COLUMNS = ["clip", "moves_with_sound", "rival_likeness", "rival_moves"]
TOGETHER_FRAMES = 15
"""For how long another face must be there beside the infant's to be a rival."""
ENOUGH_FRAMES = 30
"""Frames in which both mouth and voice must be known to say whether they go together."""
AS_LARGE = 0.5
"""The least size of a rival beside the infant's face: patterns on clothes pass for small faces."""
CLEARLY = 0.3
"""How much less the rival's mouth must go with the voice."""
QUIET_DB = -60.0
"""What lies below it is silence, whatever its level."""

Floats = NDArray[np.float64]


def company(tracks: pd.DataFrame, heard: pd.DataFrame) -> pd.DataFrame:
    """Describe the company of the infant's face in each clip; a row a clip, columns `COLUMNS`.

    Args:
        tracks: data/landmarks/tracks.parquet: clip, chosen, infant_likeness, frame, aperture_mm.
        heard: data/isolate/frames.parquet: clip, frame, stem_db.
    """
    levels = {
        str(clip): _by_frame(rows["frame"].to_numpy(), rows["stem_db"].to_numpy(float))
        for clip, rows in heard.groupby("clip")
    }
    rows = [
        {"clip": str(clip), **_of_clip(faces, levels.get(str(clip), np.zeros(0)))}
        for clip, faces in tracks.groupby("clip")
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _of_clip(faces: pd.DataFrame, level_db: Floats) -> dict[str, float]:
    infants = faces[faces["chosen"].to_numpy(bool)]
    if not len(infants):
        return {}
    where = np.concatenate(infants["frame"].tolist())
    mine = together(where, np.concatenate(infants["aperture_mm"].tolist()), level_db)
    said = {"moves_with_sound": mine, "rival_likeness": 0.0, "rival_moves": np.nan}
    size_px = float(infants["face_px"].max())
    for rival in _beside(faces, where):
        if rival["face_px"] < AS_LARGE * size_px:
            continue
        moves = together(rival["frame"], rival["aperture_mm"], level_db)
        likeness = float(rival["infant_likeness"])
        if not mine - moves > CLEARLY and likeness > said["rival_likeness"]:
            said |= {"rival_likeness": likeness, "rival_moves": moves}
    return said


def _beside(faces: pd.DataFrame, where: NDArray[np.int32]) -> Iterator[dict[str, Any]]:
    """The other tracks that are long enough in the same frames."""
    others: list[dict[str, Any]] = faces[~faces["chosen"].to_numpy(bool)].to_dict("records")  # type: ignore[assignment]
    for other in others:
        if np.isin(other["frame"], where).sum() >= TOGETHER_FRAMES:
            yield other


def together(
    where: NDArray[np.int32], aperture_mm: NDArray[np.floating], level_db: Floats
) -> float:
    """Correlation of a mouth's aperture (F,) in the frames `where` (F,) with the infant's level.

    Args:
        where: numbers of frames.
        aperture_mm: of the mouth there, nan where it cannot be seen.
        level_db: of the infant's stem in every frame of the clip.

    Returns:
        nan where too little is known of either, or where either never changes.
    """
    inside = np.asarray(where) < len(level_db)
    aperture = np.asarray(aperture_mm, np.float64)[inside]
    level = np.maximum(level_db[np.asarray(where)[inside]], QUIET_DB)
    known = np.isfinite(aperture) & np.isfinite(level)
    aperture, level = aperture[known], level[known]
    if len(level) < ENOUGH_FRAMES or min(aperture.std(), level.std()) < 1e-6:
        return float("nan")
    return float(np.corrcoef(aperture, level)[0, 1])


def _by_frame(frame: NDArray[np.int32], values: Floats) -> Floats:
    laid = np.full(int(frame.max(initial=-1)) + 1, np.nan)
    laid[frame] = values
    return laid
