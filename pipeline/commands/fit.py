"""`cradle fit`: one identity and a run of expressions for the face in one video."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from pipeline.commands._file import normalised, params
from pipeline.commands._hush import hushed
from pipeline.core.errors import CradleError
from pipeline.core.publishing import check_folder, publish

EXAMPLE = "cradle fit home.mp4 -o latents.npz --overlay over.mp4 --mesh face.glb"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("file", type=Path, help="a video")
    parser.add_argument("-o", "--out", type=Path, required=True, help="an .npz of latents and pose")
    parser.add_argument("--overlay", type=Path, help="an .mp4 with the mesh over the video")
    parser.add_argument("--age-months", type=float, help="of the infant, 0 to 60, where known")
    parser.add_argument("--mesh", type=Path, help="a .glb: the mesh, animated")


def run(arguments: argparse.Namespace) -> int:
    """Measure the landmarks and fit every frame that has a face."""
    import numpy as np

    from pipeline import media
    from pipeline.face.landmarks import measure_video
    from pipeline.morph import glb, model
    from pipeline.morph.fit_landmarks import fit_landmarks
    from pipeline.morph.overlay import overlay

    for path in (arguments.out, arguments.overlay, arguments.mesh):
        if path is not None:
            check_folder(path)
    known, old = params(), arguments.age_months
    if old is not None and not 0 <= old <= 60:
        raise CradleError(f"--age-months {old:g}: from 0 to 60 are allowed")
    with (
        hushed(),
        normalised(arguments.file) as (folder, info),
        tempfile.TemporaryDirectory() as made,
    ):
        found = measure_video(folder / media.VIDEO, known.landmarks)
        landmarks = Path(made) / "landmarks.npz"
        np.savez(landmarks, points=found.points, visibility=found.visibility)
        fitted = fit_landmarks(landmarks, info.height, info.width, known.fit, age_months=old)
        partial = Path(made) / "fit.npz"
        fitted.save(partial)
        publish(arguments.out, partial.read_bytes())
        face = model.load(known.fit.model)
        if arguments.overlay is not None:
            overlay(folder / media.VIDEO, face, fitted, arguments.overlay)
        if arguments.mesh is not None:
            glb.write(arguments.mesh, face, fitted)
    residual_mm = float(np.median(fitted.residual_mm[fitted.valid]))
    print(
        f"{int(fitted.valid.sum())} of {info.frames} frames, median residual {residual_mm:.2f} mm"
    )
    return 0
