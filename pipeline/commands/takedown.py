"""`cradle takedown`: take a clip back, remove every trace of it, and prove that none is left."""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pipeline.dataset.overriding import forget
from pipeline.params import load
from pipeline.sources import away, forgetting, takedown
from pipeline.sources.catalogue import SOURCES, read_sources
from pipeline.sources.forgetting import Forgotten, shown
from pipeline.sources.remotes import remotes
from pipeline.sources.takedown import Taken
from pipeline.sources.traces import Trace, traces

EXAMPLE = 'cradle takedown holiday_03 --reason "the parents asked"'
FOUND = 1


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "what", nargs="?", help="an id, an address, or the SHA-256 of a file or of the clip's media"
    )
    what.add_argument(
        "--expired", action="store_true", help="every clip that was to be kept until a past day"
    )
    parser.add_argument("--reason", default="", help="in words, for data/takedowns.csv")
    parser.add_argument("--by", default="", help="who signs the account in data/takedowns")
    parser.add_argument(
        "--exact",
        action="store_true",
        help="leave what only looks and sounds the same: take the same files and addresses",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would go; change nothing")
    parser.add_argument(
        "--verify", action="store_true", help="only search for traces; 1 where there is one"
    )
    parser.add_argument("--json", action="store_true", help="print it for a program")


def run(arguments: argparse.Namespace) -> int:
    """Take back, or only look; returns 1 where `--verify` finds a trace."""
    root = Path.cwd()
    today = datetime.now(UTC).date()
    taken = _taken(root, arguments, today)
    if not taken.ids:
        return 0
    if arguments.verify:
        return _verify(root, taken, arguments.json)
    asked = "what was to be kept until a past day" if arguments.expired else arguments.what
    reason = arguments.reason or (forgetting.EXPIRED if arguments.expired else "")
    done = (
        _would(root, taken)
        if arguments.dry_run
        else forgetting.forget(root, taken, forget, asked, reason, arguments.by, _telling())
    )
    said = {
        "ids": taken.ids,
        "copies": [asdict(match) for match in taken.alike],
        "removed": dict(done.removed),
        "models_learned_from": done.splits,
        "stores_not_reached": done.unreached,
        "remotes": [it.name for it in remotes(root) if it.folder is None],
        "dry_run": arguments.dry_run,
        "account": str(done.account) if not arguments.dry_run else "",
    }
    print(json.dumps(said, indent=2) if arguments.json else _words(said))
    return 0


def _would(root: Path, taken: Taken) -> Forgotten:
    found = [Trace("the store", path) for path in takedown.orphans(root, taken)]
    found += traces(root, taken.ids, taken.digests)
    places = Counter(trace.place for trace in found)
    there = away.withdraw(root, taken.digests, look=True)
    places.update({"stores elsewhere": len(there.left)} if there.left else {})
    return Forgotten(places, tuple(takedown.learned(root, taken)), Path(), there.unreached)


def _taken(root: Path, arguments: argparse.Namespace, today: date) -> Taken:
    if not arguments.expired:
        return takedown.named(root, arguments.what, copies=not arguments.exact)
    if (root / SOURCES).exists():
        # The dates are read below as they stand; a table that is wrong is told of here.
        read_sources(root, [kind.name for kind in load(root).vocalizations])
    return takedown.expired(root, today)


def _telling() -> Callable[[Trace], None]:
    count = itertools.count(1)

    def tell(trace: Trace) -> None:
        number = next(count)
        if sys.stderr.isatty():
            print(f"\r{number:,} removed", end="", file=sys.stderr, flush=True)

    return tell


def _verify(root: Path, taken: Taken, as_json: bool) -> int:
    there = away.withdraw(root, taken.digests, look=True)
    found = [shown(root, trace) for trace in traces(root, taken.ids, taken.digests)] + there.left
    if as_json:
        said = {"ids": taken.ids, "traces": found, "stores_not_reached": there.unreached}
        print(json.dumps(said, indent=2))
    else:
        unread = [f"not looked into: {why}" for why in there.unreached.values()]
        print("\n".join([f"{', '.join(taken.ids)}: {len(found)} traces", *found, *unread]))
    return FOUND if found or there.unreached else 0


def _words(said: dict[str, Any]) -> str:
    verb = "would go" if said["dry_run"] else "removed"
    lines = [f"{', '.join(said['ids'])}: taken back"]
    lines += [
        f"  {it['name']} looks and sounds the same: {it['marks']} marks of the sound, "
        f"{it['agreement']:.0%} of the pictures"
        for it in said["copies"]
    ]
    lines += [f"  {verb} from {place}: {count:,}" for place, count in said["removed"].items()]
    if said["models_learned_from"]:
        splits = ", ".join(said["models_learned_from"])
        lines.append(
            f"  the model of data/train saw it ({splits}): it is stale until `make run` has "
            "trained anew; versions that were given away before are yours to call back"
        )
    lines += [
        f"  not removed there: {why}; `cradle store push {url}` does it once it can be reached"
        for url, why in said["stores_not_reached"].items()
    ]
    lines += [
        f"  the remote {remote} cannot be reached from here; `dvc gc --cloud`"
        for remote in said["remotes"]
    ]
    if not said["dry_run"]:
        lines.append(f"  what was found and removed is written down in {said['account']}")
        lines.append(
            "`make run` makes the tables anew without it; nothing is fetched or measured again"
        )
    return "\n".join(lines)
