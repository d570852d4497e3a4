"""Download: what can be had of the catalogue, brought into one form."""

from functools import partial

from pipeline.dataset.overriding import forget
from pipeline.nursery import catalogue
from pipeline.sources.download import run
from stages.entry import main

if __name__ == "__main__":
    main("download", partial(run, nursery=catalogue, overruled=forget))
