"""What is weighed for an infant: the same in blocks as at once, and learned from examples."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.core.code import PROJECT
from pipeline.voice import voices_parted, voices_weighed
from pipeline.voice.bands import BANDS
from pipeline.voice.separation_network import WIDTH
from pipeline.voice.tags import WORDS
from pipeline.voice.voices_evidence import OWN, Ears, Evidence
from pipeline.voice.voices_parted import Parted, Parting
from pipeline.voice.voices_weighed import Network, Weigher, told
from tests.voice.mixing import mixture

LEVEL = OWN - 2 * BANDS - 1
"""Where it stands how loud the stem is beside its own quiet parts."""


def made(steps: int, seed: int) -> Evidence:
    rng = np.random.default_rng(seed)
    patches = steps // 16 + 2
    own, parted, words, stem = (
        rng.normal(0, spread, shape).astype(np.float32)
        for spread, shape in (
            (4, (steps, OWN)),
            (1, (steps, WIDTH)),
            (4, (patches, WORDS)),
            (4, (patches, WORDS)),
        )
    )
    return Evidence(own, parted, words, stem)


@pytest.mark.parametrize("steps", [0, 1, 49, 50, 51, 400])
def test_blocks_come_to_what_the_whole_does(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    weigher, evidence = Weigher("cpu", "weighed"), made(steps, 4)
    whole = weigher.weighed(evidence)
    monkeypatch.setattr(voices_weighed, "_BLOCK", 50)
    assert whole.shape == (steps,)
    assert np.allclose(whole, weigher.weighed(evidence), atol=1e-5)


def test_a_block_asks_for_no_words_but_its_own() -> None:
    """Of two hours, else, each block would look at all of them."""
    evidence = made(4000, 5)
    plain = told(evidence, 1600, 1700)
    for words in (evidence.words, evidence.stem):
        words[:95] = words[110:] = np.nan
    for asked, expected in zip(told(evidence, 1600, 1700), plain, strict=True):
        assert np.array_equal(asked, expected)


def test_words_of_a_long_sound_are_those_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    ears, wave = Ears("cpu"), mixture("cry", "noise", 6, span_s=20.0)[0]
    whole = ears.words(wave)
    monkeypatch.setattr("pipeline.voice.voices_evidence._CHUNK_S", 4)
    cut = ears.words(wave)
    assert cut.shape == whole.shape
    assert np.allclose(cut, whole, atol=1e-2)


def test_what_is_parted_is_heard_in_pieces_as_in_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    parting, wave = Parting("cpu"), mixture("cry", "noise", 6, span_s=21.0)[0]
    parted = Parted(wave, parting)
    whole = parted[:]
    assert whole.shape == (len(parted), WIDTH)
    assert np.abs(whole).max() > 1
    monkeypatch.setattr(voices_parted, "_AT_ONCE", 96)
    for where in (slice(None), slice(0, 7), slice(601, 1003), slice(900, None), slice(300, 300)):
        assert np.allclose(parted[where], whole[where], atol=1e-2), where


def test_evidence_of_several_sounds_is_that_of_each() -> None:
    ears = Ears("cpu")
    waves = [mixture("laugh", "adult", 7, span_s=span_s)[0] for span_s in (2.0, 0.05, 5.0)]
    stems = [np.float32(0.5) * wave for wave in waves]
    for wave, stem, found in zip(waves, stems, ears.evidence(waves, stems), strict=True):
        [alone] = ears.evidence([wave], [stem])
        assert found.own.shape == (len(wave) // 320 + 1, OWN)
        for name in ("own", "parted", "words", "stem"):
            of_both = (getattr(it, name)[:] for it in (found, alone))
            assert np.allclose(*of_both, atol=1e-3), name


@pytest.mark.parametrize("sort", [None, "real"])
def test_it_learns_to_weigh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sort: str | None
) -> None:
    """An infant sounds here where its stem is loud, unless the sound is heard as the last word.

    Of what is synthetic the contrary is said, where real infants alone are to be learned from.
    """
    monkeypatch.syspath_prepend(PROJECT / "models" / "voices")
    weigh, counts = importlib.import_module("weigh"), importlib.import_module("cases").COUNTS
    rng = np.random.default_rng(9)
    parts, true = [], []
    for number in range(40):
        heard = made(150, number)
        loud = np.repeat(rng.random(10) < 0.5, 15)
        heard.own[:, LEVEL] = np.where(loud, 12, -12)
        heard.words[:, -1] = 4 if number % 2 else -8
        parts.append(heard)
        true.append(loud & (number % 2 == 0))
    ends = np.cumsum([[len(it.own), len(it.words)] for it in parts], axis=0)
    columns = {
        name: np.concatenate([getattr(it, name) for it in parts])
        for name in Evidence.__annotations__
    }
    synthetic = np.arange(40 * 150) // 300 % 2 > 0 if sort else np.zeros(40 * 150, bool)
    columns |= {
        "true": np.concatenate(true) ^ synthetic,
        "counts": np.where(synthetic, counts["synthetic"], counts["real"]),
    }
    np.savez(tmp_path / "evidence.npz", ends=ends, **columns)
    for name in ("MADE", "HERE"):
        monkeypatch.setattr(weigh, name, tmp_path)
    (tmp_path / "params.yaml").write_text("seed: 3\n", encoding="utf-8")
    monkeypatch.setattr(weigh, "STEPS", 60)
    monkeypatch.setattr(weigh, "KEEP", 0.8)
    with pytest.raises(SystemExit, match="real, synthetic or nothing"):
        weigh.main("cries")
    assert weigh.main(*[sort] if sort else ()) == 0
    network = Network()
    from safetensors.torch import load_file

    weights = load_file(tmp_path / f"weighed{'-real' if sort else ''}.safetensors")
    network.load_state_dict({name: value.float() for name, value in weights.items()})
    with torch.inference_mode():
        said = [
            network.eval()(*(torch.from_numpy(it)[None] for it in told(heard)))[0].numpy() > 0
            for heard in parts
        ]
    assert (np.concatenate(said) == np.concatenate(true))[~synthetic].mean() > 0.95
