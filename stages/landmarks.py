"""Landmarks: a face in every frame, which way it looks and what of it can be seen."""

from pipeline.face.landmarks import run
from stages.entry import main

if __name__ == "__main__":
    main("landmarks", run)
