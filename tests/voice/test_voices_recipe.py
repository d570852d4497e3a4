"""The recipe of who sounds: what is known of a stem that the separator took out of a mixture."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType

import numpy as np
import pytest

from pipeline.core.code import PROJECT
from pipeline.voice.voices_judged import NUMBERS, OWN, Judge


@pytest.fixture(scope="module")
def mixtures() -> ModuleType:
    """A module of the recipe, which is no package."""
    path = PROJECT / "models" / "voices" / "mixtures.py"
    spec = importlib.util.spec_from_file_location("voices_mixtures", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_of_a_stem_is_known_where_the_infant_sounds_and_nothing_else(mixtures: ModuleType) -> None:
    rng = np.random.default_rng(3)
    sound = 0.1 * rng.standard_normal(mixtures.SAMPLES).astype(np.float32)
    who = np.ones((mixtures.FRAMES, 3), np.float32)
    who[: mixtures.FRAMES // 2, mixtures.INFANT] = 0.0
    stem = sound.copy()
    # The separator took the infant out of the last third, and let noise into the first half.
    stem[2 * len(stem) // 3 :] *= 0.001
    found = mixtures.of_stem(mixtures.Mixture(sound, who), stem)
    infant = found.who[:, mixtures.INFANT]
    half, last = mixtures.FRAMES // 2, 2 * mixtures.FRAMES // 3 + 2
    assert np.all(infant[:half] == 0)
    assert np.all(infant[half : last - 4] == 1)
    assert np.isnan(infant[last:]).all()
    assert np.isnan(found.who[:, mixtures.ADULT]).all()
    assert np.isnan(found.who[:, mixtures.OTHER]).all()
    assert found.mixture is not sound


def test_what_the_second_opinion_learned_is_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Infants' events are long here, or are heard as the last of all words."""
    monkeypatch.syspath_prepend(PROJECT / "models" / "voices")
    judge = importlib.import_module("judge")
    monkeypatch.setattr(judge, "STEPS", 150)
    rng = np.random.default_rng(8)
    numbers = rng.standard_normal((2200, len(NUMBERS)))
    numbers[:, len(OWN) :] = 0.0
    long, named = rng.random((2, 2200)) < 0.4
    numbers[:, len(OWN) - 1] += np.where(long, 3, -3)
    numbers[:, -1] = np.where(named, 3, -3)
    infants = (long | named).astype(float)
    told = Judge(judge.learn(numbers[:2000], infants[:2000], seed=1)).said(numbers[2000:])
    assert ((told > 0.5) == infants[2000:]).mean() > 0.95
    again = Judge(judge.learn(numbers[:2000], infants[:2000], seed=1)).said(numbers[2000:])
    assert np.array_equal(told, again)
