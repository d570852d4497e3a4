"""What was fitted to many clips, as tables: a row a clip, and a row a frame.

about.parquet    clip, focal_px, age, residual_px, residual_mm, fitted_frames
poses.parquet    clip, frame, valid, residual_px, residual_mm, yaw_deg, pitch_deg, roll_deg
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.core import parts
from pipeline.morph.angles import angles_deg

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

_READ = ("focal_px", "age", "residual_px", "residual_mm", "valid", "rotation")


def measure(out: Path, inputs: Mapping[str, Any]) -> None:
    """Make the tables of the clips in `inputs["clips"]`, each fitted in a file `fit`."""
    about, poses = [], []
    for clip, piece in inputs["clips"].items():
        # Not `Fitted`, whose module imports torch.
        with np.load(piece["fit"], allow_pickle=False) as file:
            fitted = {name: file[name] for name in _READ}
        about.append((clip, pa.table({name: [x] for name, x in _about(fitted).items()})))
        poses.append((clip, pa.table(_poses(fitted))))
    parts.join(out / ABOUT_FILE, ABOUT, about)
    parts.join(out / POSES_FILE, POSES, poses)


def _about(fitted: Mapping[str, NDArray]) -> dict[str, float]:
    age = fitted["age"]
    return {
        "focal_px": float(fitted["focal_px"]),
        "age": float(age[0]) if len(age) else float("nan"),
        "residual_px": float(np.nanmedian(fitted["residual_px"])),
        "residual_mm": float(np.nanmedian(fitted["residual_mm"])),
        "fitted_frames": int(fitted["valid"].sum()),
    }


def _poses(fitted: Mapping[str, NDArray]) -> dict[str, NDArray]:
    yaw, pitch, roll = angles_deg(fitted["rotation"])
    return {
        "frame": np.arange(len(fitted["valid"]), dtype=np.int32),
        "valid": np.asarray(fitted["valid"], bool),
        "residual_px": fitted["residual_px"],
        "residual_mm": fitted["residual_mm"],
        "yaw_deg": yaw,
        "pitch_deg": pitch,
        "roll_deg": roll,
    }
