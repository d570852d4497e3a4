"""`cradle embed`: where the landmarks lie on a morphable model, so that it can be fitted."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from pipeline.commands._hush import hushed
from pipeline.core.errors import CradleError

EXAMPLE = (
    "cradle embed inface -o models/morph/inface.embedding.npz\n"
    "  cradle embed head.safetensors -o head.embedding.safetensors --views 60 --json\n"
    "fit.model finds what lies at models/morph/NAME.embedding.npz, or .safetensors"
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "model",
        help="procedural, inface, flame, or a file: .h5 of INFACE's layout, .npz or .safetensors "
        "of FLAME's",
    )
    parser.add_argument(
        "-o", "--out", type=Path, required=True,
        help="an .npz or .safetensors; a picture of it is written beside it, as .png",
    )  # fmt: skip
    parser.add_argument("--views", type=int, default=260, help="pictures to look at (260)")
    parser.add_argument("--json", action="store_true", help="print it for a program")


def run(arguments: argparse.Namespace) -> int:
    """Draw the model, find its landmarks, and write where they lie and a picture of it."""
    from pipeline.morph import embed, embedding, named
    from pipeline.morph.embedding_picture import png
    from pipeline.morph.model import opened

    out: Path = arguments.out
    embedding.allowed(out)
    if not embed.MIN_SIGHTINGS <= arguments.views <= embed.MAX_VIEWS:
        raise CradleError(
            f"--views {arguments.views}: from {embed.MIN_SIGHTINGS} to {embed.MAX_VIEWS} "
            "are allowed"
        )
    model = opened(arguments.model)
    with hushed():
        found = embed.compute(model, arguments.views, progress=sys.stderr.isatty())
    checked = named.compare(model, found.embedding)
    embedding.write(out, found.embedding)
    out.with_suffix(".png").write_bytes(png(model, found.embedding))
    said = _said(out, found, checked)
    print(json.dumps(said, indent=2) if arguments.json else _words(said))
    return 0


def _said(out: Path, found: Any, checked: Any) -> dict[str, Any]:
    from dataclasses import asdict

    import numpy as np

    return {
        "out": str(out),
        "picture": str(out.with_suffix(".png")),
        "model_digest": found.embedding.model_digest,
        "landmarks": len(found.embedding.landmark),
        "views": found.pictures,
        "faces_found": found.faces,
        "scatter_mm": round(float(np.median(found.embedding.scatter_mm)), 3),
        "named": asdict(checked) if checked else None,
    }


def _words(said: dict[str, Any]) -> str:
    return (
        f"{said['out']}: {said['landmarks']} landmarks, "
        f"median scatter {said['scatter_mm']:.2f} mm; "
        f"a face was found in {said['faces_found']} of {said['views']} pictures\n"
        f"{_named(said['named'])}"
        f"{said['picture']}: look at it before you use it"
    )


def _named(checked: dict[str, Any] | None) -> str:
    if checked is None:
        return ""
    return (
        f"{checked['count']} landmarks that the file itself names: median "
        f"{checked['median_mm']:.1f} mm away, {checked['farthest']} farthest, "
        f"{checked['farthest_mm']:.1f} mm\n"
    )
