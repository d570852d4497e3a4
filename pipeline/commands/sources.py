"""`cradle sources`: add rows to the catalogue, and find clips that show the same."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from tqdm import tqdm

from pipeline.core.errors import ClipFailed, CradleError
from pipeline.core.words import without_addresses
from pipeline.params import Everything, load
from pipeline.sources import adding, candidates, known
from pipeline.sources.adding import Verdict
from pipeline.sources.address import is_remote
from pipeline.sources.candidates import Candidate
from pipeline.sources.catalogue import SOURCES, Consent, read_sources, read_takedowns
from pipeline.sources.download import limits_of, reach

EXAMPLE = "cradle sources add clips/ --vocalization cry --consent parental --dry-run"
WHAT = (
    "addresses of recordings, playlists or channels; AudioSet's CSV files; folders; files; "
    "`search` for what params.yaml says to search for, or `search:TERM`"
)
ABOUT = (
    *("age_months", "source", "licence", "licence_evidence", "consent", "consent_evidence"),
    *("consent_scope", "jurisdiction", "retention_until", "contact", "added_by", "note"),
)
"""Columns of the catalogue that are the same for all that is added at once."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    add = actions.add_parser("add", help="add rows to data/sources.csv")
    add.add_argument("what", nargs="+", help=WHAT)
    add.add_argument("--vocalization", required=True, help="the kind that is heard in all of them")
    for name in ABOUT:
        needed = name == "consent"
        choices = list(map(str, Consent)) if needed else None
        option = f"--{name.replace('_', '-')}"
        add.add_argument(option, required=needed, choices=choices, default="")
    add.add_argument("--limit", type=int, default=50, help="the most of each list (default: 50)")
    copies = actions.add_parser("copies", help="clips of the last run that show the same")
    add.add_argument("--dry-run", action="store_true", help="say what would be added; add nothing")
    for action in (add, copies):
        action.add_argument("--json", action="store_true", help="print it for a program")


def run(arguments: argparse.Namespace) -> int:
    """Add, or look for copies; returns 1 where nothing new was found."""
    return _copies(arguments) if arguments.action == "copies" else _add(arguments)


def _add(arguments: argparse.Namespace) -> int:
    root, params = Path.cwd(), load(Path.cwd())
    kinds = [kind.name for kind in params.vocalizations]
    if arguments.vocalization not in kinds:
        raise CradleError(
            f"{arguments.vocalization[:80]!r}: no such vocalization; params.yaml has: "
            f"{', '.join(kinds)}"
        )
    rows, takedowns = read_sources(root, kinds), read_takedowns(root)
    found = list(_candidates(arguments, root, params))
    judge = adding.Judge(root, rows, takedowns, limits_of(params.download))
    told = tqdm(found, unit="clip", leave=False, disable=not sys.stderr.isatty())
    verdicts = [judge.judge(it, arguments.vocalization) for it in told]
    if not arguments.dry_run:
        _write(root, verdicts, arguments, kinds)
    print(_json(verdicts) if arguments.json else _words(verdicts, arguments.dry_run))
    return 0 if any(not it.known for it in verdicts) else 1


def _candidates(
    arguments: argparse.Namespace, root: Path, params: Everything
) -> Iterator[Candidate]:
    kind = next(it for it in params.vocalizations if it.name == arguments.vocalization)
    far, most = reach(params.download), arguments.limit
    for what in arguments.what:
        path = root / what
        try:
            if what == "search" or what.startswith("search:"):
                for term in [what[7:]] if what[7:] else kind.search_terms:
                    yield from candidates.of_search(term, far, most)
            elif is_remote(what):
                yield from candidates.of_address(what, far, most)
            elif path.is_dir():
                yield from candidates.of_folder(path, root)
            elif path.suffix == ".csv" and path.is_file():
                yield from candidates.of_audioset(path, kind.audioset, most)
            elif path.is_file():
                yield candidates.of_file(path, root)
            else:
                raise CradleError(f"{what[:200]!r}: there is no such file or folder; {WHAT}")
        except ClipFailed as error:
            raise CradleError(without_addresses(f"{what[:200]!r}: {error}")) from None


def _write(
    root: Path, verdicts: list[Verdict], arguments: argparse.Namespace, kinds: list[str]
) -> None:
    about = {name: str(getattr(arguments, name)) for name in ABOUT}
    about |= {
        "vocalization": arguments.vocalization,
        "retrieved_on": str(datetime.now(UTC).date()),
    }
    before = (root / SOURCES).read_bytes()
    adding.append(root, verdicts, about)
    try:
        read_sources(root, kinds)
    except CradleError:
        # A table that the next run refuses is no use; its own words say what was wrong.
        (root / SOURCES).write_bytes(before)
        raise


def _copies(arguments: argparse.Namespace) -> int:
    pairs = known.copies(Path.cwd())
    if arguments.json:
        print(json.dumps([{"clip": clip, **asdict(match)} for clip, match in pairs], indent=2))
    else:
        lines = [
            f"{clip} and {it.name}: {it.marks} marks of the sound, "
            f"{it.agreement:.0%} of the pictures, {it.offset_s:+.2f} s apart"
            for clip, it in pairs
        ]
        print("\n".join([f"{len(pairs)} pairs look and sound the same", *lines]))
    return 0


def _json(verdicts: list[Verdict]) -> str:
    told = [
        {
            "id": it.id,
            "address": it.candidate.address,
            "start_s": it.candidate.start_s,
            "end_s": it.candidate.end_s,
            "known": it.known,
        }
        for it in verdicts
    ]
    return json.dumps(told, indent=2)


def _words(verdicts: list[Verdict], dry: bool) -> str:
    new = [it for it in verdicts if not it.known]
    lines = [f"{len(new)} {'would be added' if dry else 'added'} to {SOURCES}"]
    lines += [f"  {it.id}: {_shown(it)}" for it in new]
    lines += [f"  not {_shown(it)}: {it.known}" for it in verdicts if it.known]
    return "\n".join(lines)


def _shown(verdict: Verdict) -> str:
    it = verdict.candidate
    section = "" if it.start_s is None else f" {it.start_s:g} to {it.end_s:g} s"
    return f"{it.address!r}{section}"
