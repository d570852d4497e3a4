"""Detectors that go from clip to clip: to make one costs as much as several pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from pipeline.face.backends import Picture

KEPT = 2
"""So many wait for the next clip; babies who roll over take more for a while."""

Found = TypeVar("Found")


class Detector(Protocol[Found]):
    """What finds something in the pictures of one clip."""

    def detect(self, picture: Picture) -> list[Found]:
        """What is in an RGB picture, (H, W, 3)."""

    def reset(self) -> None:
        """Forget what was followed."""

    def close(self) -> None:
        """Give back what it holds; it must not be used any more."""


class Warm(Generic[Found]):
    """Detectors of one kind, lent to one clip at a time.

    Args:
        make: makes one.
    """

    def __init__(self, make: Callable[[], Detector[Found]]) -> None:
        self._make = make
        self._idle: list[Detector[Found]] = []

    def lend(self) -> Lent[Found]:
        """One that follows nothing; closing it brings it back."""
        return Lent(self._idle.pop() if self._idle else self._make(), self._take_back)

    def _take_back(self, detector: Detector[Found]) -> None:
        if len(self._idle) == KEPT:
            detector.close()
            return
        detector.reset()
        self._idle.append(detector)


class Lent(Generic[Found]):
    """A detector for one clip."""

    def __init__(
        self, detector: Detector[Found], give_back: Callable[[Detector[Found]], None]
    ) -> None:
        self._detector = detector
        self._give_back = give_back

    def detect(self, picture: Picture) -> list[Found]:
        """What is in an RGB picture, (H, W, 3)."""
        return self._detector.detect(picture)

    def reset(self) -> None:
        """Forget what was followed."""
        self._detector.reset()

    def close(self) -> None:
        """Let another clip have it."""
        self._give_back(self._detector)
