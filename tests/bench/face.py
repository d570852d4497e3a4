"""`cradle bench face`: what is said of a face, frame by frame, against what is known of it.

    cradle bench face [--parts nursery real cost raw] [--media FOLDER] [--split test] [--json OUT]

nursery   synthetic infants of seeds that nothing is tuned on
real      FOLDER/face/*.mp4 with things laid over the faces, whose outlines are known
cost      against a bare loop over the same frames, and memory over the length of a clip
raw       what mediapipe alone jitters, loses and invents, before and after

`--split tune` takes the seeds, clips and kinds of things that choices may be made on instead, and
`--split people` any clips with these kinds of things.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pipeline.core.code import PROJECT
from pipeline.params import Everything, load
from tests.bench import _face_cost, _face_nursery, _face_raw, _face_real
from tests.bench._figures import Figure, report

PARTS = ("nursery", "real", "cost", "raw")


def main(argv: Sequence[str]) -> int:
    """Measure and print; 0 where every figure is reached."""
    options = _options(argv)
    params = load(PROJECT)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="cradle-face-") as folder:
        work = Path(folder)
        if "nursery" in options.parts:
            figures += _face_nursery.figures(work, params.landmarks, params.select, options.split)
        if "real" in options.parts:
            figures += _real(options, params)
        if "cost" in options.parts:
            figures += _face_cost.figures(work, params.landmarks)
        if "raw" in options.parts:
            figures += _face_raw.figures(work, params.landmarks, params.fit)
    if not figures:
        print("nothing was measured")
        return 1
    return report("face", figures, options.json)


def _real(options: argparse.Namespace, params: Everything) -> list[Figure]:
    if options.media is None or not (options.media / "face").is_dir():
        print("no --media FOLDER with face/*.mp4: real footage is left out")
        return []
    return _face_real.figures(
        options.media / "face", params.landmarks, params.select, options.split
    )


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="cradle bench face",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--media", type=Path, help="holds face/*.mp4")
    parser.add_argument("--split", choices=_face_real.SPLITS, default=_face_real.TEST)
    parser.add_argument("--json", type=Path)
    return parser.parse_args(argv)
