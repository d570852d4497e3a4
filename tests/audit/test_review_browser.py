"""The whole reviewing story in a real browser, by mouse and by keyboard."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.dataset import overrides
from pipeline.dataset.gates import FRAME_GATES
from tests.audit import fake, hostile
from tests.audit.serving import served

CHROMIUM = Path("/usr/bin/chromium")
if not CHROMIUM.exists():
    pytest.skip(f"{CHROMIUM} is not installed", allow_module_level=True)
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return fake.build(tmp_path_factory.mktemp("browser"))


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(root):
    with served(root) as address:
        yield address


@pytest.fixture
def desk(browser, address):
    """A page of one reviewer; ends by looking at what it asked for and complained of."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(20_000)
    page = context.new_page()
    asked, wrong = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: wrong.append(dialog.message))
    page.goto(address)
    page.wait_for_selector(".row")
    yield page
    assert [url for url in asked if not url.startswith(address)] == []
    assert wrong == []
    assert page.title() == "Cradle: review"
    context.close()


def open_clip(page, clip):
    page.fill("#search", clip)
    page.click(f".row:has(span:text-is('{clip}'))")
    page.wait_for_selector(f"#name:text-is('{clip}')")


def said(root):
    path = root / "data" / "overrides.csv"
    return overrides.read(path) if path.exists() else ()


def test_why_a_clip_was_dropped_is_one_click_away(desk):
    desk.click(".row:has(span:text-is('hidden'))")
    desk.wait_for_selector("#timeline svg")
    assert "mouth_visible 0.3 to 0.61 < 0.75" in desk.inner_text("#words")
    assert desk.locator("#timeline .limit").count() == len(FRAME_GATES)


def test_a_clip_is_dropped_by_keyboard_alone(desk, root):
    desk.fill("#reviewer", "mk")
    desk.focus("#table")
    desk.keyboard.press("/")
    desk.keyboard.type("good")
    desk.keyboard.press("Escape")
    desk.keyboard.press("Enter")
    desk.wait_for_selector("#name:text-is('good')")
    desk.keyboard.press("n")
    desk.keyboard.type("the mouth is chewing")
    desk.keyboard.press("Escape")
    desk.keyboard.press("d")
    desk.wait_for_selector("#told:text-is('drop: written')")
    word = said(root)[-1]
    assert (word.clip, word.verdict, word.reviewer) == ("good", "drop", "mk")
    assert word.reason == "the mouth is chewing"
    desk.keyboard.press("Escape")
    desk.wait_for_selector("#list:not([hidden])")
    assert "mk drop" in desk.inner_text(".row")


def test_without_initials_nothing_is_written(desk, root):
    before = len(said(root))
    open_clip(desk, "turned")
    desk.keyboard.press("k")
    desk.wait_for_selector("#told:text-matches('say who you are')")
    assert len(said(root)) == before


def test_a_slider_shows_what_would_be_kept_here_and_everywhere(desk):
    open_clip(desk, "hidden")
    desk.click("#sliders summary")
    slider = desk.locator("input[name=min_mouth_visible]")
    slider.evaluate("s => { s.value = 0.2; s.dispatchEvent(new Event('input')); }")
    desk.wait_for_selector("#timeline .would")
    assert "1 enter" in desk.inner_text("#would")
    desk.click("#reset")
    desk.wait_for_selector("#timeline .would", state="detached")


def test_faces_stay_blurred_until_somebody_asks(desk, root):
    desk.fill("#reviewer", "mk")
    open_clip(desk, "noisy")
    assert desk.locator("#player video").count() == 0
    desk.click("#look")
    desk.wait_for_selector("#player video")
    assert (root / "data" / "looked.csv").read_text().strip().endswith(",noisy,mk")


def test_two_reviewers_at_once_are_compared_and_lose_nothing(desk, browser, address, root):
    other = browser.new_page()
    other.goto(address)
    other.wait_for_selector(".row")
    before = len(said(root))
    for page, name in ((desk, "aa"), (other, "bb")):
        page.fill("#reviewer", name)
        open_clip(page, "poor_fit")
    for page, key in ((desk, "k"), (other, "d")):
        page.keyboard.press(key)
    for page, word in ((desk, "keep"), (other, "drop")):
        page.wait_for_selector(f"#told:text-is('{word}: written')")
    assert len(said(root)) == before + 2
    desk.reload()
    desk.wait_for_selector("#agreement:text-matches('aa and bb: 0 of 1 alike')")
    other.close()


def test_forty_hostile_strings_are_words_and_nothing_else(desk, root):
    desk.fill("#reviewer", "mk")
    open_clip(desk, "overruled")
    for text in hostile.STRINGS:
        desk.fill("#note", text)
        desk.click("#drop")
        desk.wait_for_selector("#told:text-is('drop: written')")
    lines = desk.locator("#said li").all_inner_texts()
    assert len(lines) >= len(hostile.STRINGS)
    assert any("<script>" in line for line in lines)
    for text in hostile.STRINGS[:20]:
        desk.fill("#reviewer", text[:40])
        desk.keyboard.press("Escape")
    desk.keyboard.press("Escape")
    for text in hostile.STRINGS:
        desk.fill("#search", text)
    assert len(said(root)) >= len(hostile.STRINGS)
