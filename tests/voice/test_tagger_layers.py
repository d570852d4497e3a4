"""The tagger's inner layers: the same wherever a sound is cut, and however loud it is."""

import numpy as np
import pytest
import torch

from pipeline.voice import tagger_layers
from pipeline.voice.separation_spectra import analyse, levels
from pipeline.voice.tagger_layers import GRID, REACH, READ, TaggerLayers
from tests.voice.mixing import RATE, mixture

MARGIN = -(-(REACH + 2 * RATE) // GRID) * GRID
"""What decides on a step, and the loudness around that."""


@pytest.fixture(scope="module")
def layers() -> TaggerLayers:
    """Those that ship."""
    return tagger_layers.load("cpu")


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    """Quite long."""
    return mixture("cry", "television", 5, span_s=14.0)[0]


def read(layers: TaggerLayers, wave: np.ndarray) -> list[np.ndarray]:
    with torch.inference_mode():
        sound = torch.from_numpy(wave)[None]
        return [it[0].numpy() for it in layers(sound, levels(analyse(sound)))]


def test_a_step_is_as_wide_as_the_layer_says(layers: TaggerLayers, sound: np.ndarray) -> None:
    for layer, rows in zip(READ, read(layers, sound), strict=True):
        assert rows.shape[1] == layer.width
        assert len(rows) * layer.stride * 160 > len(sound)


def test_how_loud_a_sound_was_recorded_does_not_matter(
    layers: TaggerLayers, sound: np.ndarray
) -> None:
    for loud, quiet in zip(read(layers, sound), read(layers, sound * 0.1), strict=True):
        assert np.allclose(loud, quiet, atol=2e-2 * loud.max())


def test_a_sound_that_is_cut_on_the_grid_is_heard_by_the_same_patches(
    layers: TaggerLayers, sound: np.ndarray
) -> None:
    start = 2 * MARGIN
    assert start + RATE < len(sound)
    whole, part = read(layers, sound), read(layers, sound[start - MARGIN :])
    for layer, rows, cut in zip(READ, whole, part, strict=True):
        first, margin = (n // (layer.stride * 160) for n in (start, MARGIN))
        assert np.allclose(
            rows[first : len(cut)], cut[margin:][: len(rows[first : len(cut)])], atol=1e-3
        )


def test_what_is_said_is_read_where_it_was_heard() -> None:
    for layer in READ:
        rows = torch.arange(20.0)[None, :, None]
        middle = (layer.stride - 1) * 160 + 200
        places = torch.tensor([0.0, middle, middle + 1.5 * layer.stride * 160, 1e9])
        assert layer.between(rows, places)[0, :, 0].tolist() == pytest.approx([0, 0, 1.5, 19])
