"""What was fitted to many clips, as tables: a row a clip, and a row a frame.

about.parquet    clip, focal_px, age, residual_px, residual_mm, fitted_frames
poses.parquet    clip, frame, valid, residual_px, residual_mm, yaw_deg, pitch_deg, roll_deg
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from pipeline.core import parts

if TYPE_CHECKING:
    from pipeline.morph.fit import Fitted

ABOUT_FILE, POSES_FILE = "about.parquet", "poses.parquet"
ABOUT = pa.schema(
    [
        ("clip", pa.string()),
        ("focal_px", pa.float64()),
        ("age", pa.float64()),
        ("residual_px", pa.float64()),
        ("residual_mm", pa.float64()),
        ("fitted_frames", pa.int32()),
    ]
)
POSES = pa.schema(
    [
        ("clip", pa.string()),
        ("frame", pa.int32()),
        ("valid", pa.bool_()),
        *(
            (name, pa.float32())
            for name in ("residual_px", "residual_mm", "yaw_deg", "pitch_deg", "roll_deg")
        ),
    ]
)


def measure(out: Path, inputs: Mapping[str, Any]) -> None:
    """Make the tables of the clips in `inputs["clips"]`, each fitted in a file `fit`."""
    # Here, not above: a stage whose tables are remembered need not wait for torch.
    from pipeline.morph.fit_landmarks import load

    about, poses = [], []
    for clip, piece in inputs["clips"].items():
        fitted = load(Path(piece["fit"]))
        about.append((clip, pa.table({name: [x] for name, x in _about(fitted).items()})))
        poses.append((clip, pa.table(_poses(fitted))))
    parts.join(out / ABOUT_FILE, ABOUT, about)
    parts.join(out / POSES_FILE, POSES, poses)


def _about(fitted: Fitted) -> dict[str, float]:
    return {
        "focal_px": float(fitted.focal_px),
        "age": float(fitted.age[0]) if len(fitted.age) else float("nan"),
        "residual_px": float(np.nanmedian(fitted.residual_px)),
        "residual_mm": float(np.nanmedian(fitted.residual_mm)),
        "fitted_frames": int(fitted.valid.sum()),
    }


def _poses(fitted: Fitted) -> dict[str, np.ndarray]:
    from pipeline.morph.fit_landmarks import angles_deg

    yaw, pitch, roll = angles_deg(fitted.rotation)
    return {
        "frame": np.arange(len(fitted.valid), dtype=np.int32),
        "valid": np.asarray(fitted.valid, bool),
        "residual_px": fitted.residual_px,
        "residual_mm": fitted.residual_mm,
        "yaw_deg": yaw,
        "pitch_deg": pitch,
        "roll_deg": roll,
    }
