"""What the weighing learns from: sounds in which it is known where an infant sounds."""

from __future__ import annotations

import importlib
import itertools
from types import ModuleType

import numpy as np
import pytest

from pipeline.core.code import PROJECT
from pipeline.voice.separation_network import WIDTH
from pipeline.voice.tags import words
from pipeline.voice.voices_evidence import OWN, Evidence
from tests.voice.mixing import BESIDE, RATE, mixture


@pytest.fixture
def listen(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module of the recipe, which is no package."""
    monkeypatch.syspath_prepend(PROJECT / "models" / "voices")
    return importlib.import_module("listen")


def test_of_what_is_drawn_it_is_known_where_an_infant_sounds(listen: ModuleType) -> None:
    rng = np.random.default_rng(4)
    recordings = importlib.import_module("recordings").Recordings(
        cries=[mixture("cry", None, number, span_s=5.0)[0] for number in (1, 2)],
        speakers={"speech/one": [BESIDE["adult"](1.0, RATE, rng).astype(np.float32)]},
        noises={"noise/animals": [BESIDE["noise"](3.0, RATE, rng).astype(np.float32)]},
        digests=[],
    )
    cases = list(itertools.islice(listen.Drawn(recordings, rng).cases(), 40))
    shares = np.array([true.mean() for _, true, _ in cases])
    for wave, true, counts in cases:
        assert wave.dtype == np.float32
        assert len(wave) <= listen.SPAN_S * RATE
        assert abs(len(true) - len(wave) / 320) <= 1
        assert np.isfinite(wave).all()
        assert counts >= 1
    assert 0.1 < (shares == 0).mean() < 0.5
    assert 0.2 < shares[shares > 0].mean() < 0.9
    # Some but for a moment.
    assert (shares[shares > 0] < 0.2).mean() > 0.1


def test_a_laugh_teaches_as_a_cry_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(PROJECT / "models" / "voices")
    weigh = importlib.import_module("weigh")
    names, rng = list(words().values()), np.random.default_rng(3)
    cry, laugh, dog = (
        names.index(name) for name in ("Baby cry, infant cry", "Baby laughter", "Dog")
    )
    said = np.full((2, len(names)), -9.0, np.float16)
    said[:, [cry, dog]] = 3.0
    own, parted = np.zeros((32, OWN), np.float32), np.zeros((32, WIDTH), np.float16)
    heard = Evidence(own, parted, said, said)
    others = [weigh.otherwise(heard, rng) for _ in range(60)]
    as_laugh = [(other.words[:, laugh] == 3.0).all() for other in others]
    assert 0.05 < np.mean(as_laugh) < 0.4
    for other in others:
        assert (other.words == other.stem).all()
        assert (other.words[:, dog] == 3.0).all()
        assert (np.sort(other.words) == np.sort(said)).all()
