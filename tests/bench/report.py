"""`cradle bench report`: the report of 10,000 made-up clips, opened without a network."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.audit import report as page
from pipeline.core.code import PROJECT
from pipeline.core.errors import CradleError
from pipeline.core.runner import Run, Runner
from pipeline.core.stage import Stage
from pipeline.core.store import Store
from pipeline.params import load
from tests.bench._figures import Figure, report
from tests.bench._made_up import options, project
from tests.bench._watched import own_peak_kb
from tests.bench.review import CHROMIUM, DRAWN

LISTED = "() => document.querySelectorAll('.clip').length"


def main(argv: Sequence[str]) -> int:
    """Measure and print; 0 where every figure is reached."""
    parser = options("report", __doc__)
    parser.add_argument("--run", type=Path, help="a run that select has decided; else made up")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="cradle-") as name:
        root = arguments.run or project(Path(name), arguments.clips, arguments.frames)
        began = time.perf_counter()
        path = _written(root)
        written_s = time.perf_counter() - began
        # Of the report alone where the run was there already.
        peak_gb = own_peak_kb() / 1e6
        figures = [
            Figure("size", path.stat().st_size / 1e6, 5, unit="MB"),
            *_opened(path, arguments.clips),
            Figure("writing it", written_s, unit="s"),
            Figure("peak memory", peak_gb, unit="GB"),
        ]
    size = arguments.run or f"{arguments.clips:,} clips"
    return report(f"report, {size}", figures, arguments.json)


def _written(root: Path) -> Path:
    everything, store = load(PROJECT), Store(root / "data" / ".store")
    runner = Runner(store, Run(executor="serial"))
    page.run(Stage("audit", everything.audit, everything, root, store, runner))
    return root / "data" / "audit" / page.PAGE


def _opened(path: Path, clips: int) -> Iterator[Figure]:
    """What a browser without a network makes of the page."""
    from playwright.sync_api import sync_playwright

    if not CHROMIUM.exists():
        raise CradleError(f"{CHROMIUM}: not found; `apt-get install chromium` brings it")
    asked: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        tab = browser.new_context(offline=True).new_page()
        tab.on("request", lambda request: asked.append(request.url))
        began = time.perf_counter()
        tab.goto(path.resolve().as_uri())
        tab.evaluate(DRAWN)
        yield Figure("clips that it lists", float(tab.evaluate(LISTED)), clips, ">=")
        yield Figure("from opening to its first sight", time.perf_counter() - began, unit="s")
        browser.close()
    away = [url for url in asked if url != path.resolve().as_uri() and not url.startswith("data:")]
    yield Figure("requests to anywhere else", len(away), 0)
