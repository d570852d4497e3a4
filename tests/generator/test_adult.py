import dataclasses

import numpy as np
import pytest

from pipeline.core.errors import CradleError
from pipeline.generator import metrics, spans
from pipeline.generator.baselines import adult
from pipeline.generator.baselines.adult import Adult, AdultError
from pipeline.generator.face import decode, mouth_rows
from pipeline.morph import embedding, model
from pipeline.morph.correspondence import on_other
from tests.generator.world import ToyFace, make_pack

TURN = np.array([[0.8, -0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])
SCALE = 1.3


@pytest.fixture(scope="module")
def span(tmp_path_factory):
    pack = spans.read(make_pack(tmp_path_factory.mktemp("adult") / "pack", {"test": 1}))
    return dataclasses.replace(pack.spans["test"][0], start_frame=2)


def mesh(face, span):
    """What an adult twice as large would do: an infant's performance, turned and in metres."""
    made = decode(face, span.identity, span.expression, span.age) @ TURN * SCALE
    return np.concatenate([np.zeros_like(made[:2]), made]) / 1000


def adult_of(face, folder):
    rows = mouth_rows(face)
    return Adult(folder, 8, lambda vertices: vertices[:, rows], face)


def test_an_adults_mouth_comes_back_turned_and_scaled_to_the_infants(span, tmp_path):
    face = ToyFace()
    np.save(tmp_path / f"{span.clip}.npy", mesh(face, span).astype(np.float32))
    found = adult_of(face, tmp_path).predict(span)
    assert found.shape == span.expression.shape
    assert found.dtype == np.float32
    true, made = (
        metrics.aperture(decode(face, span.identity, x, span.age), face.aperture_pair)
        for x in (span.expression, found)
    )
    assert np.corrcoef(true, made)[0, 1] > 0.95


def test_flat_rows_are_meshes_as_well(span, tmp_path):
    face = ToyFace()
    made = mesh(face, span)
    np.save(tmp_path / f"{span.clip}.npy", made)
    whole = adult_of(face, tmp_path).predict(span)
    np.save(tmp_path / f"{span.clip}.npy", made.reshape(len(made), -1))
    assert np.array_equal(adult_of(face, tmp_path).predict(span), whole)


def test_a_rotation_and_scale_are_found_again():
    points = np.random.default_rng(0).normal(size=(9, 3))
    np.testing.assert_allclose(adult.turned(points, 2 * points @ TURN + 5), 2 * TURN, atol=1e-9)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "missing; evaluate.adult wants"),
        (np.zeros((200, 7, 3)), r"shape \(200, 7, 3\), should be \(frames, 8, 3\)"),
        (np.zeros((5, 8, 3)), "5 frames, the clip is kept up to"),
        (np.array([{}], object), "should hold a mesh a frame|a mesh a frame"),
    ],
)
def test_what_is_no_such_mesh_is_refused_in_words(span, tmp_path, content, words):
    if content is not None:
        np.save(tmp_path / f"{span.clip}.npy", content, allow_pickle=True)
    with pytest.raises((AdultError, CradleError), match=words):
        adult_of(ToyFace(), tmp_path).predict(span)


def test_lips_found_on_the_same_head_give_the_performance_back(tmp_path):
    head, placed = model.load(), embedding.load()
    laid = on_other((head, placed), (head, placed), mouth_rows(head))
    jaw = np.outer(np.sin(np.linspace(0, 3, 20)), head.action_vector({"jaw_drop": 1.0}))
    one = spans.Span(
        span_id="a__0",
        clip="a",
        vocalization="cry",
        start_frame=0,
        expression=jaw.astype(np.float32),
        valid=np.ones(20, bool),
        audio=np.zeros((20, 2), np.float32),
        identity=np.zeros(32, np.float32),
        age=np.zeros(1, np.float32),
    )
    np.save(tmp_path / "a.npy", decode(head, one.identity, one.expression, one.age))
    found = Adult(tmp_path, len(head.mean), laid.place, head).predict(one)
    made = decode(head, one.identity, found, one.age)
    true = decode(head, one.identity, one.expression, one.age)
    gaps = [metrics.aperture(v, head.aperture_pair) for v in (made, true)]
    assert np.abs(gaps[0] - gaps[1]).max() < 2.0
    assert np.ptp(gaps[1]) > 10
