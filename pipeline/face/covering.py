"""What covers a face, from its colours and edges: a pacifier, a bottle, a blanket, a hand.

Two cues that err apart are weighed together. Rules about colour (`colours`) hold for any face, and
are fooled by a bottle's teat or pale lips. A small network learned from faces unlike any that was
rendered, with everything laid over them (`models/visibility`); it is not fooled by these.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.core.full_floats import full_floats
from pipeline.core.restoring import restored
from pipeline.face import colours, cover_features, cover_grid
from pipeline.face.mesh import POINTS

if TYPE_CHECKING:
    from pipeline.face.cover_network import CoverNetwork

Floats = NDArray[np.float32]

WEIGHTS = "visibility"
RULES_COUNT = np.float32(0.5)
"""What rules say counts so much, and what the network says the rest."""
BARE = 0.15
"""Mean over the face of what rules say up to which its barest frames are taken for bare."""
BLOCK = 64
"""Frames worked on at once, on cores: with more, layers find nothing in the caches any more."""
BLOCK_ON_GPU = 512
"""And on a GPU, where the network takes 0.4 GB for them."""
FEW = 16
"""Frames that are looked at twice."""
EVERY = 4
"""Frames from one that the network looks at to the next: covers come in a tenth of a second."""


def hidden(swatches: NDArray[np.uint8], usable: NDArray[np.bool_], device: str = "cpu") -> Floats:
    """How likely each landmark is covered, (F, 478) in [0, 1].

    Args:
        swatches: (F, 852, 4) of one track, in the order of frames.
        usable: (F, 852) whether a swatch is skin in the picture that the head itself does not hide.
        device: where the network runs.
    """
    if not len(swatches):
        return np.zeros((0, POINTS), np.float32)
    by_rules = colours.foreign(swatches, usable)
    by_network = set_off(learned(swatches, usable, by_rules, device), by_rules)
    # Where no patch of skin is near enough to tell, rules say nothing.
    rules_or_network = np.where(np.isnan(by_rules), by_network, by_rules)
    return by_network + RULES_COUNT * (rules_or_network - by_network)


def set_off(by_network: Floats, by_rules: Floats) -> Floats:
    """What the network says (F, 478) beyond what it says of the face where that is bare.

    A cover comes or goes, or is foreign to the rules as well; what the network finds odd in the
    barest frames of a track, and the rules do not, is a face unlike those that it learned from.
    """
    rules = np.nan_to_num(by_rules)
    barest = cover_features.barest(by_network.mean(axis=1) + rules.mean(axis=1))
    usual = np.median(rules[barest], axis=0)
    if usual.mean() > BARE:
        return by_network
    odd = np.median(by_network[barest], axis=0) * (1.0 - usual)
    return np.clip((by_network - odd) / (1.0 - odd + np.float32(1e-3)), 0.0, 1.0)


def learned(
    swatches: NDArray[np.uint8], usable: NDArray[np.bool_], by_rules: Floats, device: str = "cpu"
) -> Floats:
    """What the network says, in blocks of frames, so that memory does not grow with the track.

    It is shown what the face looks like where rules suspect the least, and then once more where
    both do.
    """
    which = cover_features.sample(len(swatches))
    looks, there = cover_features.look(swatches[which]), usable[which]
    suspicion = np.nan_to_num(by_rules[which]).mean(axis=1)
    bare = cover_features.barest(suspicion)
    usual = cover_features.usual(looks[bare], there[bare])
    few = cover_features.sample(len(which), FEW)
    shown = cover_features.features(looks[few], there[few], *usual)
    first = cover_grid.pick(_cells(shown, device))
    bare = few[cover_features.barest(suspicion[few] + first.mean(axis=1))]
    usual = cover_features.usual(looks[bare], there[bare])
    at = np.unique(np.append(np.arange(0, len(swatches), EVERY), len(swatches) - 1))
    parts, at_once = [], BLOCK if device == "cpu" else BLOCK_ON_GPU
    for start in range(0, len(at), at_once):
        block = at[start : start + at_once]
        looks = cover_features.look(swatches[block])
        shown = cover_features.features(looks, usable[block], *usual)
        parts.append(cover_grid.pick(_cells(shown, device)))
    return _between(np.concatenate(parts), at, len(swatches))


def _between(values: Floats, at: NDArray[np.int64], frames: int) -> Floats:
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
