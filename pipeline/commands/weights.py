"""`cradle weights`: fetch what models/weights.lock names and does not ship."""

from __future__ import annotations

import argparse
import functools
import sys
from pathlib import Path

from tqdm import tqdm

from pipeline.core import weights
from pipeline.core.errors import WeightsError
from pipeline.params import load
from pipeline.sources import grab
from pipeline.sources.weights import fetch

EXAMPLE = "cradle weights fetch htdemucs"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("action", choices=["fetch"])
    parser.add_argument("name", nargs="*", help="rows of the lock; all with an address without")


def run(arguments: argparse.Namespace) -> int:
    """Fetch what is not there yet, and say of each whether it came."""
    known = weights.listed()
    for name in arguments.name:
        if name not in known:
            raise WeightsError(
                f"models/weights.lock: no {name[:80]!r}; there are: {', '.join(known)}"
            )
    wanted = arguments.name or [name for name, row in known.items() if row.source]
    allowed = grab.resolve(load(Path.cwd()).download.allow_hosts)
    sys.addaudithook(functools.partial(grab.refuse_private, allowed))
    for name in wanted:
        with tqdm(desc=name, unit="B", unit_scale=True, disable=not sys.stderr.isatty()) as bar:
            new = fetch(name, known[name], bar.update)
        print(f"{name}: {'fetched' if new else 'there already'}, {known[name].path}")
    if not wanted:
        print("models/weights.lock names nothing that is to be fetched")
    return 0
