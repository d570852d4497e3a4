"""The page is whole, safe with strangers' text, and shows every reason there is."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from pipeline.audit import report
from pipeline.audit.provenance import source_digest
from pipeline.core.reasons import Reason
from tests.audit import fake

VOID = {"meta", "link", "input", "img", "br", "hr", "path", "rect"}


class Page(HTMLParser):
    """Elements with their attributes, and all text outside of style and script."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.inside: dict[str, list[str]] = {"style": [], "script": [], "": []}
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, {name: value or "" for name, value in attributes}))
        if tag in ("style", "script"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_data(self, data):
        self.inside[self.open[-1] if self.open else ""].append(data)

    def text(self, where=""):
        return "".join(self.inside[where])


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    root = fake.build(tmp_path_factory.mktemp("report"))
    summary = report.run(fake.stage(root))
    return root, summary, (root / "data" / "audit" / "report.html").read_text()


@pytest.fixture(scope="module")
def page(written):
    return Page(written[2])


def test_the_summary_counts_every_clip_once(written):
    _, summary, _ = written
    assert (summary.seen, summary.kept) == (10, 1)
    assert summary.dropped.total() == 9


def test_strangers_text_is_text(page):
    tags = [tag for tag, _ in page.elements]
    assert tags.count("script") == 1
    assert tags.count("style") == 1
    for tag, attributes in page.elements:
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
        assert "javascript:" not in attributes.get("href", "")
    for hostile in fake.HOSTILE[:7]:
        assert hostile in page.text(), hostile
    assert "owned" not in page.text("script")
    assert "evil.example" not in "".join(
        value
        for _, attributes in page.elements
        for name, value in attributes.items()
        if name in ("href", "src")
    )


def test_nothing_is_asked_of_any_network(page):
    for tag, attributes in page.elements:
        for name in ("src", "href", "poster", "srcset", "action", "data", "xlink:href"):
            address = attributes.get(name)
            if address is not None:
                assert re.match(r"data:(image/jpeg|video/mp4);base64,|#|\.\./evaluate/", address), (
                    tag,
                    address[:80],
                )
        assert tag not in ("link", "iframe", "object", "embed", "base", "form")
    assert "url(" not in page.text("style")
    assert "@import" not in page.text("style")
    assert not re.search(r"fetch|XMLHttp|import\(|WebSocket|innerHTML", page.text("script"))


def test_the_policy_allows_exactly_what_is_there(page):
    (policy,) = [
        attributes["content"]
        for tag, attributes in page.elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for kind in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(page.text(kind).encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    # An attribute would need what the policy refuses.
    assert not [tag for tag, attributes in page.elements if "style" in attributes]


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_in_the_legend_with_its_explanation_and_colour(page, reason):
    assert f"reason-{reason}" in {attributes.get("id") for _, attributes in page.elements}
    assert reason.explanation in page.text()
    assert f".r-{reason} {{ --c:" in page.text("style")


def test_every_clip_has_its_row_and_state(page):
    rows = {
        attributes["id"].removeprefix("clip-"): attributes["data-reason"]
        for tag, attributes in page.elements
        if tag == "details" and attributes.get("class") == "clip"
    }
    assert rows == {
        "good": "kept",
        "hidden": "mouth_hidden",
        "noisy": "too_noisy",
        "turned": "turned_away",
        "overruled": "overruled",
        "poor_fit": "fit_poor",
        "crashed": "worker_crashed",
        "gone": "unreachable",
        "taken_back": "withdrawn",
        "long": "too_long",
    }


def test_frames_are_drawn_by_their_landmarks_and_no_face_is_shown(page):
    assert not [tag for tag, _ in page.elements if tag == "img"]
    drawn = [a for tag, a in page.elements if tag == "svg" and a.get("class") == "dots"]
    assert len(drawn) >= 14
    dots = [a["d"] for tag, a in page.elements if tag == "path" and a["class"] in ("v0", "v4")]
    assert dots
    assert all(re.fullmatch(r"M-?\d+ -?\d+h0(m-?\d+ -?\d+h0)*", path) for path in dots)
    classes = [a.get("class") for tag, a in page.elements if tag == "figure"]
    assert "kept" in classes
    assert "dropped" in classes


def test_faces_are_shown_where_they_are_asked_for(written):
    root, _, without = written
    summary = report.run(fake.stage(root, faces=True))
    page = Page((root / "data" / "audit" / "report.html").read_text())
    report.run(fake.stage(root))
    assert (root / "data" / "audit" / "report.html").read_text() == without
    assert summary.measured == 7
    pictures = [a for tag, a in page.elements if tag == "img"]
    assert len(pictures) >= 14
    for picture in pictures:
        content = base64.b64decode(picture["src"].removeprefix("data:image/jpeg;base64,"))
        assert content[:2] == b"\xff\xd8"
    assert not [a for _, a in page.elements if a.get("class") == "dots"]


def test_a_picture_states_the_value_of_its_own_frame(page):
    # Frames 10 to 79 of the clip go from 0.3 to 0.61; the middle of that run is frame 44.
    assert f"frame 44: mouth_visible {0.3 + 0.31 * 34 / 69:.3g} < 0.75" in page.text()


def test_clips_that_are_here_without_consent_are_announced(page):
    assert "2 of 7 clips are here without consent." in " ".join(page.text().split())


def test_synthetic_clips_are_announced_with_the_backends(page):
    assert "3 of 7 clips are synthetic" in " ".join(page.text().split())
    assert "mediapipe" in page.text()
    assert "abababababab" in page.text()


def test_the_page_says_what_it_was_made_from(page):
    text = " ".join(page.text().split())
    assert source_digest() in text
    assert "3 of 7 clips with media, 1 of 1 that are kept" in text
    assert "ab" * 32 in text
    assert "select.max_yaw_deg" in text
    assert "data/overrides.csv" in text


def test_the_evaluation_is_shown_with_its_best_marked(page):
    assert "the same, given another clip's sound" in page.text()
    assert [tag for tag, a in page.elements if a.get("class") == "best"]
    videos = [a for tag, a in page.elements if tag == "video"]
    assert videos[0]["src"].startswith("data:video/mp4;base64,")


def test_a_large_video_is_a_link(written, tmp_path):
    root = fake.build(tmp_path, videos=False)
    report.run(fake.stage(root, inline_video_mb=0.0, detailed_clips=0))
    page = Page((root / "data" / "audit" / "report.html").read_text())
    rows = [a["id"] for _, a in page.elements if a.get("class", "").startswith("clip row ")]
    assert len(rows) == 10
    links = [a["href"] for tag, a in page.elements if tag == "a"]
    assert "../evaluate/videos/good__0.mp4" in links
    assert not [tag for tag, _ in page.elements if tag in ("video", "img")]


def test_two_runs_write_the_same_page_and_draw_nothing_again(tmp_path):
    root = fake.build(tmp_path)
    pages = []
    for _ in range(2):
        summary = report.run(fake.stage(root, faces=True))
        pages.append((root / "data" / "audit" / "report.html").read_text())
    assert summary.measured == 0
    assert pages[0] == pages[1]


@pytest.mark.parametrize("limit_mb", [0.1, 0.12])
def test_a_page_without_room_details_fewer_clips_and_names_all(written, limit_mb):
    root, _, whole = written
    path = root / "data" / "audit" / "report.html"
    report.run(fake.stage(root, max_page_mb=limit_mb, inline_video_mb=0.0))
    small = path.read_text()
    report.run(fake.stage(root))
    assert path.read_text() == whole
    assert len(small.encode()) <= limit_mb * 1e6 < len(whole.encode())
    ids = {a.get("id") for _, a in Page(small).elements}
    assert {f"clip-{name}" for name in [*fake.CLIPS, "gone", "taken_back", "long"]} <= ids


def test_a_run_that_stopped_after_download_still_has_a_page(tmp_path):
    import shutil

    root = fake.build(tmp_path, hostile=False)
    for stage in ("isolate", "landmarks", "select", "fit", "pack", "train", "evaluate", "metrics"):
        shutil.rmtree(root / "data" / stage)
    report.run(fake.stage(root))
    page = Page((root / "data" / "audit" / "report.html").read_text())
    assert "Nothing was judged" in page.text()
