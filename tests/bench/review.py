"""`cradle bench review`: how `cradle review` feels in a real browser, on 10,000 made-up clips.

What the page does is timed in the page: from the hand's event to the frame in which its outcome
stands, with everything between (the server's answer included) in it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core.code import PROJECT
from pipeline.core.errors import CradleError
from tests.bench._figures import Figure, report
from tests.bench._made_up import options, project

CHROMIUM = Path("/usr/bin/chromium")
DRAWN = "() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))"
TIMED = """async ([act, until]) => {
  const $ = (id) => document.getElementById(id);
  const stands = until && new Promise((done) => {
    const seen = new MutationObserver(() => { seen.disconnect(); done(); });
    seen.observe($(until), { childList: true, characterData: true, subtree: true });
  });
  const began = performance.now();
  %s
  await stands;
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  return performance.now() - began;
}"""
SCROLL = "$('rows').scrollTop = act * ($('rows').scrollHeight / 20);"
FILTER = "$('search').value = act; $('search').dispatchEvent(new Event('input'));"
SORT = "document.querySelector(`#head [data-by=${act}]`).click();"
REASON = "document.querySelectorAll('#reasons button')[act].click();"
SLIDE = """const slider = document.querySelector('input[name=min_mouth_visible]');
  slider.value = act; slider.dispatchEvent(new Event('input'));"""


def main(argv: Sequence[str]) -> int:
    """Measure and print; 0 where every figure is reached."""
    parser = options("review", __doc__)
    parser.add_argument("--run", type=Path, help="a finished run; made up if left out")
    parser.add_argument("--screenshots", type=Path, help="a folder for what was seen")
    arguments = parser.parse_args(argv)
    if not CHROMIUM.exists():
        raise CradleError(f"{CHROMIUM}: not found; `apt-get install chromium` brings it")
    with tempfile.TemporaryDirectory(prefix="cradle-") as name:
        root = arguments.run or project(Path(name), arguments.clips, arguments.frames)
        with _served(root) as (address, start_s), _browser() as page:
            figures = list(_figures(page, address, arguments.screenshots))
    figures.append(Figure("cradle review, until it serves", start_s, unit="s"))
    size = (
        arguments.run or f"{arguments.clips:,} clips, {arguments.clips * arguments.frames:,} frames"
    )
    return report(f"review, {size}", figures, arguments.json)


def _figures(page: Any, address: str, screenshots: Path | None) -> Iterator[Figure]:
    began = time.perf_counter()
    page.goto(address)
    page.wait_for_selector(".row")
    yield Figure("first table", time.perf_counter() - began, 2, unit="s")
    clips, rows = page.inner_text("#shown"), page.locator(".row").count()
    _shoot(page, screenshots, "list")
    yield Figure("rows that exist at once", rows, 100, note=clips)
    yield _slowest("scrolling", [_timed(page, SCROLL, at) for at in range(1, 21)])
    words = ("clip_07", "laugh", "mouth", "source 12", "")
    yield _slowest("filtering by words", [_timed(page, FILTER, word) for word in words])
    yield _slowest("filtering by reason", [_timed(page, REASON, at) for at in (1, 1, 0, 0)])
    columns = ("clip", "reason", "words", "kept_s", "ground")
    yield _slowest("sorting", [_timed(page, SORT, column) for column in columns])
    page.click("#all")
    page.keyboard.press("t")
    slid = [_timed(page, SLIDE, 0.5 + 0.02 * at, "would") for at in range(8)]
    yield _slowest("a slider's answer, whole dataset", slid, 300)
    _shoot(page, screenshots, "what_if")
    page.click("#reset")
    page.fill("#search", "clip_00777")
    began = time.perf_counter()
    page.click(".row")
    page.wait_for_selector("#timeline .track.gate")
    page.evaluate(DRAWN)
    yield Figure("a clip, from the click to its timeline", time.perf_counter() - began, unit="s")
    page.wait_for_selector("#words h3")
    yield Figure("and to the ledgers' words", time.perf_counter() - began, unit="s")
    slid = [_timed(page, SLIDE, 0.51 + 0.02 * at, "would") for at in range(8)]
    yield _slowest("a slider's answer, with the clip open", slid, 300)
    _shoot(page, screenshots, "clip")


def _slowest(what: str, each_ms: list[float], asked_ms: float = 100) -> Figure:
    note = f"the slowest of {len(each_ms)}; median {np.median(each_ms):.0f} ms"
    return Figure(what, max(each_ms), asked_ms, unit="ms", note=note)


def _timed(page: Any, act: str, value: object, until: str = "") -> float:
    """Milliseconds from a hand's move to the frame in which its outcome stands."""
    return float(page.evaluate(TIMED % act, [value, until]))


def _shoot(page: Any, folder: Path | None, name: str) -> None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=folder / f"{name}.png")


@contextmanager
def _served(root: Path) -> Iterator[tuple[str, float]]:
    """The address of `cradle review` over a run, and how long it took to be there."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "pipeline", "review"]
    settings = {**os.environ, "PYTHONPATH": str(PROJECT)}
    with subprocess.Popen(
        command, cwd=root, env=settings, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            address = process.stdout.readline().strip()
            yield address, time.perf_counter() - began
        finally:
            process.terminate()


@contextmanager
def _browser() -> Iterator[Any]:
    """A page of a real browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        try:
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.set_default_timeout(120_000)
            yield page
        finally:
            browser.close()
