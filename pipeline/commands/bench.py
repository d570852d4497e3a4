"""`cradle bench`: run one of the benchmarks in tests/bench."""

from __future__ import annotations

import argparse
import importlib
import sys

from pipeline.core.code import PROJECT
from pipeline.core.errors import CradleError

EXAMPLE = "cradle bench fit --json fit.json"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("name", help=f"one of: {', '.join(names())}")
    parser.add_argument(
        "rest", nargs=argparse.REMAINDER, help="options of the benchmark; --help shows them"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the benchmark and return its exit code: 0 where every figure is reached."""
    if arguments.name not in names():
        raise CradleError(f"no benchmark named {arguments.name!r}; there are: {', '.join(names())}")
    # Benchmarks stay with the tests, which are not installed with the package.
    sys.path.insert(0, str(PROJECT))
    code: int = importlib.import_module(f"tests.bench.{arguments.name}").main(arguments.rest)
    return code


def names() -> list[str]:
    """The benchmarks that there are."""
    folder = PROJECT / "tests" / "bench"
    return sorted(p.stem for p in folder.glob("*.py") if not p.stem.startswith("_"))
