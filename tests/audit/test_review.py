"""The server of `cradle review`: what it answers, to whom, and what it writes."""

from __future__ import annotations

import csv
import errno
import json
import threading
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from pipeline.audit import read
from pipeline.audit.review import looked, reels
from pipeline.audit.review.screen import Screen
from pipeline.core import vault
from pipeline.core.store import Store
from pipeline.dataset import overrides
from pipeline.dataset.overriding import append, take_back
from tests.audit import fake, hostile, seen
from tests.audit.serving import TOKEN, ask, served
from tests.dataset import world


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return seen.add(fake.build(tmp_path_factory.mktemp("review")))


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


def test_what_is_far_from_every_threshold_is_not_called_close_to_one(address):
    columns = told(ask(f"{address}api/rows"))["columns"]
    ground = dict(zip(columns["clip"], columns["ground"], strict=True))
    # 2.5 dB of 8 that are asked for, and a yaw of 70 degrees beside 40.
    assert (ground["noisy"], ground["turned"]) == ("", "")
    assert {each for each in columns["ground"] if each}


def test_the_funnel_counts_what_came_to_each_stage_and_went_on(address):
    stages = {name: (came, kept) for name, came, kept in told(ask(f"{address}api/rows"))["funnel"]}
    assert stages["download"] == (len(fake.CLIPS) + 3, len(fake.CLIPS))
    assert stages["pack"] == (1, 1)


def test_a_clip_has_every_gate_with_its_threshold(address):
    clip = told(ask(f"{address}api/clip/hidden"))
    (gate,) = [gate for gate in clip["gates"] if gate["measure"] == "mouth_visible"]
    assert (gate["threshold"], gate["op"], gate["limit"]) == ("min_mouth_visible", ">=", 0.75)
    assert len(gate["values"]) == fake.FRAMES
    assert [start for start, _, reason, _ in clip["blocks"] if reason == "mouth_hidden"] == [10]
    (event,) = clip["events"]
    assert event[2:] == ["infant", "cry", "Baby cry, infant cry 0.80"]
    assert told(ask(f"{address}api/clip/gone"))["gates"] == []
    assert ask(f"{address}api/clip/nobody")[0] == 400


def test_the_ledgers_words_come_with_the_frames_that_they_speak_of(address):
    story = told(ask(f"{address}api/clip/hidden/words"))
    lines = {(start, end): line for _, start, end, _, line in story["runs"]}
    assert "kept at select.min_mouth_visible <= 0.3" in lines[10, 80]
    assert [stage for stage, *_ in story["steps"]][-1] == "select"
    assert told(ask(f"{address}api/clip/gone/words"))["runs"] == []
    assert ask(f"{address}api/clip/nobody/words")[0] == 400


def test_sliders_say_what_would_change_and_write_nothing(address, root):
    before = (root / "data" / "overrides.csv").exists()
    body = {"changed": {"min_mouth_visible": 0.2}, "clip": "hidden"}
    would = told(ask(f"{address}api/what-if", body))
    assert would["entering"] == 1
    assert would["kept"] == [[0, fake.FRAMES]]
    assert (root / "data" / "overrides.csv").exists() == before
    assert told(ask(f"{address}api/what-if", {**body, "which": True}))["enters"] == ["hidden"]
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
    for name in ("../server.py", "..%2fserver.py", "review.html.j2", "no.js"):
        assert ask(f"{address}static/{name}")[0] == 404
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


def test_faces_are_shown_to_who_asks_alone_and_that_is_recorded(address, root):
    media = f"{address}media/turned/"
    assert ask(f"{media}video.mp4")[0] == 403
    blurred = ask(f"{media}strip.jpg")[1]
    assert blurred[:2] == b"\xff\xd8"
    assert ask(f"{address}api/look", {"clip": "turned", "reviewer": ""})[0] == 400
    assert not (root / "data" / "looked.csv").exists()
    key = told(ask(f"{address}api/look", {"clip": "turned", "reviewer": "mk"}))["key"]
    assert ask(f"{media}video.mp4?key={key}")[0] == 200
    assert ask(f"{media}strip.jpg?key={key}")[1] != blurred
    # Neither another page nor another clip.
    assert ask(f"{media}video.mp4")[0] == ask(f"{media}video.mp4?key=guess")[0] == 403
    assert ask(f"{media}strip.jpg")[1] == blurred
    assert ask(f"{address}media/good/video.mp4?key={key}")[0] == 403
    assert (root / "data" / "looked.csv").read_text().strip().endswith(",turned,mk")


def test_no_face_is_shown_before_the_look_is_on_disk(root, monkeypatch):
    def full(handle):
        raise OSError("no space left on device")

    account = read.read(root / "data")
    screen = Screen(account, Store(root / "data" / ".store"), root)
    monkeypatch.setattr(looked.os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        screen.uncover("turned", "mk")
    assert screen._asked == {}


def test_what_could_not_be_written_is_told_in_words(address, monkeypatch):
    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(looked.os, "fsync", full)
    for path, body in (
        ("look", {"clip": "turned", "reviewer": "mk"}),
        ("verdict", {"clip": "turned", "verdict": "drop", "reason": "no", "reviewer": "mk"}),
    ):
        status, content, _ = ask(f"{address}api/{path}", body)
        assert status == 500
        assert json.loads(content) == {"error": "nothing was written: No space left on device"}


def test_a_look_is_written_below_a_line_that_a_crash_tore(tmp_path):
    path = tmp_path / "looked.csv"
    path.write_text("2026-11-26T20:00:00+00:00,go")
    looked.record(path, "turned", "mk, of the ward")
    rows = list(csv.reader(path.read_text().splitlines()))
    assert len(rows) == 2
    assert rows[1][1:] == ["turned", "mk, of the ward"]


def test_what_is_shown_unasked_is_too_small_to_hold_a_face(address):
    shown = told(ask(f"{address}api/clip/good"))["shown"]
    width, height, columns = shown["veil"]
    assert max(width, height) <= 14
    sheet = Image.open(BytesIO(ask(f"{address}media/good/veil.png")[1]))
    rows = -(-fake.FRAMES // columns)
    assert sheet.size == (width * columns, height * rows)


def test_landmarks_come_in_reels_with_how_much_of_each_is_seen(address, root):
    shown = told(ask(f"{address}api/clip/good"))["shown"]
    content = ask(f"{address}media/good/landmarks?reel=0")[1]
    frames = min(fake.FRAMES, reels.REEL_FRAMES)
    assert len(content) == frames * 478 * 5
    places = np.frombuffer(content, "<u2", frames * 478 * 2).reshape(frames, 478, 2)
    assert (places[5] == reels.NOWHERE).all()
    (path,) = (root / "data" / ".store" / "face").glob(f"*/{100:064x}/landmarks.npz")
    with np.load(path) as file:
        points, visibility = file["points"][3, :, :2], file["visibility"][3]
    there = (places[3] / (reels.NOWHERE - 1) * 2 - 0.5) * [shown["width"], shown["height"]]
    assert np.abs(there - points).max() < 0.01
    shares = np.frombuffer(content, np.uint8, offset=places.nbytes).reshape(frames, 478)[3] / 255
    assert np.abs(shares - visibility.astype(float)).max() < 0.01
    rest = ask(f"{address}media/good/landmarks?reel=1")[1]
    assert len(rest) == (fake.FRAMES - frames) * 478 * 5
    assert ask(f"{address}media/good/landmarks?reel=x")[0] == 400


def test_the_mesh_lies_where_it_was_fitted(address):
    corners = np.frombuffer(ask(f"{address}media/good/triangles")[1], "<u4")
    places = np.frombuffer(ask(f"{address}media/good/mesh")[1], "<u2")
    places = places.reshape(reels.REEL_FRAMES, -1, 3)
    assert corners.max() == places.shape[1] - 1
    assert (places[seen.UNFITTED] == reels.NOWHERE).all()
    middle = (places[0] / (reels.NOWHERE - 1) * 2 - 0.5).mean(axis=0)
    assert middle == pytest.approx([0.5, 0.5, 0.5], abs=0.1)
    assert ask(f"{address}media/turned/mesh")[0] == 404


def test_the_first_clip_that_is_opened_makes_ready_for_meshes(root, monkeypatch):
    loads, ready = [], threading.Event()

    def prepare():
        loads.append("once")
        ready.set()

    monkeypatch.setattr(reels, "prepare", prepare)
    with served(root) as address:
        told(ask(f"{address}api/rows"))
        assert loads == []
        for clip in ("good", "good"):
            told(ask(f"{address}api/clip/{clip}"))
        assert ready.wait(60)
    assert loads == ["once"]


def test_sound_and_stem_are_heard_and_drawn_on_one_scale(address):
    for name in ("sound", "stem"):
        assert ask(f"{address}media/good/{name}.flac")[1][:4] == b"fLaC"
    loud, quiet = (
        np.asarray(Image.open(BytesIO(ask(f"{address}media/good/{name}.png")[1])), float)
        for name in ("sound", "stem")
    )
    half = loud.shape[1] // 4
    assert quiet[:, :half].mean() < 0.5 * loud[:, :half].mean()
    assert ask(f"{address}media/turned/stem.png")[0] == 404
    assert ask(f"{address}media/turned/stem.flac")[0] == 404


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


def test_a_verdict_on_a_span_changes_those_frames_alone(address, root):
    line = {"clip": "turned", "verdict": "keep", "reviewer": "sp", "reason": "seen well"}
    at = {"start_frame": 20, "end_frame": 60}
    answer = told(ask(f"{address}api/verdict", {**line, "verdict": "drop"}))
    answer = told(ask(f"{address}api/verdict", {**line, **at}))
    assert answer["kept"] == [[20, 60]]
    assert (answer["said"][-1]["start_frame"], answer["said"][-1]["end_frame"]) == (20, 60)
    for wrong in ({"end_frame": None}, {"start_frame": 60}, {"end_frame": fake.FRAMES + 1}):
        assert ask(f"{address}api/verdict", {**line, **at, **wrong})[0] == 400
    assert overrides.read(root / "data" / "overrides.csv")[-1].end_frame == 60


def test_a_word_is_taken_back_by_who_said_it(address, root):
    path = root / "data" / "overrides.csv"
    line = {"clip": "noisy", "verdict": "keep", "reviewer": "tb", "reason": "=it is fine"}
    answer = told(ask(f"{address}api/verdict", line))
    before = overrides.read(path)
    word = {name: value for name, value in answer["said"][-1].items() if name != "stale"}
    body = {"clip": "noisy", **word}
    assert ask(f"{address}api/take-back", {**body, "by": "other"})[0] == 400
    assert overrides.read(path) == before
    told(ask(f"{address}api/take-back", {**body, "by": "tb"}))
    assert overrides.read(path) == before[:-1]
    assert ask(f"{address}api/take-back", {**body, "by": "tb"})[0] == 400


def test_reviewers_who_disagree_are_found_beside_a_stale_word(address, root):
    path = root / "data" / "overrides.csv"
    words = [
        replace(world.override("noisy", "keep"), measured="0123456789ab", reviewer="old"),
        # Who changes their mind disagrees with nobody.
        replace(world.override("turned", "keep"), reviewer="mk"),
        replace(world.override("turned", "drop"), reviewer="mk"),
        replace(world.override("noisy", "drop"), reviewer="mk"),
    ]
    append(path, words)
    columns = told(ask(f"{address}api/rows"))["columns"]
    split = [c for c, apart in zip(columns["clip"], columns["split"], strict=True) if apart]
    assert split == ["noisy"]
    for word in words:
        take_back(path, word)


def test_a_stale_word_comes_first_and_anybody_may_take_it_back(address, root):
    old = replace(world.override("poor_fit", "drop"), measured="0123456789ab", reviewer="old")
    append(root / "data" / "overrides.csv", [old])
    columns = told(ask(f"{address}api/rows"))["columns"]
    assert (columns["clip"][0], columns["ground"][0]) == ("poor_fit", "stale verdict")
    (word,) = [w for w in told(ask(f"{address}api/clip/poor_fit"))["said"] if w["stale"]]
    del word["stale"]
    told(ask(f"{address}api/take-back", {"clip": "poor_fit", **word, "by": "mk"}))
    assert not any(told(ask(f"{address}api/rows"))["columns"]["stale"])


def test_sealed_media_are_shown_like_any_other(address, root, tmp_path):
    key = told(ask(f"{address}api/look", {"clip": "good", "reviewer": "mk"}))["key"]
    video = f"{address}media/good/video.mp4?key={key}"
    plain, strip = ask(video), ask(f"{address}media/good/strip.jpg")[1]
    vault.make_key(tmp_path / "key")
    vault.use(str(tmp_path / "key"), root)
    try:
        assert vault.change(root / "data/.store/media", to_sealed=True)
        sealed = ask(video)
        assert sealed[:2] == plain[:2]
        assert sealed[2]["Content-Type"] == "video/mp4"
        assert sealed[2]["Cache-Control"] == plain[2]["Cache-Control"] == "no-store"
        status, part, _ = ask(video, Range="bytes=4-7")
        assert (status, part) == (206, b"ftyp")
        assert ask(f"{address}media/good/strip.jpg")[1] == strip
        assert vault.change(root / "data/.store/media", to_sealed=False)
    finally:
        vault.use("", root)
