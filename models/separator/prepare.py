"""Make the bank of stems: `python -m models.separator.prepare`.

tmp/separator/synthetic.npz, real.npz   stems; see models/separator/stems.py
trained_on.sha256                       digests of the real recordings that are learned from
validated_on.sha256                     and of those that choices are made by
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.separator import stems
from models.separator.codecs import coded
from models.separator.gathered import digests, gathered
from models.separator.recipe import FOLDER, WORK, Recipe, recipe


def prepare(wanted: Recipe) -> None:
    """Synthesise, and resynthesise what real recordings there are."""
    rng = np.random.default_rng(wanted.seed)
    made = stems.synthetic(rng, wanted.size) if wanted.sounds != "real" else []
    stems.save(WORK / "synthetic.npz", coded(made, rng, wanted.codec_share))
    folder = Path(wanted.real) if wanted.real and wanted.sounds != "synthetic" else None
    bank = Path(wanted.bank) if wanted.bank and wanted.sounds != "synthetic" else None
    real = stems.read_recordings(folder, wanted.held_out, kept=False)
    rng = np.random.default_rng(wanted.seed + 1)
    found = stems.resynthesised(real, rng, wanted.size)
    found += gathered(bank / "train", rng, wanted.size) if bank else []
    stems.save(WORK / "real.npz", coded(found, rng, wanted.codec_share))
    kept = stems.read_recordings(folder, wanted.held_out, kept=True)
    _name("trained_on.sha256", real.digests + (digests(bank / "train") if bank else []))
    _name("validated_on.sha256", kept.digests + (digests(bank / "val") if bank else []))


def _name(file: str, used: list[str]) -> None:
    """Say by digest which recordings were used, so that others can fetch the same."""
    text = "".join(f"{digest}\n" for digest in sorted(used))
    (FOLDER / file).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    prepare(recipe())
