"""Fit: one identity and age a clip, one expression and pose a frame."""

from pipeline.morph.fit_stage import run
from stages.entry import main

if __name__ == "__main__":
    main("fit", run)
