"""The mean head as it was last built, kept in `models/morph/procedural_mesh.npz`.

Building it takes seconds and hangs on the last bits of a machine's arithmetic; reading it does
neither. `python -m pipeline.morph.procedural_frozen` builds it anew; a test compares the two.
"""

from __future__ import annotations

import sys
from dataclasses import fields
from pathlib import Path

import numpy as np

from pipeline.core.errors import CradleError
from pipeline.morph.procedural_mesh import HeadMesh, build

FILE = Path(__file__).resolve().parents[2] / "models" / "morph" / "procedural_mesh.npz"


def load(path: Path = FILE) -> HeadMesh:
    """Read the mean head; a missing or foreign file raises `CradleError`."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {f.name: stored[f.name] for f in fields(HeadMesh)}
    except (OSError, KeyError, ValueError) as error:
        raise CradleError(f"{path}: not the mesh of the procedural infant: {error}") from error
    wide = {k: v.astype(np.float64 if v.dtype.kind == "f" else np.int64) for k, v in arrays.items()}
    return HeadMesh(**wide)


def save(mesh: HeadMesh, path: Path = FILE) -> None:
    """Write the mean head, positions to a thousandth of a millimetre."""
    small = {}
    for f in fields(HeadMesh):
        values = getattr(mesh, f.name)
        floating = values.dtype.kind == "f"
        small[f.name] = (
            np.round(values, 3 if f.name != "turn" else 6).astype(np.float32)
            if floating
            else values.astype("<i4")
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **small)


if __name__ == "__main__":
    save(build())
    sys.stdout.write(f"{FILE}\n")
