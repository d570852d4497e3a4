"""One suite for every backend that can take an infant's voice out of a mixture."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
import pytest

from pipeline.core.errors import BackendError
from pipeline.voice.backends import (
    RATE,
    SEPARATORS,
    TRACK_HZ,
    VOICES,
    Separator,
    VoiceTracker,
)
from pipeline.voice.events import events
from pipeline.voice.measure import isolate
from pipeline.voice.measures import measures
from pipeline.voice.tags import PATCH, WORDS
from tests.voice.mixing import BESIDE, f1, infant, mixture, si_sdr_db

TYPES = ("cry", "laugh", "babble")
# What needs weights that do not ship has tests of its own.
ELSEWHERE = ("demucs", "pyannote")
SHIPPED = [
    [name for name in sorted(registry.modules) if name not in ELSEWHERE]
    for registry in (SEPARATORS, VOICES)
]


class Both(NamedTuple):
    separator: Separator
    tracker: VoiceTracker


@pytest.fixture(params=list(itertools.product(*SHIPPED)))
def backend(request: pytest.FixtureRequest) -> Both:
    separator, tracker = request.param
    return Both(SEPARATORS.load(separator), VOICES.load(tracker))


def tone(hz: float, span_s: float = 2.0) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(round(span_s * RATE)) / RATE).astype(np.float32)


BAD = {
    "silence": np.zeros(2 * RATE, np.float32),
    "constant": np.full(2 * RATE, 0.7, np.float32),
    "not_numbers": np.full(2 * RATE, np.nan, np.float32),
    "infinite": np.full(2 * RATE, np.inf, np.float32),
    "50_ms": 0.3 * tone(450, 0.05),
    "one_sample": np.ones(1, np.float32),
    "nothing": np.zeros(0, np.float32),
    "cut_off_everywhere": np.sign(np.random.default_rng(1).standard_normal(2 * RATE)),
    "cut_off_hum": np.sign(tone(60.0)).astype(np.float32),
    "least_bit": np.random.default_rng(2).choice([0.0, 1 / 32768], 2 * RATE).astype(np.float32),
}


def test_shapes_and_ranges(backend: Both) -> None:
    sound, _, _ = mixture("cry", "adult", 1)
    found = isolate(sound, *backend)
    assert found.stem.shape == sound.shape
    assert found.stem.dtype == np.float32
    tracks = found.voices.arrays()
    assert tracks.pop("tags").shape == (-(-len(sound) // PATCH), WORDS)
    for name, track in tracks.items():
        assert track.shape == (len(sound) // 320 + 1,), name
        if name != "f0_hz":
            assert 0 <= track.min() <= track.max() <= 1, name


def test_twice_gives_the_same(backend: Both) -> None:
    sound, _, _ = mixture("laugh", "music", 2)
    first, again = isolate(sound, *backend), isolate(sound.copy(), *backend)
    assert np.array_equal(first.stem, again.stem)
    assert np.array_equal(first.voices.infant, again.voices.infant)


@pytest.mark.parametrize("name", BAD)
def test_bad_sound_invents_no_infant(backend: Both, name: str) -> None:
    found = isolate(BAD[name], *backend)
    assert len(found.stem) == len(BAD[name])
    assert np.isfinite(found.stem).all()
    heard = events(found.voices, found.sound, found.stem)
    assert [event for event in heard if event.who == "infant"] == []
    assert measures(found.sound, found.stem, found.voices)["infant_s"] == 0


def test_a_gap_of_not_numbers_does_not_spread(backend: Both) -> None:
    sound, _, performance = mixture("cry", None, 3)
    sound[RATE : RATE + 400] = np.nan
    found = isolate(sound, *backend)
    assert np.isfinite(found.stem).all()
    true = performance.sampled(performance.energy, TRACK_HZ) > 0.12
    assert f1(found.voices.infant > 0.5, true) > 0.7


@pytest.mark.parametrize(("beside", "gain_db"), [("adult", 4), ("music", 3), ("noise", 3)])
def test_it_separates(backend: Both, beside: str, gain_db: float) -> None:
    gains = []
    # Of three mixtures one alone could decide.
    for seed, kind in enumerate([*TYPES, *TYPES]):
        sound, truth, _ = mixture(kind, beside, 10 + seed)
        found = isolate(sound, *backend)
        gains.append(si_sdr_db(found.stem, truth) - si_sdr_db(sound, truth))
    assert np.mean(gains) > gain_db


@pytest.mark.parametrize("kind", TYPES)
def test_it_leaves_a_clean_voice_alone(backend: Both, kind: str) -> None:
    sound, truth, performance = mixture(kind, None, 20)
    found = isolate(sound, *backend)
    assert si_sdr_db(found.stem, truth) > 12
    true = performance.sampled(performance.energy, TRACK_HZ) > 0.12
    assert f1(found.voices.infant > 0.5, true) > 0.85


def test_it_tells_who_sounds(backend: Both) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        for who in ("adult", "music", "noise"):
            alone = isolate(BESIDE[who](4.0, RATE, rng), *backend)
            about = measures(alone.sound, alone.stem, alone.voices)
            assert about["infant_s"] < 0.4, (who, seed)
        talk = isolate(BESIDE["adult"](4.0, RATE, rng), *backend)
        assert measures(talk.sound, talk.stem, talk.voices)["adult_s"] > 1.5


def test_pitch_is_the_infants(backend: Both) -> None:
    sound, performance = infant("babble", 40)
    voices = isolate(sound, *backend).voices
    true = performance.sampled(performance.f0_hz, TRACK_HZ)
    steps = min(len(true), len(voices.f0_hz))
    known = ~np.isnan(voices.f0_hz[:steps])
    assert known.mean() > 0.3
    off = np.abs(voices.f0_hz[:steps][known] / true[:steps][known] - 1)
    assert np.mean(off < 0.06) > 0.85


def test_the_embedded_network_is_small_and_named_by_its_weights() -> None:
    assert VOICES.load("embedded").parameters < 1_000_000
    info = VOICES.info("embedded")
    assert len(info.digest) == 64
    assert info.embedded


def test_what_is_missing_is_said() -> None:
    with pytest.raises(BackendError, match="embedded"):
        VOICES.info("telepathy")
