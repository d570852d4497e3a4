"""`cradle bench download`: a hundred sources of which one in ten fails, each in its own way."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench._figures import Figure, report
from tests.media import making
from tests.sources.project import PARAMS, Project
from tests.sources.server import serving

FAILING = {
    "gone.mp4": "gone",
    "page": "gone",
    "broken.mp4": "unreachable",
    "text.mp4": "not_media",
    "mute.mp4": "no_sound",
}
"""What is asked for, and the reason that comes of it."""
MAY_PASS = {"/broken.mp4"}


def main(argv: Sequence[str]) -> int:
    """Fetch, ask again, and print; 0 where every figure is reached."""
    parser = argparse.ArgumentParser(prog="cradle bench download", description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--sources", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="cradle-") as name:
        folder, project = Path(name, "site"), Project(Path(name, "project"))
        folder.mkdir()
        _site(folder)
        how = {"executor": "process", "workers": arguments.workers}
        with serving(folder) as (site, asked):
            wanted = _catalogue(project, site, arguments.sources)
            began = time.perf_counter()
            first = project.run(**how)
            taken_s = time.perf_counter() - began
            told = project.ledger()["reason"].to_dict()
            asked.clear()
            project.run(**how)
            idle = len(asked)
            project.run(PARAMS.model_copy(update={"retry": 1}), **how)
            again = {path.split("?")[0] for path in asked}
    wrong = sum(told[clip] != reason for clip, reason in wanted.items())
    good = sum(reason == "kept" for reason in wanted.values())
    figures = [
        Figure("fetched", first.kept, good, ">="),
        Figure("rows with another reason than theirs", wrong, 0),
        Figure("asked for by a second run", idle, 0),
        Figure("addresses asked for again that cannot pass", len(again - MAY_PASS), 0),
        Figure("addresses asked for again that may pass", len(again & MAY_PASS), 1, ">="),
        Figure("the first run", taken_s, unit="s"),
    ]
    return report(f"{len(wanted)} sources, {len(wanted) - good} failing", figures, arguments.json)


def _site(folder: Path) -> None:
    making.clip(folder / "clip.mp4")
    making.ffmpeg("-i", folder / "clip.mp4", "-an", "-c", "copy", folder / "mute.mp4")
    (folder / "text.mp4").write_text("no media")


def _catalogue(project: Project, site: str, sources: int) -> dict[str, str]:
    """Write the catalogue; returns the reason that every row is to have."""
    failing, wanted, lines = list(FAILING), {}, []
    for number in range(sources):
        path = failing[number // 10 % len(failing)] if number % 10 == 9 else "clip.mp4"
        wanted[f"clip_{number:03d}"] = FAILING.get(path, "kept")
        lines.append(f"clip_{number:03d},{site}/{path}?{number},,,cry,,,,platform_cc,\n")
    project.catalogue("".join(lines))
    return wanted
