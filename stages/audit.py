"""Audit: one page that shows why everything was kept or dropped."""

from functools import partial

from pipeline.audit.report import run
from pipeline.nursery.known import of_frames
from stages.entry import main

if __name__ == "__main__":
    main("audit", partial(run, known=of_frames))
