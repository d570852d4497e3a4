"""The server of `cradle review`: what it answers, to whom, and what it writes."""

from __future__ import annotations

import json

import pytest

from pipeline.dataset import overrides
from tests.audit import fake, hostile
from tests.audit.serving import TOKEN, ask, served


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return fake.build(tmp_path_factory.mktemp("review"))


@pytest.fixture(scope="module")
def address(root):
    with served(root) as address:
        yield address


def told(answer):
    status, content, _ = answer
    assert status == 200, content
    return json.loads(content)


def test_the_table_holds_every_clip_with_its_reason(address):
    columns = told(ask(f"{address}api/rows"))["columns"]
    assert sorted(columns["clip"]) == sorted([*fake.CLIPS, "gone", "taken_back", "long"])
    of = dict(zip(columns["clip"], columns["reason"], strict=True))
    assert (of["hidden"], of["taken_back"]) == ("mouth_hidden", "withdrawn")
    worth = columns["worth"]
    assert worth == sorted(worth, reverse=True)
    # Nobody's word changes what select never saw.
    assert dict(zip(columns["clip"], worth, strict=True))["gone"] == 0


def test_a_clip_has_every_gate_with_its_threshold_and_the_ledgers_words(address):
    clip = told(ask(f"{address}api/clip/hidden"))
    gates = {gate[0]: gate for gate in clip["gates"]}
    measure = gates["mouth_visible"]
    assert measure[1:4] == ["min_mouth_visible", ">=", 0.75]
    assert len(measure[4]) == fake.FRAMES
    assert "kept at select.min_mouth_visible <= 0.3" in clip["words"]
    assert told(ask(f"{address}api/clip/gone"))["gates"] == []
    assert ask(f"{address}api/clip/nobody")[0] == 400


def test_sliders_say_what_would_change_and_write_nothing(address, root):
    before = (root / "data" / "overrides.csv").exists()
    body = {"changed": {"min_mouth_visible": 0.2}, "clip": "hidden"}
    would = told(ask(f"{address}api/what-if", body))
    assert would["entering"] == 1
    assert would["kept"] == [[0, fake.FRAMES]]
    assert (root / "data" / "overrides.csv").exists() == before
    status, content, _ = ask(f"{address}api/what-if", {"changed": {"max_yaw_deg": "x"}})
    assert status == 400
    assert b"max_yaw_deg" in content
    for wrong in ([["max_yaw_deg", 1]], "max_yaw_deg", {"no_such_threshold": 1}):
        assert ask(f"{address}api/what-if", {"changed": wrong})[0] == 400


def test_only_who_has_the_token_and_asks_from_here_is_answered(address):
    assert ask(address.replace(TOKEN, "guessed"))[0] == 404
    assert ask(address, Host="evil.example")[0] == 403
    assert ask(f"{address}api/what-if", {}, Origin="https://evil.example")[0] == 403
    body = {"clip": "good"}
    assert ask(f"{address}api/verdict", body, **{"Content-Type": "text/plain"})[0] == 415
    assert ask(f"{address}static/../server.py")[0] == 404
    assert ask(f"{address}media/..%2f..%2fgood/sound.flac")[0] == 404


@pytest.mark.parametrize("path", ["", "static/review.js", "api/rows", "media/good/strip.jpg", "no"])
def test_every_answer_forbids_what_is_not_from_here(address, path):
    _, _, headers = ask(address + path)
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"


def test_faces_are_shown_on_asking_alone_and_that_is_recorded(address, root):
    media = f"{address}media/turned/"
    assert ask(f"{media}video.mp4")[0] == 403
    blurred = ask(f"{media}strip.jpg")[1]
    assert blurred[:2] == b"\xff\xd8"
    assert ask(f"{address}api/look", {"clip": "turned", "reviewer": ""})[0] == 400
    assert ask(f"{media}video.mp4")[0] == 403
    told(ask(f"{address}api/look", {"clip": "turned", "reviewer": "mk"}))
    assert ask(f"{media}video.mp4")[0] == 200
    assert ask(f"{media}strip.jpg")[1] != blurred
    assert ask(f"{address}media/good/video.mp4")[0] == 403
    assert (root / "data" / "looked.csv").read_text().strip().endswith(",turned,mk")


def test_verdicts_are_written_with_what_they_were_given_on(address, root):
    line = {"clip": "turned", "verdict": "keep", "reviewer": "mk", "reason": "fine"}
    told(ask(f"{address}api/verdict", line))
    pair = told(ask(f"{address}api/verdict", {**line, "reviewer": "zz", "verdict": "drop"}))
    (agreed,) = pair["agreement"]
    assert (agreed["one"], agreed["other"], agreed["clips"], agreed["agreed"]) == ("mk", "zz", 1, 0)
    said = overrides.read(root / "data" / "overrides.csv")
    assert [(s.reviewer, s.verdict, len(s.measured)) for s in said[-2:]] == [
        ("mk", "keep", 12),
        ("zz", "drop", 12),
    ]
    for wrong in ({"clip": "taken_back"}, {"verdict": "maybe"}, {"reason": ""}, {"x": 1}):
        assert ask(f"{address}api/verdict", {**line, **wrong})[0] == 400


@pytest.mark.parametrize("text", hostile.STRINGS)
def test_a_hostile_note_stays_one_line_of_the_file(address, root, text):
    path = root / "data" / "overrides.csv"
    before = overrides.read(path) if path.exists() else ()
    line = {"clip": "noisy", "verdict": "drop", "reviewer": text[:40], "reason": text}
    told(ask(f"{address}api/verdict", line))
    after = overrides.read(path)
    assert len(after) == len(before) + 1
    assert after[-1].reason[0] not in "=+-@"
    assert after[-1].reason.isprintable()
