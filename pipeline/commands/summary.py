"""`cradle summary`: the last run on one screen."""

from __future__ import annotations

import argparse
import json
from contextlib import closing
from pathlib import Path
from typing import Any

from pipeline.audit.provenance import source_digest
from pipeline.core import ledger
from pipeline.core.errors import CradleError
from pipeline.dataset import shards

EXAMPLE = "cradle summary --json"
JUDGES = ("download", "isolate", "landmarks", "select", "fit", "pack")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--json", action="store_true", help="print it for a program")


def run(arguments: argparse.Namespace) -> int:
    """Print the summary of the run in this folder."""
    content = summarise(Path.cwd())
    print(json.dumps(content, indent=2) if arguments.json else _words(content))
    return 0


def summarise(root: Path) -> dict[str, Any]:
    """What came in, what was dropped where and why, what was learned, where to look."""
    data = root / "data"
    if not (data / "pack" / "ledger.parquet").exists():
        raise CradleError(f"{data}: no finished run here; `make run` makes one")
    drops: dict[str, dict[str, int]] = {}
    for stage in JUDGES:
        rows = ledger.read_clips(data / stage / "ledger.parquet")
        lost = rows[rows["state"] != "kept"]
        drops[stage] = {str(k): int(v) for k, v in lost["reason"].value_counts().items()}
    index = shards.index(data / "pack")
    evaluation = data / "metrics" / "evaluate.json"
    return {
        "clips": len(ledger.read_clips(data / "download" / "ledger.parquet")),
        "kept": int(index["clip"].nunique()),
        "dropped": {stage: reasons for stage, reasons in drops.items() if reasons},
        "spans": len(index),
        "latents": int(index["frames"].sum()),
        "splits": {str(k): int(v) for k, v in index.groupby("split")["frames"].sum().items()},
        "evaluation": json.loads(evaluation.read_text()) if evaluation.exists() else None,
        "report": str(data / "audit" / "report.html"),
        "origin": origin(root),
    }


def origin(root: Path) -> dict[str, Any]:
    """Digest of the code, and the commit that the project stands at, if it is in git.

    `changed` tells whether tracked files differ from the commit.
    """
    from scmrepo.exceptions import SCMError
    from scmrepo.git import Git

    found: dict[str, Any] = {"code": source_digest(), "commit": None, "changed": None}
    try:
        with closing(Git(str(root))) as git:
            return found | {"commit": git.get_rev(), "changed": git.is_dirty(untracked_files=False)}
    except SCMError:
        # Not in git, or without a commit yet.
        return found


def in_words(origin: dict[str, Any]) -> str:
    """The same in a line."""
    commit = f"commit {origin['commit'][:12]}" if origin["commit"] else "no commit"
    return f"{commit}{' with changes' if origin['changed'] else ''}, code {origin['code'][:12]}"


def _words(content: dict[str, Any]) -> str:
    lines = [f"{content['clips']} clips in, {content['kept']} kept"]
    for stage, reasons in content["dropped"].items():
        listed = ", ".join(f"{reason} {count}" for reason, count in reasons.items())
        lines.append(f"  dropped by {stage}: {listed}")
    splits = ", ".join(f"{name} {count:,}" for name, count in content["splits"].items())
    lines.append(f"{content['latents']:,} latents in {content['spans']} spans ({splits})")
    rows = {
        name: row for name, row in (content["evaluation"] or {}).items() if isinstance(row, dict)
    }
    # Where nothing was kept nothing was evaluated.
    if rows:
        lines += ["", *_table(rows)]
    lines += ["", f"report: {content['report']}", f"from:   {in_words(content['origin'])}"]
    return "\n".join(lines)


def _table(rows: dict[str, dict[str, Any]]) -> list[str]:
    columns = list(dict.fromkeys(key for row in rows.values() for key in row))
    columns = [
        key for key in columns if isinstance(next(iter(rows.values())).get(key), int | float)
    ]
    width = max(len(name) for name in rows)
    head = f"{'':{width}}  " + "  ".join(f"{key:>12}" for key in columns)
    body = [
        f"{name:{width}}  " + "  ".join(f"{row.get(key, float('nan')):12.4g}" for key in columns)
        for name, row in rows.items()
    ]
    return [head, *body]
