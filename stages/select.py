"""Select: every frame and span kept or dropped, for a named reason."""

from pipeline.dataset.select import run
from stages.entry import main

if __name__ == "__main__":
    main("select", run)
