"""Synthetic clips of infants with known truth: the demo, and the yardstick of everything else."""

from pipeline.nursery.catalogue import CLIP, jobs, measure, rows, step
from pipeline.nursery.params import Nursery

__all__ = ["CLIP", "Nursery", "jobs", "measure", "rows", "step"]
