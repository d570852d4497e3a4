"""Clips one by one beside several at a time, through each network, on whatever device there is.

On a core a batch costs more than its clips, for want of cache, and none is made of them in a run;
what it is worth on a GPU is told by running this where there is one. Memory is that of the device,
at its highest, which the shares of `Needs` go by.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from pipeline.core.backends import pick_device
from pipeline.core.full_floats import full_floats
from pipeline.face import covering
from pipeline.face.swatches import SWATCHES
from pipeline.generator.voc2vec import Voc2vec
from pipeline.voice.backends import RATE, SEPARATORS, VOICES, Voices, Wave
from tests.bench._figures import Figure
from tests.voice.mixing import mixture

Arrays = Sequence[np.ndarray]

_SPANS_S = (5.0, 3.7, 8.2, 2.4, 6.1)
_KINDS = (("cry", "adult"), ("laugh", "music"), ("babble", "noise"))
_CLOSE = {"stem": 1e-5, "voice": 1e-5, "features (voc2vec)": 1e-4}
"""What a clip in company may differ by from itself alone, at most: states of a transformer are of
tens, and their sums longer."""


def figures(device: str, clips: int, frames: int) -> Iterator[Figure]:
    """Of so many clips of sound, and frames of a face, on a device (`auto`: a GPU if there is)."""
    device = pick_device(device)
    sounds = _sounds(clips)
    span_s = sum(map(len, sounds)) / RATE
    separator: Any = SEPARATORS.load("embedded", device)
    stems = separator.stems(sounds)
    tracker: Any = VOICES.load("embedded", device)
    encoder = _encoder(device)
    pairs = list(zip(sounds, stems, strict=True))
    ways: dict[str, tuple[Callable[[], Arrays], Callable[[], Arrays]]] = {
        "stem": (
            lambda: [separator.separate(sound, RATE)[0] for sound in sounds],
            lambda: separator.stems(sounds),
        ),
        "voice": (
            lambda: _scores([tracker.voices(*pair, {}) for pair in pairs]),
            lambda: _scores(tracker.voices_of(sounds, stems, {})),
        ),
    }
    if encoder is None:
        why = "transformers is not installed here"
        yield Figure.missing(
            "features (voc2vec), together: apart by at most", _CLOSE, "<=", "", why
        )
    else:
        ways["features (voc2vec)"] = (
            lambda: [encoder.encode(sound) for sound in sounds],
            lambda: encoder.encode_all(sounds),
        )
    for name, (alone, together) in ways.items():
        yield from _compared(name, device, span_s, alone, together)
    yield from _seen(device, frames)


def _compared(
    name: str,
    device: str,
    span_s: float,
    alone: Callable[[], Arrays],
    together: Callable[[], Arrays],
) -> Iterator[Figure]:
    """The same sounds of `span_s` in all, both ways."""
    (ours, many_s, bytes_), (theirs, one_s, _) = (_timed(way, device) for way in (together, alone))
    apart = max(float(np.abs(a - b).max()) for a, b in zip(ours, theirs, strict=True) if a.size)
    unit = "s of sound/s"
    where = torch.cuda.get_device_name() if device.startswith("cuda") else device
    yield Figure(f"{name}, one by one", span_s / one_s, unit=unit, note=where)
    yield Figure(f"{name}, together", span_s / many_s, unit=unit, note=_memory(bytes_))
    yield Figure(f"{name}, together: times as fast", one_s / many_s)
    yield Figure(f"{name}, together: apart by at most", apart, _CLOSE[name], "<=")


def _seen(device: str, frames: int) -> Iterator[Figure]:
    """What covers a face, on a core and there: frames of which the network sees one of four."""
    rng = np.random.default_rng(0)
    swatches = rng.integers(60, 200, (frames, SWATCHES, 4), dtype=np.uint8)
    there = np.ones((frames, SWATCHES), bool)
    shown = rng.standard_normal((frames // covering.EVERY, *_grid()), np.float32)

    def whole(where: str) -> Arrays:
        return [covering.hidden(swatches, there, where)]

    def network(where: str) -> Arrays:
        at_once = covering.BLOCK if where == "cpu" else covering.BLOCK_ON_GPU
        starts = range(0, len(shown), at_once)
        return [covering._cells(shown[at : at + at_once], where) for at in starts]

    for name, way in (("covers", whole), ("covers, the network alone", network)):
        for where in dict.fromkeys(("cpu", device)):
            _, spent_s, bytes_ = _timed(partial(way, where), where)
            told = _memory(bytes_)
            yield Figure(f"{name}, {where}", frames / spent_s, unit="frames/s", note=told)


def _timed(way: Callable[[], Arrays], device: str) -> tuple[Arrays, float, int]:
    """What it gives, in how many seconds once it is warm, and in how many bytes of a GPU."""
    way()
    if not device.startswith("cuda"):
        began = time.process_time()
        return way(), time.process_time() - began, 0
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    began = time.perf_counter()
    found = way()
    torch.cuda.synchronize(device)
    return found, time.perf_counter() - began, torch.cuda.max_memory_allocated(device)


def _memory(bytes_: int) -> str:
    return f"{bytes_ / 1e9:.2f} GB of it" if bytes_ else ""


def _grid() -> tuple[int, int, int]:
    return covering.cover_features.CHANNELS, covering.cover_grid.HEIGHT, covering.cover_grid.WIDTH


def _sounds(clips: int) -> list[Wave]:
    ways = itertools.islice(itertools.cycle(itertools.product(_KINDS, _SPANS_S)), clips)
    return [
        mixture(kind, beside, seed, span_s=span_s)[0]
        for seed, ((kind, beside), span_s) in enumerate(ways)
    ]


def _scores(voices: Sequence[Voices]) -> Arrays:
    return [np.stack([one.infant, one.adult, one.other]) for one in voices]


def _encoder(device: str) -> Voc2vec | None:
    """A network of voc2vec's size, untaught: the weights are not Cradle's to ship."""
    try:
        from transformers import Wav2Vec2Config, Wav2Vec2Model
    except ImportError:
        return None
    full_floats()
    torch.manual_seed(0)
    model = Wav2Vec2Model(Wav2Vec2Config()).to(device).eval().requires_grad_(False)
    return Voc2vec(model, normalised=True, digest="untaught")
