"""What covers a face, from its colours and edges: a pacifier, a bottle, a blanket, a hand.

Two cues that err apart are averaged. Rules about colour (`colours`) hold for any face, and are
fooled by a bottle's teat or pale lips. A small network learned from synthetic faces with everything
laid over them (`models/visibility`); it is not fooled by these, and less at home on real faces.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.core.restoring import restored
from pipeline.face import colours, cover_features, cover_grid
from pipeline.face.mesh import POINTS

if TYPE_CHECKING:
    from pipeline.face.cover_network import CoverNetwork

Floats = NDArray[np.float32]

WEIGHTS = "visibility"
BLOCK = 128
"""Frames worked on at once."""


def hidden(swatches: NDArray[np.uint8], usable: NDArray[np.bool_]) -> Floats:
    """How likely each landmark is covered, (F, 478) in [0, 1].

    Args:
        swatches: (F, 852, 4) of one track, in the order of frames.
        usable: (F, 852) whether a swatch is skin in the picture that the head itself does not hide.
    """
    if not len(swatches):
        return np.zeros((0, POINTS), np.float32)
    by_network = learned(swatches, usable)
    by_rules = colours.foreign(swatches, usable)
    # Where no patch of skin is near enough to tell, rules say nothing.
    return 0.5 * (by_network + np.where(np.isnan(by_rules), by_network, by_rules))


def learned(swatches: NDArray[np.uint8], usable: NDArray[np.bool_]) -> Floats:
    """What the network says, in blocks of frames, so that memory does not grow with the track."""
    which = cover_features.sample(len(swatches))
    usual = cover_features.usual(cover_features.look(swatches[which]), usable[which])
    parts = []
    for start in range(0, len(swatches), BLOCK):
        block = slice(start, start + BLOCK)
        looks = cover_features.look(swatches[block])
        cells = _cells(cover_features.features(looks, usable[block], *usual))
        parts.append(cover_grid.pick(cells))
    return np.concatenate(parts)


def _cells(features: Floats) -> Floats:
    """How likely each cell of the grid is covered, (F, HEIGHT, WIDTH)."""
    import torch

    with torch.inference_mode():
        logits = network()(torch.from_numpy(features))
        return np.asarray(torch.sigmoid(logits).numpy(), np.float32)


@cache
def network() -> CoverNetwork:
    """The network, once a process.

    Raises:
        WeightsError: the weights are missing, or others than models/weights.lock says.
    """
    import torch

    from pipeline.face.cover_network import CoverNetwork

    # Sums differ in the last bit with the number of threads; measurements must not.
    torch.set_num_threads(1)
    return restored(CoverNetwork(), WEIGHTS)
