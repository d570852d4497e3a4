"""The dataset that the generator's benchmark makes without a pixel."""

import json

import numpy as np
import pytest

from pipeline.generator import spans
from tests.bench import _abreast, _unseen


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unseen") / "pack"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_unseen, "SPAN_S", 1.0)
        patch.setattr(_unseen, "SPANS_AN_INFANT", 2)
        _unseen.make_pack(folder, minutes=0.2, noise=0.1)
    return folder


def test_infants_of_one_split_are_in_no_other(folder):
    pack = spans.read(folder)
    who = {split: {span.source for span in group} for split, group in pack.spans.items()}
    assert all(who.values())
    assert len(set.union(*who.values())) == sum(map(len, who.values())) == 6


def test_it_says_that_nothing_was_rendered(folder):
    meta = json.loads((folder / "meta.json").read_text())
    assert meta["rendered"] is False
    assert meta["minutes"] == pytest.approx(0.2)
    assert all(span.synthetic for group in spans.read(folder).spans.values() for span in group)


def test_every_test_span_has_further_faces_that_differ(folder):
    tested = spans.read(folder).spans["test"]
    with np.load(folder / "faces.npz") as faces:
        assert set(faces.files) == {span.span_id for span in tested}
        for span in tested:
            others = faces[span.span_id]
            assert others.shape == (_unseen.FACES, span.frames, 64)
            assert np.abs(others[0] - others[1]).max() > 0.05


def test_every_test_span_has_the_mean_face_of_those_who_look_the_same(folder):
    tested = spans.read(folder).spans["test"]
    with np.load(folder / "alike.npz") as alike, np.load(folder / "faces.npz") as faces:
        assert set(alike.files) == {span.span_id for span in tested}
        for span in tested:
            mean = alike[span.span_id]
            assert mean.shape == span.expression.shape
            assert np.abs(mean - faces[span.span_id].mean(0)).max() > 0.02


def test_less_can_be_heard_of_the_same(folder, tmp_path):
    _unseen.with_columns(folder, tmp_path / "pack", [0, 3])
    whole, part = spans.read(folder), spans.read(tmp_path / "pack")
    assert part.audio_width == 2
    for split, group in part.spans.items():
        for span, other in zip(group, whole.spans[split], strict=True):
            np.testing.assert_array_equal(span.audio, other.audio[:, [0, 3]])
            np.testing.assert_array_equal(span.expression, other.expression)
            assert span.source == other.source


def test_several_processes_write_what_one_does(tmp_path, monkeypatch):
    monkeypatch.setattr(_unseen, "SPANS_AN_INFANT", 1)
    _unseen.make_pack(tmp_path / "alone", minutes=0.4, noise=0.1)
    monkeypatch.setattr(_unseen, "_WORTH_PROCESSES", 0)
    monkeypatch.setattr(_abreast.os, "sched_getaffinity", lambda _: {0, 1})
    _unseen.make_pack(tmp_path / "together", minutes=0.4, noise=0.1)
    names = sorted(path.name for path in (tmp_path / "alone").iterdir())
    assert len(names) == 6
    for name in names:
        first, second = (tmp_path / which / name for which in ("alone", "together"))
        assert first.read_bytes() == second.read_bytes(), name
