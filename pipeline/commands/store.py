"""`cradle store`: remove what nothing needs; copy to and from elsewhere; seal pictures and sounds.

cradle store push s3://study/store  what is here and not there, of clips that nobody took back
cradle store pull s3://study/store  what is there and not here, checked
cradle store key ~/.cradle.key      a new key; name it in run.media_key of params.yaml
cradle store seal                   what is here already; what comes later is sealed as it comes
cradle store open                   the other way; take run.media_key out afterwards
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pipeline.commands._holding import held, withdrawn
from pipeline.commands._planning import STORE, plan
from pipeline.core import vault
from pipeline.core.errors import CradleError
from pipeline.core.named import CLIPS, named_keys
from pipeline.core.remote import Remote, pull, push
from pipeline.core.store import Store
from pipeline.params import load
from pipeline.sources import away

if TYPE_CHECKING:
    from dvc.api import DVCFileSystem

EXAMPLE = "cradle store gc --rev main --dry-run"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "what",
        choices=["gc", "push", "pull", "key", "seal", "open"],
        help="gc: remove what is not needed; push or pull: copy what is missing to or from a URL; "
        "key: make one; seal or open pictures and sounds",
    )
    parser.add_argument("where", nargs="?", help="a URL or folder; the file of a new key")
    parser.add_argument(
        "--media", action="store_true", help="push pictures and sounds that are not sealed, too"
    )
    parser.add_argument(
        "--rev", nargs="+", default=[], help="commits, branches, tags or experiments to keep for"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would go; change nothing")
    parser.add_argument("--json", action="store_true", help="print it for a program")


def run(arguments: argparse.Namespace) -> int:
    """Do it; what gc removes costs the time to measure it again, and nothing else."""
    root = Path.cwd()
    if arguments.what == "gc":
        return _gc(root, arguments)
    if arguments.what in ("push", "pull"):
        return _move(root, arguments)
    return _make_key(arguments.where) if arguments.what == "key" else _change(root, arguments.what)


def _move(root: Path, arguments: argparse.Namespace) -> int:
    """Copy; 1 where something that came did not check."""
    if arguments.where is None:
        raise CradleError(f"say where: `cradle store {arguments.what} s3://BUCKET/FOLDER`")
    store, remote = Store(root / STORE), Remote(arguments.where)
    vault.use(load(root).run.media_key, root)
    if arguments.what == "push":
        remote.prepare()
        # Before anything goes there, so that a takedown reaches what a broken push has brought.
        away.note(root, remote.url, datetime.now(UTC).date())
        done = push(store, remote, held(root), withdrawn(root), arguments.media)
    else:
        done = pull(store, remote, withdrawn(root))
    said = {**asdict(done), "url": remote.url, "withdrawn": sorted(done.withdrawn)}
    print(json.dumps(said, indent=2) if arguments.json else _moved(arguments.what, said))
    return 1 if done.refused else 0


def _moved(what: str, said: dict[str, Any]) -> str:
    did = "pushed" if what == "push" else "pulled"
    lines = [
        f"{said['url']}: {said['moved']:,} measurements {did}, {said['bytes'] / 1e6:,.1f} MB; "
        f"{said['already']:,} were there already"
    ]
    if said["held_back"]:
        lines.append(
            f"  {said['held_back']:,} stay here: their pictures and sounds are not sealed, and "
            "whoever reads the bucket could watch them; `cradle store key`, or --media"
        )
    if said["withdrawn"]:
        lines.append("  stays away, as it was taken back here or there:")
        lines += [f"    {digest}" for digest in said["withdrawn"]]
    if said["removed"]:
        lines.append(f"  {said['removed']:,} files removed there of what was taken back")
    lines += [f"  refused: {name}: {why}" for name, why in sorted(said["refused"].items())]
    return "\n".join(lines)


def _make_key(file: str | None) -> int:
    if file is None:
        raise CradleError("say where to write it: `cradle store key ~/.cradle.key`")
    vault.make_key(Path(file).expanduser())
    print(f"{file}: a new key; whoever loses it loses what was sealed with it")
    return 0


def _change(root: Path, what: str) -> int:
    if not load(root).run.media_key:
        raise CradleError("run.media_key in params.yaml names no key; `cradle store key` makes one")
    count = vault.change(root / STORE, to_sealed=what == "seal")
    print(f"{count:,} pictures and sounds {'sealed' if what == 'seal' else 'opened'}")
    return 0


def _gc(root: Path, arguments: argparse.Namespace) -> int:
    needed = _needed(root, arguments.rev)
    store = Store(root / STORE)
    gone = {
        step: {key: size for key, size in sizes.items() if key not in needed.get(step, set())}
        for step, sizes in store.steps().items()
    }
    if not arguments.dry_run:
        _forget(store, gone)
    removed = {step: len(sizes) for step, sizes in gone.items() if sizes}
    size = sum(sum(sizes.values()) for sizes in gone.values())
    if arguments.json:
        said = {"removed": removed, "bytes": size, "dry_run": arguments.dry_run}
        print(json.dumps(said, indent=2))
    else:
        did = "would remove" if arguments.dry_run else "removed"
        listed = ", ".join(f"{step} {count:,}" for step, count in removed.items()) or "nothing"
        print(f"{did} {listed}: {size / 1e6:,.1f} MB")
    return 0


def _forget(store: Store, gone: dict[str, dict[str, int]]) -> None:
    for step, sizes in gone.items():
        for number, key in enumerate(sizes, 1):
            store.forget(step, key)
            if sys.stderr.isatty():
                print(f"\r{step}: {number:,} of {len(sizes):,}", end="", file=sys.stderr)


def _needed(root: Path, revs: list[str]) -> dict[str, set[str]]:
    """Keys by step: what the stages ask for now, and what tables name, here and in revisions."""
    planner, _ = plan(root)
    found = {name: set(step.keys) for name, step in planner.steps.items()}
    here = sorted((root / "data").glob(f"*/{CLIPS}"))
    for keys in (named_keys(here), *(_of_revision(root, rev) for rev in revs)):
        for step, some in keys.items():
            found.setdefault(step, set()).update(some)
    return found


def _parts(files: DVCFileSystem, path: str) -> list[str]:
    """The files of a table, which is in parts or was one in older revisions."""
    return sorted(files.ls(path, detail=False)) if files.isdir(path) else [path]


def _opened(files: DVCFileSystem, paths: list[str]) -> Iterator[IO[bytes]]:
    for path in paths:
        with files.open(path, "rb") as file:
            yield file


def _of_revision(root: Path, rev: str) -> dict[str, set[str]]:
    from dvc.api import DVCFileSystem
    from dvc.exceptions import DvcException
    from scmrepo.exceptions import SCMError

    try:
        files = DVCFileSystem(str(root), rev=rev)
        stages = [Path(path).name for path in files.ls("data", detail=False)]
        paths = [f"data/{stage}/{CLIPS}" for stage in stages]
        found = [path for path in paths if files.exists(path)]
    except (DvcException, SCMError, OSError) as error:
        raise CradleError(f"{rev}: no such revision here: {error}") from None
    try:
        return named_keys(_opened(files, [part for path in found for part in _parts(files, path)]))
    except OSError as error:
        raise CradleError(
            f"{rev}: its tables are not in DVC's cache here; `dvc pull` them, or leave it out: "
            f"{error}"
        ) from None
