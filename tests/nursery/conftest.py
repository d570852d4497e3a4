"""Clips of every kind, each made once for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.nursery import measure
from pipeline.nursery.scenes import scene_of

SPAN_S = 0.5
SIZE_PX = 320
SEED = 7

Make = Callable[..., Path]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Give the folder of a kind's first clip, made when first asked for."""
    root = tmp_path_factory.mktemp("nursery")

    def folder(kind: str, number: int = 1, span_s: float = SPAN_S) -> Path:
        scene = scene_of(kind, SEED, span_s, SIZE_PX, number)
        out = root / f"{scene.clip}_{span_s}"
        if not out.exists():
            out.mkdir()
            wanted = {"seed": SEED, "index": scene.index, "span_s": span_s, "size_px": SIZE_PX}
            measure(out, wanted)
        return out

    return folder
