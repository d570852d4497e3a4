"""The whole reviewing story in a real browser, by mouse and by keyboard."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.dataset import overrides
from pipeline.dataset.gates import FRAME_GATES, VOICE_GATES
from pipeline.dataset.overriding import append, plain
from tests.audit import fake, hostile, seen
from tests.audit.serving import served
from tests.bench._made_up import project
from tests.dataset import world

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
MANY = 2_000
DROPPED = {
    "hidden": "mouth_visible 0.3 to 0.61 < 0.75",
    "turned": "yaw_abs_deg 70 to 48 > 40",
    "noisy": "snr_db 2.5 < 8",
    "overruled": "looked at it",
    "poor_fit": "residual_mm 5 > 3",
    "crashed": "died twice",
    "gone": "unreachable",
    "taken_back": "withdrawn",
    "long": "700 > 600",
}
"""What the page has to say of every clip that is not kept."""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return seen.add(fake.build(tmp_path_factory.mktemp("browser")))


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
def visit(browser):
    """Opens pages of reviewers; ends by looking at what they asked for and complained of."""
    opened, asked, wrong = [], [], []

    def come(address, reviewer=""):
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        context.set_default_timeout(60_000)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: wrong.append(dialog.message))
        page.on("console", lambda said: said.type == "error" and wrong.append(said.text))
        page.goto(address)
        page.wait_for_selector(".row")
        page.fill("#reviewer", reviewer)
        opened.append((page, context, address))
        return page

    yield come
    for page, context, _ in opened:
        assert page.title() == "Cradle: review"
        context.close()
    allowed = tuple(address for *_, address in opened)
    assert [url for url in asked if not url.startswith(allowed)] == []
    assert wrong == []


@pytest.fixture
def desk(visit, address):
    return visit(address, "mk")


def row(clip):
    return f".row:has(.c-clip:text-is('{clip}'))"


def open_clip(page, clip):
    if page.locator("#clip:not([hidden])").count():
        page.click("#back")
    page.fill("#search", clip)
    page.click(row(clip))
    page.wait_for_selector(f"#name:text-is('{clip}')")


def slide(page, name, value):
    slider = page.locator(f"input[name={name}]")
    slider.evaluate("(s, v) => { s.value = v; s.dispatchEvent(new Event('input')); }", value)


def said(root):
    path = root / "data" / "overrides.csv"
    return overrides.read(path) if path.exists() else ()


def told(page, words):
    page.wait_for_selector(f"#told:text-is('{words}')")


def test_a_newcomer_finds_why_a_clip_was_dropped_in_two_clicks(desk, address):
    for clip, why in DROPPED.items():
        reason = desk.inner_text(f"{row(clip)} .c-reason").strip()
        desk.click(f"#reasons button:has-text('{reason}')")
        desk.click(row(clip))
        desk.wait_for_selector(f"#name:text-is('{clip}')")
        desk.wait_for_selector("#words h3")
        assert why.replace("_", " ") in desk.inner_text("#why").replace("_", " ")
        desk.click("#back")
        desk.click("#all")


def test_the_funnel_shows_where_clips_were_lost(desk):
    desk.click("#funnel [data-stage=download]")
    names = desk.locator(".row .c-clip").all_inner_texts()
    assert sorted(names) == ["gone", "long", "taken_back"]
    assert desk.inner_text("#shown").startswith("3 of ")
    desk.click("#all")
    assert desk.locator(".row").count() == len(fake.CLIPS) + 3


def test_every_gate_is_drawn_over_time_with_its_threshold(desk):
    open_clip(desk, "hidden")
    assert desk.locator("#timeline .limit:not(.other)").count() == len(FRAME_GATES)
    assert desk.locator("#timeline .tick:not(.other)").count() == len(VOICE_GATES)
    # What broke its rule comes first, and says its value where one points.
    assert desk.locator("#timeline .label.broken").first.inner_text().startswith("mouth visible")
    box = desk.locator(".over").bounding_box()
    desk.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    desk.wait_for_selector(".value.broken:text-matches('0.4')")


def test_sound_and_stem_are_shown_with_the_events(desk):
    open_clip(desk, "good")
    for image in desk.locator(".track.sound img").all():
        image.evaluate("i => i.decode()")
        assert image.evaluate("i => i.naturalWidth") > 100
    assert desk.locator(".track.sound img").count() == 2
    titles = desk.locator("#timeline .event.infant title").all_text_contents()
    assert titles == ["infant cry, heard as Baby cry, infant cry 0.80"]


def test_landmarks_and_mesh_move_over_a_picture_that_stays_blurred(desk):
    open_clip(desk, "good")
    desk.wait_for_selector(".marks[data-drawn='landmarks']")
    desk.keyboard.press("m")
    desk.wait_for_selector(".marks[data-drawn='landmarks mesh']")
    before = desk.locator(".marks").screenshot()
    for _ in range(seen.UNFITTED):
        desk.keyboard.press("ArrowRight")
    # There is no face in this frame, and nothing was fitted to it.
    desk.wait_for_selector(f"#frame:text-is('frame {seen.UNFITTED} of {fake.FRAMES}')")
    assert desk.locator(".marks").screenshot() != before
    desk.keyboard.press("l")
    desk.wait_for_selector(".marks[data-drawn='mesh']")
    assert desk.locator("#player video").count() == 0


def test_the_voice_alone_can_be_heard_and_the_picture_follows(desk):
    open_clip(desk, "good")
    desk.keyboard.press("v")
    desk.wait_for_selector("#stem[aria-pressed=true]")
    desk.keyboard.press(" ")
    desk.wait_for_selector("#play[aria-label=pause]")
    desk.wait_for_selector("#frame:text-matches('frame [1-9][0-9]* of')")
    desk.wait_for_selector("#play[aria-label=play]")


def test_a_clip_is_dropped_by_keyboard_alone(desk, root):
    desk.keyboard.press("Escape")
    desk.keyboard.press("/")
    desk.keyboard.type("good")
    desk.keyboard.press("Enter")
    desk.keyboard.press("Enter")
    desk.wait_for_selector("#name:text-is('good')")
    desk.keyboard.press("n")
    desk.keyboard.type("the mouth is chewing")
    desk.keyboard.press("Escape")
    desk.keyboard.press("d")
    told(desk, "drop: written")
    word = said(root)[-1]
    assert (word.clip, word.verdict, word.reviewer) == ("good", "drop", "mk")
    assert (word.reason, word.whole) == ("the mouth is chewing", True)
    desk.keyboard.press("u")
    told(desk, "taken back")
    assert word not in said(root)
    desk.keyboard.press("Escape")
    desk.wait_for_selector("#list:not([hidden])")
    assert "mk drop" not in desk.inner_text(row("good"))


def test_frames_are_chosen_and_judged_by_keyboard(desk, root):
    open_clip(desk, "turned")
    for key in ("ArrowRight", "ArrowRight", "[", "ArrowRight", "ArrowRight", "]"):
        desk.keyboard.press(key)
    desk.wait_for_selector("#of:text-matches('Of frames 2-4 ')")
    desk.keyboard.press("k")
    told(desk, "keep: written")
    word = said(root)[-1]
    assert (word.clip, word.start_frame, word.end_frame) == ("turned", 2, 5)
    desk.wait_for_selector("#of:text-is('Of the whole clip')")
    desk.keyboard.press("r")
    desk.wait_for_selector("#of:text-matches('Of frames 0-89 ')")
    desk.keyboard.press("Escape")
    desk.wait_for_selector("#of:text-is('Of the whole clip')")
    desk.keyboard.press("u")
    told(desk, "taken back")


def test_frames_are_chosen_and_judged_by_mouse(desk, root):
    open_clip(desk, "turned")
    box = desk.locator(".over").bounding_box()
    desk.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 30)
    desk.mouse.down()
    desk.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 30)
    desk.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 30)
    desk.mouse.up()
    desk.wait_for_selector(".range:not([hidden])")
    desk.click("#keep")
    told(desk, "keep: written")
    word = said(root)[-1]
    assert word.start_frame == pytest.approx(0.25 * fake.FRAMES, abs=1)
    assert word.end_frame == pytest.approx(0.75 * fake.FRAMES, abs=2)
    # The verdict changed what is kept, at once.
    assert desk.locator("#timeline rect.kept").count() == 1
    desk.click("#said li:last-child button:text-is('take back')")
    told(desk, "taken back")
    assert desk.locator("#timeline rect.kept").count() == 0


def test_a_stale_word_is_found_and_said_anew(visit, address, root):
    old = replace(world.override("noisy", "keep"), measured="0123456789ab", reviewer="old")
    append(root / "data" / "overrides.csv", [old])
    desk = visit(address, "mk")
    desk.click("#specials button:has-text('stale verdicts')")
    desk.click(row("noisy"))
    desk.wait_for_selector("#said .stale:has-text('it still holds')")
    desk.click("#said .stale button:text-is('say it again')")
    told(desk, "keep: written")
    anew = said(root)[-1]
    assert (anew.clip, anew.verdict, anew.reviewer) == ("noisy", "keep", "mk")
    assert anew.measured not in ("", old.measured)
    desk.click("#said .stale button:text-is('take back')")
    told(desk, "taken back")
    assert desk.locator("#said .stale").count() == 0
    assert old not in said(root)


def test_without_initials_nothing_is_written(visit, address, root):
    desk, before = visit(address), len(said(root))
    open_clip(desk, "turned")
    desk.keyboard.press("k")
    desk.wait_for_selector("#told:text-matches('say who you are')")
    desk.keyboard.press("Escape")
    desk.keyboard.press("f")
    assert desk.locator("#player video").count() == 0
    assert len(said(root)) == before


def test_a_slider_shows_what_would_be_kept_here_and_everywhere(desk, root):
    before = said(root)
    open_clip(desk, "hidden")
    desk.keyboard.press("t")
    slide(desk, "min_mouth_visible", 0.2)
    desk.wait_for_selector("#timeline rect.would")
    assert "1 enter" in desk.inner_text("#would")
    assert desk.locator(".label.broken small").first.inner_text() == "≥ 0.75 → 0.2"
    desk.click("#back")
    desk.click("#all")
    desk.click("#specials button:has-text('would enter')")
    assert desk.locator(".row .c-clip").all_inner_texts() == ["hidden"]
    desk.click("#reset")
    desk.wait_for_selector("#specials button:has-text('would enter'):has-text('0')")
    assert said(root) == before


def test_faces_stay_blurred_until_somebody_asks_and_for_others_after_that(
    visit, desk, address, root
):
    open_clip(desk, "noisy")
    assert desk.locator("#player video").count() == 0
    desk.click("#look")
    desk.wait_for_selector("#player video")
    assert (root / "data" / "looked.csv").read_text().strip().endswith(",noisy,mk")
    other = visit(address, "zz")
    open_clip(other, "noisy")
    other.wait_for_selector("#covered:visible")
    assert other.locator("#player video").count() == 0
    desk.keyboard.press("f")
    desk.wait_for_selector("#covered:visible")
    assert desk.locator("#player video").count() == 0


def test_two_reviewers_at_once_are_compared_and_lose_nothing(visit, address, root):
    one, other = visit(address, "aa"), visit(address, "bb")
    before = len(said(root))
    for page in (one, other):
        open_clip(page, "poor_fit")
    for page, key in ((one, "k"), (other, "d")):
        page.keyboard.press(key)
    for page, word in ((one, "keep"), (other, "drop")):
        told(page, f"{word}: written")
    assert len(said(root)) == before + 2
    # Who comes back to the list sees what the other one said.
    one.keyboard.press("Escape")
    one.wait_for_selector("#agreement:text-matches('aa and bb: 0 of 1 alike')")
    one.click("#specials button:has-text('reviewers disagree')")
    assert one.inner_text(row("poor_fit") + " .c-verdicts") == "aa keep, bb drop"


def test_forty_hostile_strings_are_words_and_nothing_else(desk, root):
    open_clip(desk, "overruled")
    for text in hostile.STRINGS:
        desk.fill("#reviewer", text[:40].replace("\n", " ").replace("\r", " "))
        desk.fill("#note", text)
        desk.click("#drop")
        told(desk, "drop: written")
    words = said(root)[-len(hostile.STRINGS) :]
    assert [word.reason for word in words] == [plain(text) for text in hostile.STRINGS]
    shown = desk.locator("#said q").all_inner_texts()
    assert any("<script>" in line for line in shown)
    desk.click("#back")
    desk.wait_for_selector("#list:not([hidden])")
    desk.click("#all")
    for text in hostile.STRINGS:
        desk.fill("#search", text)
    desk.fill("#search", "<script>")
    desk.wait_for_selector(row("overruled"))


def test_an_address_leads_to_a_clip_and_back(desk, address):
    desk.goto(f"{address}#turned")
    desk.wait_for_selector("#name:text-is('turned')")
    desk.keyboard.press("j")
    desk.wait_for_selector("#name:not(:text-is('turned'))")
    desk.go_back()
    desk.wait_for_selector("#name:text-is('turned')")
    desk.keyboard.press("?")
    desk.wait_for_selector("#help[open]")
    desk.keyboard.press("Escape")
    desk.keyboard.press("Escape")
    desk.wait_for_selector("#list:not([hidden])")


@pytest.fixture
def crowd(tmp_path):
    """The address of a desk with thousands of clips."""
    with served(project(tmp_path, MANY, 8)) as address:
        yield address


def test_of_thousands_of_rows_only_those_in_sight_exist(crowd, visit):
    desk, last = visit(crowd), f"clip_{MANY - 1:05d}"
    desk.click("#head [data-by=clip]")
    desk.focus("#table")
    desk.keyboard.press("End")
    desk.wait_for_selector(f".row.cursor:has-text('{last}')")
    assert desk.locator(".row").count() < 100
    desk.keyboard.press("Enter")
    desk.wait_for_selector(f"#name:text-is('{last}')")
    desk.keyboard.press("Escape")
    desk.wait_for_selector(f".row.cursor:has-text('{last}')")
