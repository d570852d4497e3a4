"""On small models of the same classes, saved in the format that the large ones are published in."""

import json
import sys

import numpy as np
import pytest
import torch
import yaml

from pipeline import media
from pipeline.core import weights
from pipeline.core.backends import file_digest
from pipeline.core.errors import BackendError, WeightsError
from pipeline.generator import featured, features, voc2vec
from pipeline.generator.features import RATE_HZ, Features
from pipeline.generator.model import Denoiser, Layout, rotation
from pipeline.generator.params import Features as Asked
from pipeline.generator.params import Network

LAYERS, WIDTH = 3, 16


def small(kind: str, **changed):
    transformers = pytest.importorskip(
        "transformers", reason="voc2vec runs through transformers, which is not installed"
    )
    config = {"wav2vec2": "Wav2Vec2Config", "hubert": "HubertConfig"}[kind]
    made = getattr(transformers, config)(
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=2,
        intermediate_size=32,
        conv_dim=[8] * 7,
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
        **changed,
    )
    torch.manual_seed(0)
    return getattr(transformers, voc2vec.MODELS[kind])(made).eval()


def published(folder, model, normalised: bool = True):
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(
        json.dumps({"do_normalize": normalised, "sampling_rate": RATE_HZ})
    )
    return folder


def sung(seconds: float = 1.0) -> np.ndarray:
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return (0.3 * np.sin(2 * np.pi * 400 * time) * np.sin(2 * np.pi * time)).astype(np.float32)


@pytest.fixture(params=["wav2vec2", "hubert"])
def folder(request, tmp_path):
    return published(tmp_path / "voc2vec", small(request.param))


@torch.no_grad()
def straight(model, sound: np.ndarray):
    """As its authors use it: normalised by the clip, and asked as a whole."""
    heard = (sound - sound.mean()) / np.sqrt(sound.var() + 1e-7)
    return model(torch.from_numpy(heard)[None], output_hidden_states=True).hidden_states


def test_every_layer_is_what_the_model_gives(folder):
    kind = json.loads((folder / "config.json").read_text())["model_type"]
    states = straight(small(kind), sung())
    encoder = voc2vec.read(folder, "digest")
    assert encoder.layers == LAYERS + 1
    for layer in (0, 2, -1):
        made = encoder.at(layer).encode(sung())
        np.testing.assert_allclose(made, states[layer][0], atol=1e-5)
    mix = encoder.at("mix")
    assert mix.width == (LAYERS + 1) * WIDTH
    np.testing.assert_allclose(mix.encode(sung()), torch.cat(list(states), -1)[0], atol=1e-5)


def test_frames_lie_at_the_middles_of_receptive_fields(folder):
    encoder = voc2vec.read(folder, "digest")
    assert (encoder.hop_samples, encoder.first_centre_samples) == (320, 199.5)
    sound = sung()
    rows = Features(encoder).extract(sound, 30)[:, 1:]
    encoded = encoder.encode(sound)
    place = (10 * RATE_HZ / 30 - 199.5) / 320
    low, share = int(place), place % 1
    wanted = encoded[low] * (1 - share) + encoded[low + 1] * share
    np.testing.assert_allclose(rows[10], wanted, atol=1e-5)


def test_a_sound_of_no_window_is_no_frame_of_it(folder):
    encoder = voc2vec.read(folder, "digest")
    assert encoder.encode(sung()[:399]).shape == (0, WIDTH)
    assert np.isfinite(Features(encoder).extract(sung()[:399], 3)).all()


def test_a_long_sound_is_heard_in_parts_and_hardly_differs(tmp_path, monkeypatch):
    # With a norm by sample, what is far away hardly counts, even without training.
    folder = published(tmp_path / "layer", small("wav2vec2", feat_extract_norm="layer"))
    whole = voc2vec.read(folder, "digest").encode(sung(6))
    monkeypatch.setattr(voc2vec, "LONGEST_SAMPLES", 2 * RATE_HZ)
    monkeypatch.setattr(voc2vec, "MARGIN_SAMPLES", RATE_HZ)
    parts = voc2vec.read(folder, "digest").encode(sung(6))
    assert parts.shape == whole.shape
    assert np.corrcoef(parts.ravel(), whole.ravel())[0, 1] > 0.99


def several() -> list[np.ndarray]:
    """Of lengths that end in the middle of a window, that are too short for one, and of none."""
    rng = np.random.default_rng(1)
    spans_s = (1.0, 2.5, 0.024, 0.3021, 0.0, 1.0, 6.2)
    noise = [0.1 * rng.standard_normal(len(sung(span_s))) for span_s in spans_s]
    return [
        (sung(span_s) + it).astype(np.float32) for span_s, it in zip(spans_s, noise, strict=True)
    ]


@pytest.mark.parametrize("changed", [{}, {"feat_extract_norm": "layer"}])
@pytest.mark.parametrize("kind", ["wav2vec2", "hubert"])
@pytest.mark.parametrize("at_once_s", [1, 7, 120])
def test_several_sounds_at_a_time_are_as_each_alone(
    kind, changed, at_once_s, tmp_path, monkeypatch
):
    encoder = voc2vec.read(published(tmp_path / "voc2vec", small(kind, **changed)), "d").at("mix")
    monkeypatch.setattr(voc2vec, "LONGEST_SAMPLES", 2 * RATE_HZ)
    monkeypatch.setattr(voc2vec, "MARGIN_SAMPLES", RATE_HZ)
    monkeypatch.setattr(voc2vec, "AT_ONCE_SAMPLES", at_once_s * RATE_HZ)
    sounds = several()
    for found, sound in zip(encoder.encode_all(sounds), sounds, strict=True):
        alone = encoder.encode(sound)
        assert (found.dtype, found.shape) == (alone.dtype, alone.shape)
        np.testing.assert_allclose(found, alone, rtol=0, atol=1e-5)


def loaded_from(folder, tmp_path, monkeypatch):
    """The registry would keep the model for other tests."""
    locked_to(folder, tmp_path, monkeypatch)
    monkeypatch.setattr(
        features, "load", lambda name, device, layer: Features(voc2vec.load().at(layer))
    )


def test_files_together_are_written_as_each_alone(folder, tmp_path, monkeypatch):
    loaded_from(folder, tmp_path, monkeypatch)
    inputs = []
    for number, sound in enumerate(several()[:4]):
        media.write_sound(tmp_path / f"{number}.wav", sound, RATE_HZ)
        made = {"sound": tmp_path / f"{number}.wav", "frames": 9 + number}
        inputs.append({**made, "backend": "voc2vec", "device": "cpu", "layer": -1})
    for number, write in enumerate(featured.measure_together(inputs)):
        ours, theirs = tmp_path / f"{number} of many", tmp_path / f"{number} alone"
        ours.mkdir()
        theirs.mkdir()
        write(ours)
        featured.measure(theirs, inputs[number])
        found, alone = (np.load(out / featured.FILE) for out in (ours, theirs))
        assert (found.dtype, found.shape) == (alone.dtype, (9 + number, 1 + WIDTH))
        np.testing.assert_allclose(found, alone, rtol=0, atol=1e-5)


def test_a_device_is_given_several_sounds_and_a_core_one(folder, tmp_path, monkeypatch):
    loaded_from(folder, tmp_path, monkeypatch)
    asked = Asked(backend="voc2vec")
    steps = [featured.featuring(asked, device).step for device in ("cpu", "cuda")]
    assert [step.together is None for step in steps] == [True, False]
    assert steps[1].needs.gpu > 0
    assert steps[0].key("a sound") == steps[1].key("a sound")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU to compare with")
def test_a_gpu_hears_what_a_processor_hears(folder):
    here, there = (voc2vec.read(folder, "digest", device).at("mix") for device in ("cpu", "cuda"))
    sounds = several()
    for found in (there.encode_all(sounds), [there.encode(sound) for sound in sounds]):
        for rows, sound in zip(found, sounds, strict=True):
            np.testing.assert_allclose(rows, here.encode(sound), rtol=0, atol=1e-3)


def locked_to(folder, tmp_path, monkeypatch):
    row = {
        "path": str(folder / "model.safetensors"),
        "sha256": file_digest(folder / "model.safetensors"),
        "licence": "Apache-2.0",
        "origin": "test",
    }
    (tmp_path / "weights.lock").write_text(yaml.safe_dump({"voc2vec": row}))
    monkeypatch.setattr(weights, "LOCK", tmp_path / "weights.lock")


def test_the_lock_says_which_and_the_record_says_so(folder, tmp_path, monkeypatch):
    locked_to(folder, tmp_path, monkeypatch)
    known = Features(voc2vec.load().at("mix"))
    digest = voc2vec.info().digest
    assert known.described == {
        "name": "voc2vec",
        "width": 1 + (LAYERS + 1) * WIDTH,
        "digest": digest,
        "layer": "mix",
        "mixed": LAYERS + 1,
    }
    assert known.look_ahead_s == float("inf")
    with (folder / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x55")
    with pytest.raises(WeightsError, match="expected"):
        voc2vec.load()


def test_a_model_of_another_kind_or_half_of_one_is_refused(tmp_path):
    folder = published(tmp_path / "voc2vec", small("wav2vec2"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "whisper"}))
    with pytest.raises(WeightsError, match="type 'whisper'; wav2vec2 and hubert are known"):
        voc2vec.read(folder, "digest")
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 5}))
    with pytest.raises(WeightsError, match="not a whole wav2vec2: without encoder"):
        voc2vec.read(folder, "digest")


def test_a_layer_that_is_not_there_is_refused(folder):
    with pytest.raises(BackendError, match=r"features\.layer: 9; this voc2vec has 0 to 3, and mix"):
        voc2vec.read(folder, "digest").at(9)


def test_without_the_package_it_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "config.json").write_text('{"model_type": "hubert"}')
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(BackendError, match="uv pip install transformers"):
        voc2vec.read(tmp_path, "digest")


def test_without_weights_it_says_what_to_lock():
    with pytest.raises(WeightsError, match=r"weights\.lock: no 'voc2vec'"):
        features.load("voc2vec")


def test_the_generator_learns_shares_of_layers():
    torch.manual_seed(0)
    model = Denoiser(Layout(1 + 3 * 5, 2, mixed=3), Network(layers=1, width=16, heads=2))
    audio = torch.randn(1, 4, 16)
    assert model.mix is not None
    model.mix.data = torch.tensor([0.0, 50.0, 0.0])
    torch.testing.assert_close(model._mixed(audio)[..., 1:], audio[..., 6:11])
    torch.testing.assert_close(model._mixed(audio)[..., 0], audio[..., 0])
    sound = model.embedded(audio, torch.ones(1, dtype=torch.bool))
    model.attended(sound, rotation(torch.arange(4), model.head))[0].value.sum().backward()
    assert model.mix.grad is not None
