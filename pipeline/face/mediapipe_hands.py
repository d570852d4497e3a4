"""mediapipe's light hand model, which follows up to two hands, at less cost where there is one.

mediapipe looks for palms in every picture in which it follows fewer hands than it may, and that
takes twice as long as all the joints of a hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.face.backends import Picture

if TYPE_CHECKING:
    from pipeline.face.mediapipe_graph import Graph

GRAPH = "mediapipe/modules/hand_landmark/hand_landmark_tracking_cpu.binarypb"
MIN_SCORE = 0.6
HANDS = 2
OTHER_EVERY = 4
"""Pictures from one look for another hand to the next, while one is followed."""


class MediapipeHands:
    """A `HandDetector`."""

    def __init__(self) -> None:
        self._both = _graph(HANDS)
        self._one: Graph | None = None
        self._alone = 0

    def detect(self, picture: Picture) -> list[NDArray[np.float32]]:
        """Hands in an RGB picture, each (21, 2) px."""
        if self._one is not None and self._alone % OTHER_EVERY:
            found = _hands(self._one, picture)
            self._alone = self._alone + 1 if found else 0
            if found:
                return found
        found = _hands(self._both, picture)
        self._alone = self._alone + 1 if len(found) == 1 else 0
        if self._alone == 1:
            self._begin(picture)
        return found

    def reset(self) -> None:
        """Forget what was followed."""
        self._alone = 0
        self._both.forget()

    def close(self) -> None:
        """End the graphs, as `MeshDetector.close` does."""
        self._both.close()
        if self._one is not None:
            self._one.close()

    def _begin(self, picture: Picture) -> None:
        """Follow a hand by itself from the next picture on."""
        if self._one is None:
            self._one = _graph(1)
        else:
            self._one.forget()
        _hands(self._one, picture)


def _graph(hands: int) -> Graph:
    from pipeline.face.mediapipe_graph import Graph

    return Graph(
        GRAPH,
        ["multi_hand_landmarks"],
        {"model_complexity": 0, "num_hands": hands, "use_prev_landmarks": True},
        {
            "palmdetectioncpu__TensorsToDetectionsCalculator.min_score_thresh": MIN_SCORE,
            "handlandmarkcpu__ThresholdingCalculator.threshold": MIN_SCORE,
        },
    )


def _hands(graph: Graph, picture: Picture) -> list[NDArray[np.float32]]:
    from pipeline.face.mediapipe_graph import landmarks

    (found,) = graph.run(picture)
    scale = np.array([picture.shape[1], picture.shape[0]], dtype=np.float32)
    return [landmarks(hand)[:, :2] * scale for hand in found]
