"""Audit: one page that shows why everything was kept or dropped."""

from pipeline.audit.report import run
from stages.entry import main

if __name__ == "__main__":
    main("audit", run)
