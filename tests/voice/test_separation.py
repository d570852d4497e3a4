"""Separation in pieces, of files, and by models from outside."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.core import restoring, weights
from pipeline.core.errors import CradleError, WeightsError
from pipeline.voice import separator, separator_demucs
from pipeline.voice.backends import RATE, SEPARATORS, Wave
from pipeline.voice.separation_chunks import Piece, beside, overlapped, resampled, with_margins
from pipeline.voice.separation_file import separate_file
from pipeline.voice.separation_network import REACH
from pipeline.voice.separation_spectra import HOP
from tests.voice.mixing import mixture


def blocks(sound: Wave, size: int) -> Iterator[Wave]:
    return (sound[at : at + size] for at in range(0, len(sound), size))


def smoothed(piece: Piece) -> Wave:
    """Hears 20 samples to each side."""
    made = np.convolve(piece.heard, np.hanning(41), "full")[20 : 20 + len(piece.heard)]
    return made[piece.first : piece.last].astype(np.float32)


@pytest.mark.parametrize("samples", [0, 1, 37, 399, 400, 401, 1000, 1230])
@pytest.mark.parametrize("size", [7, 400, 5000])
def test_chunks_with_margins_are_the_whole(samples: int, size: int) -> None:
    sound = np.random.default_rng(samples).standard_normal(samples).astype(np.float32)
    pieces = np.concatenate([[], *with_margins(blocks(sound, size), smoothed, 400, 50)])
    assert len(pieces) == samples
    assert np.allclose(pieces, smoothed(Piece(sound, 0, samples)) if samples else [], atol=1e-4)


@pytest.mark.parametrize("samples", [0, 1, 299, 300, 301, 1000])
def test_overlapped_chunks_do_not_depend_on_the_blocks(samples: int) -> None:
    sound = np.random.default_rng(samples).standard_normal(samples).astype(np.float32)

    def loudest(piece: Piece) -> Wave:
        return piece.heard * np.abs(piece.heard).max()

    cuts = [
        np.concatenate([[], *overlapped(blocks(sound, size), loudest, 400, 300)])
        for size in (7, 300, 9999)
    ]
    assert all(len(cut) == samples for cut in cuts)
    assert all(np.array_equal(cut, cuts[0]) for cut in cuts)
    same = np.concatenate([[], *overlapped(blocks(sound, 70), lambda piece: piece.heard, 400, 300)])
    assert np.allclose(same, sound, atol=1e-6)


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000, 96000, 11025])
def test_a_stream_is_resampled_as_the_whole_would_be(rate: int) -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(25 * rate) / rate).astype(np.float32)
    found = np.concatenate([*resampled(blocks(tone, 3 * rate + 1), rate)])
    assert abs(len(found) - 25 * RATE) <= 1
    wanted = np.sin(2 * np.pi * 440 * np.arange(len(found)) / RATE)
    assert np.allclose(found[RATE:-RATE], wanted[RATE:-RATE], atol=2e-3)


def test_what_is_beside_a_stream_keeps_step() -> None:
    sound = np.arange(1000, dtype=np.float32)

    def late(given: Iterator[Wave]) -> Iterator[Wave]:
        yield from with_margins(
            given, lambda piece: 2 * piece.heard[piece.first : piece.last], 256, 90
        )

    pairs = list(beside(blocks(sound, 33), late))
    assert all(len(a) == len(b) for a, b in pairs)
    assert np.array_equal(np.concatenate([a for a, _ in pairs]), sound)
    assert np.array_equal(np.concatenate([b for _, b in pairs]), 2 * sound)


def test_long_sound_is_separated_in_pieces_without_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = SEPARATORS.load("embedded")
    sound, _, _ = mixture("laugh", "adult", 50, span_s=12.0)
    whole, residual = backend.separate(sound, RATE)
    assert np.allclose(whole + residual, sound, atol=1e-4)
    monkeypatch.setattr(separator, "_CHUNK_S", 2)
    pieces = np.concatenate([*backend.stream(blocks(sound, 7777))])
    assert np.allclose(whole, pieces, atol=1e-4)


def test_what_is_farther_away_than_the_reach_decides_nothing() -> None:
    backend = SEPARATORS.load("embedded")
    sound, _, _ = mixture("cry", "television", 53, span_s=18.0)
    at = 12 * RATE
    changed = np.concatenate([sound[:at], mixture("laugh", "music", 54, span_s=6.0)[0]])
    stems = [backend.separate(wave, RATE)[0] for wave in (sound, changed)]
    apart = np.abs(stems[0] - stems[1])
    far = at - (REACH + 2) * HOP
    assert far > 4 * RATE
    assert apart[:far].max() < 1e-5
    assert apart[far:at].max() > 1e-4


@pytest.mark.parametrize("beyond", [0, 1, 160, 300, 319])
def test_a_sound_that_is_cut_anywhere_ends_without_a_click(beyond: int) -> None:
    """A voice's last samples are as loud as those before, however much of a frame there is."""
    samples = 31_680 + beyond
    sound = mixture("cry", "adult", 70)[0][:samples]
    stem, residual = SEPARATORS.load("embedded").separate(sound, RATE)
    assert np.abs(stem[-320:]).max() <= 1.1 * np.abs(sound[-640:]).max()
    np.testing.assert_allclose(stem + residual, sound, atol=1e-6)


def test_a_file_of_any_form_becomes_stem_and_residual(tmp_path: Path) -> None:
    sound, _, _ = mixture("cry", "noise", 51)
    for rate, channels in ((8000, 1), (96000, 6), (44100, 2)):
        at_rate = np.interp(np.arange(4 * rate) / rate, np.arange(len(sound)) / RATE, sound)
        path = tmp_path / f"{rate}.wav"
        soundfile.write(path, np.stack([0.5 * at_rate] * channels, 1), rate, subtype="FLOAT")
        out, rest = tmp_path / "out.wav", tmp_path / "rest.flac"
        separate_file(path, SEPARATORS.load("embedded"), out, rest)
        stem, hz = soundfile.read(out)
        residual, _ = soundfile.read(rest)
        assert (hz, stem.shape) == (RATE, residual.shape)
        assert abs(len(stem) - 4 * RATE) <= 1
        wanted = np.concatenate([*resampled([(0.5 * at_rate).astype(np.float32)], rate)])
        assert np.allclose(stem + residual, wanted[: len(stem)], atol=1e-4)


BAD: dict[str, Callable[[], np.ndarray]] = {
    "silence": lambda: np.zeros(RATE),
    "constant": lambda: np.full(RATE, 0.7),
    "not_numbers": lambda: np.full(RATE, np.nan),
    "fifty_ms": lambda: np.full(800, 0.1),
    "one_sample": lambda: np.ones(1),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_without_a_voice_gives_a_silent_stem(name: str, tmp_path: Path) -> None:
    sound = BAD[name]()
    soundfile.write(tmp_path / "in.wav", sound, RATE, subtype="FLOAT")
    separate_file(tmp_path / "in.wav", SEPARATORS.load("embedded"), tmp_path / "out.wav", None)
    stem, _ = soundfile.read(tmp_path / "out.wav")
    assert len(stem) == len(sound)
    assert np.abs(stem).max() < 0.02


def test_what_holds_no_sound_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "notes.wav").write_text("milk, nappies")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), RATE)
    for name in ("notes.wav", "empty.wav"):
        with pytest.raises(CradleError, match=name):
            separate_file(tmp_path / name, SEPARATORS.load("embedded"), tmp_path / "out.wav", None)


def test_the_embedded_weights_are_small_and_named_by_their_digest() -> None:
    info, listed = SEPARATORS.info("embedded"), weights.listed()
    both = " ".join(listed[name].sha256 for name in ("separator", "tagger"))
    assert hashlib.sha256(both.encode()).hexdigest() == info.digest
    assert weights.locked("separator").stat().st_size < 10_000_000
    assert info.embedded


@pytest.mark.parametrize("content", [b"\x80\x04pickle", b"", b"{}", b"\x10" + b"\0" * 40])
def test_weights_that_are_none_are_refused(
    content: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "model.safetensors"
    broken.write_bytes(content)
    monkeypatch.setattr(restoring, "locked", lambda name: broken)
    with pytest.raises(WeightsError, match=r"model\.safetensors.*safetensors file"):
        separator.load("cpu")


def lock(monkeypatch: pytest.MonkeyPatch, folder: Path, path: Path, sha256: str) -> None:
    (folder / "weights.lock").write_text(
        f"demucs:\n  path: {path}\n  sha256: '{sha256}'\n  licence: MIT\n  origin: made here\n"
    )
    monkeypatch.setattr(weights, "LOCK", folder / "weights.lock")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An HTDemucs of the real class, in the real format, with next to no weights."""
    torch = pytest.importorskip("torch")
    from demucs.htdemucs import HTDemucs
    from demucs.states import save_with_checksum, serialize_model
    from omegaconf import OmegaConf

    torch.manual_seed(3)
    folder = tmp_path_factory.mktemp("demucs")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = HTDemucs(
            sources=["drums", "bass", "other", "vocals"],
            channels=8,
            nfft=512,
            depth=3,
            t_layers=1,
            t_heads=2,
            bottom_channels=16,
            samplerate=44100,
            segment=1.0,
        )
        save_with_checksum(serialize_model(model, OmegaConf.create({})), folder / "955717e8.th")
    return next(folder.glob("*.th"))


def test_demucs_gives_the_vocals_of_a_model_of_the_package(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lock(monkeypatch, tmp_path, tiny, hashlib.sha256(tiny.read_bytes()).hexdigest())
    info = separator_demucs.info()
    assert (info.name, info.digest[:8], info.embedded) == ("demucs", tiny.stem[-8:], False)
    backend = separator_demucs.load("cpu")
    sound, _, _ = mixture("cry", "music", 52, span_s=3.3)
    stem, residual = backend.separate(sound, RATE)
    assert stem.shape == sound.shape
    assert np.abs(stem).max() > 0
    assert np.allclose(stem + residual, sound, atol=1e-4)
    again = np.concatenate([*backend.stream(blocks(sound, 999))])
    assert np.array_equal(stem, again)
    many = [sound, sound[:9_000], sound[:0], sound[7_000:], np.zeros(RATE, np.float32)]
    for ours, one in zip(backend.stems(many), many, strict=True):
        assert np.allclose(ours, backend.separate(one, RATE)[0], rtol=0, atol=1e-6)


def test_demucs_weights_that_are_not_what_the_lock_says_are_refused(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lock(monkeypatch, tmp_path, tiny, "0" * 64)
    with pytest.raises(WeightsError, match="expected 000000000000"):
        separator_demucs.load("cpu")
    (tmp_path / "weights.lock").write_text("{}")
    with pytest.raises(WeightsError, match="no 'demucs'; add path"):
        separator_demucs.info()


class Harm:
    """A pickle that would run code when read."""

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return print, ("run by a pickle",)


def test_demucs_refuses_what_is_no_model(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import pickle

    import torch

    torch.save({"klass": Harm(), "args": (), "kwargs": {}, "state": {}}, tmp_path / "harm.th")
    torch.save({"klass": "HTDemucs", "args": (), "kwargs": {}, "state": {}}, tmp_path / "name.th")
    (tmp_path / "pickle.th").write_bytes(pickle.dumps(Harm()))
    (tmp_path / "cut.th").write_bytes(tiny.read_bytes()[:5000])
    (tmp_path / "empty.th").write_bytes(b"")
    for path in sorted(tmp_path.glob("*.th")):
        with pytest.raises(WeightsError, match="expected a model as the demucs package saves it"):
            separator_demucs.read_model(path)
    assert "run by a pickle" not in capsys.readouterr().out
