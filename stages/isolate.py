"""Isolate: the infant's voice alone, and who sounds when."""

from pipeline.voice.isolate import run
from stages.entry import main

if __name__ == "__main__":
    main("isolate", run)
