"""Rendered infants that the real landmarker looks at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline import media
from pipeline.face.backends import LANDMARKERS, Landmarker
from pipeline.face.measure import Measured, follow
from pipeline.face.params import Landmarks
from pipeline.morph import model as morph
from pipeline.morph import render
from pipeline.morph.appearance import Appearance

Picture = NDArray[np.uint8]
SIZE = (320, 320)
WALL = (118, 132, 140)


class Studio:
    """Draws one infant."""

    def __init__(self) -> None:
        self.model = morph.load()
        self.painter = render.Painter(self.model)

    def picture(
        self,
        yaw_deg: float = 0.0,
        pitch_deg: float = 0.0,
        roll_deg: float = 0.0,
        jaw: float = 0.0,
        filling: float = 0.6,
        looks: Appearance | None = None,
    ) -> Picture:
        """One frame; `jaw` 1 is wide open."""
        expression = self.model.action_vector({"jaw_drop": jaw})
        head = self.model.shape(expression=expression)
        pose = (yaw_deg, pitch_deg, roll_deg)
        camera = render.Camera.facing(SIZE, pose, filling=filling)
        return self.painter.draw(head, camera, looks or Appearance()).over(WALL)


@pytest.fixture(scope="session")
def studio() -> Studio:
    return Studio()


@pytest.fixture(scope="session")
def landmarker() -> Landmarker:
    return LANDMARKERS.load("mediapipe")


@pytest.fixture(scope="session")
def see(landmarker: Landmarker) -> Callable[[list[Picture]], Measured]:
    """Measure pictures that follow one another."""
    return lambda pictures: follow(pictures, landmarker, Landmarks())


@pytest.fixture(scope="session")
def babbling(studio: Studio) -> list[Picture]:
    """24 frames of an infant whose jaw moves, slightly turning its head."""
    phase = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    return [studio.picture(yaw_deg=6 * np.sin(t), jaw=0.45 * (1 - np.cos(3 * t))) for t in phase]


@pytest.fixture(scope="session")
def seen_babbling(see: Callable[[list[Picture]], Measured], babbling: list[Picture]) -> Measured:
    return see(babbling)


def write_video(path: Path, pictures: list[Picture]) -> Path:
    """A video of pictures, as the normalised copy of a clip would be."""
    height, width = pictures[0].shape[:2]
    with media.VideoWriter(path, width, height, fps=30) as video:
        for picture in pictures:
            video.write(picture)
    return path
