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


def prepare(wanted: Recipe, folder: Path) -> list[Path]:
    """Synthesise, and resynthesise what recordings there are; the files, written to `folder`."""
    rng = np.random.default_rng(wanted.seed)
    made = stems.synthetic(rng, wanted.size) if wanted.sounds != "real" else []
    stems.save(folder / "synthetic.npz", coded(made, rng, wanted.codec_share))
    real, bank = _real(wanted)
    rng = np.random.default_rng(wanted.seed + 1)
    recordings = stems.read_recordings(real, wanted.held_out, kept=False)
    found = stems.resynthesised(recordings, rng, wanted.size)
    found += gathered(bank / "train", rng, wanted.size) if bank else []
    stems.save(folder / "real.npz", coded(found, rng, wanted.codec_share))
    return [folder / "synthetic.npz", folder / "real.npz"]


def name(wanted: Recipe) -> None:
    """Say by digest which recordings teach and which validate: others can fetch the same."""
    real, bank = _real(wanted)
    for file, part, kept in (("trained_on", "train", False), ("validated_on", "val", True)):
        used = stems.read_recordings(real, wanted.held_out, kept).digests
        used += digests(bank / part) if bank else []
        text = "".join(f"{digest}\n" for digest in sorted(used))
        (FOLDER / f"{file}.sha256").write_text(text, encoding="utf-8")


def _real(wanted: Recipe) -> tuple[Path | None, Path | None]:
    """Where the recordings lie that are drawn from, and the bank."""
    if wanted.sounds == "synthetic":
        return None, None
    return Path(wanted.real) if wanted.real else None, Path(wanted.bank) if wanted.bank else None


if __name__ == "__main__":
    prepare(recipe(), WORK)
    name(recipe())
