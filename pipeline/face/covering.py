"""What covers a face, from its colours and edges: a pacifier, a bottle, a blanket, a hand.

Two cues that err apart are weighed together. A small network learned it from synthetic faces, from
people whose skin was photographed and from faces unlike any, with everything laid over them
(`models/visibility`). Rules about colour (`colours`) hold for faces that it did not learn from, and
are fooled by a bottle's teat or pale lips.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.core.full_floats import full_floats
from pipeline.core.restoring import restored
from pipeline.face import changes, colours, cover_features, cover_grid
from pipeline.face.changes import Changes
from pipeline.face.mesh import POINTS

if TYPE_CHECKING:
    from pipeline.face.cover_network import CoverNetwork

Floats = NDArray[np.float32]
Frames = NDArray[np.int64]

WEIGHTS = "visibility"
RULES_COUNT = np.float32(0.25)
"""What rules say counts so much, and what the network says the rest."""
_SAID = (0.0, 0.05, 0.15, 0.25, 0.35, 0.55, 0.8, 1.0)
_IS = (0.0, 0.007, 0.05, 0.14, 0.28, 0.58, 0.85, 0.95)
"""What both say of a landmark, and how often it is covered then, where choices were made."""
BLOCK = 64
"""Frames worked on at once, on cores: with more, layers find nothing in the caches any more."""
BLOCK_ON_GPU = 512
"""And on a GPU, where the network takes 0.4 GB for them."""
FEW = 8
"""Frames of which the barest say what the face looks like."""
DRAWN = 0.03
"""Spread of light over a face up to which it is drawn: those that were filmed have .08 and more."""
EVERY = 4
"""Frames from one that the network may look at to the next."""
SELDOM = 4
"""Of those it looks at one in so many at least, and at each to which the colours have changed."""
RECOLOURED = Changes(colour=0.05, light=0.2, share=0.02)
"""Since it last looked; chosen where choices were made, see models/visibility/README.md."""
DIFFERS = 0.06
"""Of two frames, the mean difference over landmarks from which on it looks at all between."""


@dataclass(frozen=True)
class _Track:
    """One face through its frames, and what it usually looks like."""

    swatches: NDArray[np.uint8]
    usable: NDArray[np.bool_]
    device: str
    usual: tuple[Floats, Floats]
    """See `cover_features.usual`."""
    skin: Floats
    """See `colours.skin`."""


def hidden(swatches: NDArray[np.uint8], usable: NDArray[np.bool_], device: str = "cpu") -> Floats:
    """How likely each landmark is covered, (F, 478) in [0, 1]; all of a face that is drawn.

    Works in blocks of frames, so that memory does not grow with the track.

    Args:
        swatches: (F, 852, 4) of one track, in the order of frames.
        usable: (F, 852) whether a swatch is skin in the picture that the head itself does not hide.
        device: where the network runs.
    """
    if not len(swatches):
        return np.zeros((0, POINTS), np.float32)
    usual, skin = _usual(swatches, usable, device)
    track = _Track(swatches, usable, device, usual, skin)
    at = _due(swatches)
    by_network, said = _looked_at(at, track)
    for step in (EVERY, 1):
        more = _where_it_changes(by_network, at, step)
        seen, told = _looked_at(more, track)
        order = np.argsort(np.concatenate([at, more]))
        at = np.concatenate([at, more])[order]
        by_network = np.concatenate([by_network, seen])[order]
        said = np.concatenate([said, told])[order]
    said = _between(said, at, len(swatches))
    return np.interp(said, _SAID, _IS).astype(np.float32)


def _due(swatches: NDArray[np.uint8]) -> Frames:
    """The frames that are looked at first: those to which colours have changed, and some others."""
    at = np.unique(np.append(np.arange(0, len(swatches), EVERY), len(swatches) - 1))
    last, due = changes.parts(swatches[:1])[0], [0]
    for start in range(1, len(at), BLOCK):
        for place, here in enumerate(changes.parts(swatches[at[start : start + BLOCK]]), start):
            if place - due[-1] >= SELDOM or RECOLOURED.between(last, here):
                last = here
                due.append(place)
    return at[np.unique([*due, len(at) - 1])]


def _where_it_changes(covered: Floats, at: Frames, step: int) -> Frames:
    """Each `step`th of the frames between those of `at` (N,) where `covered` changes to the next.

    A cover comes and goes in a tenth of a second, and what is drawn through its frames is wrong.
    """
    where = np.flatnonzero(np.abs(np.diff(covered, axis=0)).mean(axis=1) > DIFFERS)
    return np.concatenate([at[:0], *(np.arange(at[n] + step, at[n + 1], step) for n in where)])


def _looked_at(at: Frames, track: _Track) -> tuple[Floats, Floats]:
    """Of some frames what the network says, and what it and the rules say, (N, 478) each."""
    by_network = said = np.zeros((0, POINTS), np.float32)
    at_once = BLOCK if track.device == "cpu" else BLOCK_ON_GPU
    for start in range(0, len(at), at_once):
        some = at[start : start + at_once]
        swatches, usable = track.swatches[some], track.usable[some]
        learned = _by_network(swatches, usable, track)
        # Where no patch of skin is near enough to tell, rules say nothing.
        more = np.nan_to_num(colours.foreign(swatches, usable, track.skin) - learned)
        by_network = np.concatenate([by_network, learned])
        said = np.concatenate([said, learned + RULES_COUNT * more])
    return by_network, said


def _by_network(swatches: NDArray[np.uint8], usable: NDArray[np.bool_], track: _Track) -> Floats:
    """What the network says of frames, and all of a face that is drawn: that has the same colour
    everywhere, and none of what the network is shown would tell."""
    looks = cover_features.look(swatches)
    shown = cover_features.features(looks, usable, *track.usual)
    covered = cover_grid.pick(_cells(shown, track.device))
    covered[cover_features.shading(looks, usable) < DRAWN] = 1.0
    return covered


def _usual(
    swatches: NDArray[np.uint8], usable: NDArray[np.bool_], device: str
) -> tuple[tuple[Floats, Floats], Floats]:
    """What the face usually looks like, and its skin, of frames spread over the track.

    The former of those in which the network sees the least on it: for that it is shown some beside
    what the face looks like in the middle of all.
    """
    which = cover_features.sample(len(swatches))
    swatches, usable = swatches[which], usable[which]
    looks = cover_features.look(swatches)
    few = cover_features.sample(len(which), FEW)
    middle = cover_features.usual(looks, usable)
    shown = cover_features.features(looks[few], usable[few], *middle)
    covered = cover_grid.pick(_cells(shown, device))
    bare = few[cover_features.barest(covered.mean(axis=1))]
    return cover_features.usual(looks[bare], usable[bare]), colours.skin(swatches, usable)


def _between(values: Floats, at: Frames, frames: int) -> Floats:
    """Values (N, 478) of the frames `at` (N,), drawn in straight lines through all frames."""
    place = np.interp(np.arange(frames), at, np.arange(len(at)))
    low = place.astype(np.int64)
    share = (place - low)[:, None].astype(np.float32)
    return values[low] + share * (values[np.minimum(low + 1, len(at) - 1)] - values[low])


def _cells(features: Floats, device: str) -> Floats:
    """How likely each cell of the grid is covered, (F, HEIGHT, WIDTH)."""
    import torch

    with torch.inference_mode():
        shown = torch.from_numpy(features).to(device).contiguous(memory_format=torch.channels_last)
        logits = network(device)(shown)
        return np.asarray(torch.sigmoid(logits).cpu().numpy(), np.float32)


@cache
def network(device: str) -> CoverNetwork:
    """The network, once a process and device.

    Raises:
        WeightsError: the weights are missing, or others than models/weights.lock says.
    """
    import torch

    from pipeline.face.cover_network import CoverNetwork

    # Sums differ in the last bit with the number of threads; measurements must not.
    torch.set_num_threads(1)
    full_floats()
    # So few channels over so small a picture are summed a third faster one pixel after another.
    told = restored(CoverNetwork(), WEIGHTS).to(device)
    for weight in told.parameters():
        if weight.dim() == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    return told
