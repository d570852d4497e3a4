"""`cradle bench pipeline`: what a run costs beside the bare work, and as the clips become many.

    cradle bench pipeline [--parts cold grown ray peers batches] [--clips 10 100]
                          [--rows 100 1000 10000] [--ray-rows 1000] [--ray-clips 40]
                          [--device cuda] [--json OUT] [--table data/metrics/pipeline.csv]

cold    synthetic clips, measured from nothing; beside the same decoder, landmarker and separator
        over the same frames and sounds, and nothing else
grown   the same measurements under so many ids: what tables cost, nothing changed, one clip more,
        one fewer, another threshold, another backend
ray     the tables of 1,000 clips, and 40 clips measured from nothing, over Ray on this machine
        beside the pool of processes
peers   what else cleans sound or filters faces, beside ours on the same clips: time, and what is
        right; those of `uv sync --group peers` where they are installed
batches clips one by one beside several at a time, through each network, where models run: what a
        GPU makes of them, where there is one (`--device`)

Everything happens in a copy of the project, with a store and a cache of its own.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.bench import _batches, _beside, _cold, _grown, _ray, _ray_measured
from tests.bench._figures import Figure, report

PARTS = ("cold", "grown", "ray", "peers", "batches")


def main(argv: Sequence[str]) -> int:
    """Measure and print; 0 where every figure is reached."""
    options = _options(argv)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="cradle-bench-") as folder:
        if "cold" in options.parts:
            for clips in sorted(options.clips):
                figures += _cold.figures(Path(folder, f"cold_{clips}"), clips)
        if "grown" in options.parts:
            figures += _grown.figures(Path(folder, "grown"), options.rows, options.table)
        if "ray" in options.parts:
            figures += _ray_measured.figures(Path(folder, "ray_measured"), options.ray_clips)
            figures += _ray.figures(Path(folder, "ray"), options.ray_rows)
        if "peers" in options.parts:
            figures += _beside.figures(Path(folder, "peers"), options.span_s, options.rounds)
        if "batches" in options.parts:
            figures += _batches.figures(options.device, options.batch_clips, options.frames)
    return report("pipeline", figures, options.json)


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="cradle bench pipeline",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument(
        "--clips", type=int, nargs="+", default=[10], help="measured from nothing; 10 100 1000"
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[100, 1000, 10000])
    parser.add_argument("--ray-rows", type=int, default=1000)
    parser.add_argument("--ray-clips", type=int, default=40, help="measured from nothing")
    parser.add_argument("--span-s", type=float, default=1.5, help="of each clip of `peers`")
    parser.add_argument("--rounds", type=int, default=2, help="clips of each kind of `peers`")
    parser.add_argument("--device", default="auto", help="of `batches`")
    parser.add_argument("--batch-clips", type=int, default=50, help="sounds of `batches`")
    parser.add_argument("--frames", type=int, default=6000, help="of a face, of `batches`")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--table", type=Path, help="a CSV of `grown` that `dvc plots` draws")
    return parser.parse_args(argv)
