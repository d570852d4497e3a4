"""Runs mediapipe's graphs at less cost than its solutions do, with the same results.

A solution makes a new class for each picture, has two threads hand its calculators to and fro, and
loads its models again to forget what it followed. Here a graph runs in the thread that asks, and
forgets by being shown nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import mediapipe
import numpy as np
from mediapipe.framework import calculator_pb2
from mediapipe.framework.formats.landmark_pb2 import NormalizedLandmarkList
from mediapipe.python import CalculatorGraph, ValidatedGraphConfig, packet_getter, resource_util
from mediapipe.python.solution_base import SolutionBase
from numpy.typing import NDArray

from pipeline.face.backends import Picture

FRAME_US = 33_333
"""From one picture to the next; graphs ask for rising times, and go by nothing else of them."""
NOTHING = np.zeros((64, 64, 3), np.uint8)
_WHEEL = Path(mediapipe.__file__).parents[1]
_IN_ONE_THREAD = "ApplicationThreadExecutor"
_POINT_BYTES = 17
"""One landmark as protobuf writes it: which field, how long it is, and three floats, each after a
tag."""
_FIELD, _TAGS = 0x0F0A, np.array([0x0D, 0x15, 0x1D], np.uint8)
_FIRST_TAG, _NEXT_TAG = 2, 5


class Graph(SolutionBase):
    """One graph of mediapipe's wheel, fed with RGB pictures (H, W, 3).

    Args:
        path: within the wheel.
        outputs: the streams that `run` gives; in the first is what a graph that follows follows.
        told: side packets by name.
        options: of its calculators, by `node.field`.
    """

    def __init__(
        self,
        path: str,
        outputs: Sequence[str],
        told: Mapping[str, Any],
        options: Mapping[str, Any],
    ) -> None:
        resource_util.set_resource_dir(str(_WHEEL))
        whole = ValidatedGraphConfig()
        whole.initialize(graph_config=_config(path))
        config = self._initialize_graph_interface(whole, told, list(outputs))
        self._modify_calculator_options(config, options)
        self._graph = CalculatorGraph(graph_config=config)
        self._graph_outputs: dict[str, Any] = {}
        for name in outputs:
            # Not a function of Python: in one the time limit of a clip could raise, within the run.
            self._graph.observe_output_stream(name, self._graph_outputs.__setitem__, False)
        self._input_side_packets = {
            name: self._make_packet(self._side_input_type_info[name], value)
            for name, value in told.items()
        }
        self._simulated_timestamp = 0
        self._remembers, self._interrupted = False, False
        self._graph.start_run(self._input_side_packets)

    def run(self, picture: Picture) -> list[list[bytes]]:
        """Messages of each output stream for one picture, as protobuf writes them."""
        if self._interrupted:
            self.reset()
        # A time limit may end this at any line.
        self._remembers = self._interrupted = True
        self._graph_outputs.clear()
        self._simulated_timestamp += FRAME_US
        ((stream, kind),) = self._input_stream_type_info.items()
        packet = self._make_packet(kind, np.ascontiguousarray(picture))
        self._graph.add_packet_to_input_stream(stream, packet.at(self._simulated_timestamp))
        self._graph.wait_until_idle()
        self._interrupted = False
        found = [self._messages(name) for name in self._output_stream_type_info]
        self._remembers = bool(found[0])
        return found

    def forget(self) -> None:
        """Follow nothing any more."""
        if self._remembers and not self._interrupted:
            self.run(NOTHING)
        if self._remembers:
            self.reset()

    def reset(self) -> None:
        """Begin anew, models and all."""
        super().reset()
        self._remembers = self._interrupted = False

    def _messages(self, name: str) -> list[bytes]:
        packet = self._graph_outputs.get(name)
        if packet is None:
            return []
        # Its public kin makes objects of them, of which one number after the other is asked.
        found: list[bytes] = packet_getter._packet_getter._get_serialized_proto_list(packet)
        return found


@cache
def _config(path: str) -> calculator_pb2.CalculatorGraphConfig:
    """A graph of the wheel, told to run in the thread that waits for it."""
    config = calculator_pb2.CalculatorGraphConfig()
    config.ParseFromString((_WHEEL / path).read_bytes())
    del config.executor[:]
    config.executor.add().type = _IN_ONE_THREAD
    return config


def landmarks(message: bytes) -> NDArray[np.float32]:
    """What a list of landmarks says, (N, 3)."""
    count, rest = divmod(len(message), _POINT_BYTES)
    if not rest:
        steps = _POINT_BYTES, _NEXT_TAG
        fields: NDArray[np.uint16] = np.ndarray((count,), "<u2", message, 0, steps[:1])
        tags: NDArray[np.uint8] = np.ndarray((count, 3), np.uint8, message, _FIRST_TAG, steps)
        if (fields == _FIELD).all() and (tags == _TAGS).all():
            return np.ndarray((count, 3), "<f4", message, _FIRST_TAG + 1, steps).copy()
    # There is more in it than places.
    points = NormalizedLandmarkList.FromString(message).landmark
    return np.array([(point.x, point.y, point.z) for point in points], np.float32).reshape(-1, 3)
