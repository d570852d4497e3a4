"""Make the bank of stems: `python -m models.separator.prepare`.

tmp/separator/synthetic.npz, real.npz   stems; see models/separator/stems.py
trained_on.sha256                       digests of the real recordings that are learned from
validated_on.sha256                     and of those that choices are made by
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.separator import stems
from models.separator.recipe import FOLDER, WORK, Recipe, recipe


def prepare(wanted: Recipe) -> None:
    """Synthesise, and resynthesise what real recordings there are."""
    stems.save(
        WORK / "synthetic.npz", stems.synthetic(np.random.default_rng(wanted.seed), wanted.size)
    )
    folder = Path(wanted.real) if wanted.real else None
    real = stems.read_recordings(folder, wanted.held_out, kept=False)
    rng = np.random.default_rng(wanted.seed + 1)
    stems.save(WORK / "real.npz", stems.resynthesised(real, rng, wanted.size))
    _name("trained_on.sha256", real)
    _name("validated_on.sha256", stems.read_recordings(folder, wanted.held_out, kept=True))


def _name(file: str, real: stems.Recordings) -> None:
    """Say by digest which recordings were used, so that others can fetch the same."""
    digests = "".join(f"{digest}\n" for digest in sorted(real.digests))
    (FOLDER / file).write_text(digests, encoding="utf-8")


if __name__ == "__main__":
    prepare(recipe())
