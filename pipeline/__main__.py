"""The command `cradle`: one module a subcommand, imported when it is called."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from pipeline.core import seal
from pipeline.core.errors import CradleError

COMMANDS = {
    "summary": "what the last run kept, dropped and learned, on one screen",
    "why": "why a clip or a frame was kept or dropped",
    "what-if": "what other thresholds would keep, without measuring or writing",
    "status": "what is stored, what is stale, what `dvc repro` would do and for how long",
    "capacity": "what a dataset of so many clips would take: time, disk, memory, money",
    "diff": "which clips and frames flipped since another commit or experiment, and what did it",
    "review": "look at clips in the browser, and say what to keep",
    "fiftyone": "write verdicts into a folder that FiftyOne opens",
    "sources": "add clips to the catalogue, and find those that show the same",
    "takedown": "take a clip back: remove every trace of it, and prove it",
    "store": "remove measurements that nothing needs; copy them to and from a bucket; seal media",
    "isolate": "separate the infant's voice from everything else in one file",
    "voices": "who sounds when in one file",
    "faces": "what can be seen of the face in every frame of one file",
    "fit": "fit the morphable face to every frame of one file",
    "embed": "find where the landmarks lie on a morphable model, such as your own",
    "generate": "make a face move to a sound",
    "weights": "fetch weights that the lock names and that do not ship",
    "bench": "measure a part of Cradle against its peers and its floor",
}
FAILED = 1
WRONG_USE = 2
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and return the exit code: 0 done, 1 could not, 2 used wrongly."""
    words = list(sys.argv[1:] if argv is None else argv)
    seal.quiet()
    try:
        return _dispatch(words)
    except CradleError as error:
        print(f"cradle: {error}", file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        # The reader (`| head`) has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED


def _dispatch(words: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="cradle",
        description="From clips of infants to a dataset that can be trusted.",
        epilog="`cradle COMMAND --help` shows an example of each.",
    )
    choices = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    wanted = next((word for word in words if not word.startswith("-")), None)
    for name, text in COMMANDS.items():
        sub = choices.add_parser(
            name, help=text, description=text, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        if name == wanted:
            command = importlib.import_module(f"pipeline.commands.{name.replace('-', '_')}")
            sub.epilog = f"example:\n  {command.EXAMPLE}"
            command.arguments(sub)
            sub.set_defaults(run=command.run)
    arguments = parser.parse_args(words)
    code: int = arguments.run(arguments)
    return code


if __name__ == "__main__":
    sys.exit(main())
