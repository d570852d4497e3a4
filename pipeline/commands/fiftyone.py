"""`cradle fiftyone`: a folder that FiftyOne opens, where a team has it."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.dataset import fiftyone

EXAMPLE = "cradle fiftyone verdicts"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("out", type=Path, help="a new or empty folder")


def run(arguments: argparse.Namespace) -> int:
    """Write every clip's verdicts; media are pointed to, not copied."""
    clips, stretches = fiftyone.export(Path.cwd(), arguments.out)
    print(f"{clips:,} clips, {stretches:,} stretches; open it in Python with")
    print("  import fiftyone as fo")
    print(f"  fo.Dataset.from_dir(dataset_dir={str(arguments.out.resolve())!r},")
    print("      dataset_type=fo.types.FiftyOneTemporalDetectionDataset)")
    return 0
