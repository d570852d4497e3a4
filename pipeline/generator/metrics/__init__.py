"""How far a predicted face is from the true one, by every convention that papers use.

    lips          LVE by its published conventions, mean vertex error
    aperture      time warping of the mouth's aperture, mouth closed
    correlation   L-PCC, L-CCC
    dynamics      FDD signed and absolute, spread of motion in the upper and the lower face, jerk
    rhythm        beat alignment, events a second
    samples       diversity, best and mean of several samples of one sound
    judge         all of one span, and of many together
    statistics    intervals over sources, paired differences, seeds apart from sources

Arrays are numpy, vertices (T, V, 3) in mm, valid frames alone.
"""

from pipeline.generator.metrics.aperture import aperture, aperture_dtw, closed_counts, f1
from pipeline.generator.metrics.correlation import correlations, series
from pipeline.generator.metrics.dynamics import dynamics, jerk, spread
from pipeline.generator.metrics.judge import (
    COUNTED,
    DESCRIBED,
    HIGHER_IS_BETTER,
    LOWER_IS_BETTER,
    judge,
    overall,
)
from pipeline.generator.metrics.lips import CONVENTIONS, lip_errors, mean_vertex_error, squared_lve
from pipeline.generator.metrics.regions import Regions, regions
from pipeline.generator.metrics.samples import diversity, judge_samples
from pipeline.generator.metrics.statistics import holm, interval, sign_flip, spreads

__all__ = [
    "CONVENTIONS",
    "COUNTED",
    "DESCRIBED",
    "HIGHER_IS_BETTER",
    "LOWER_IS_BETTER",
    "Regions",
    "aperture",
    "aperture_dtw",
    "closed_counts",
    "correlations",
    "diversity",
    "dynamics",
    "f1",
    "holm",
    "interval",
    "jerk",
    "judge",
    "judge_samples",
    "lip_errors",
    "mean_vertex_error",
    "overall",
    "regions",
    "series",
    "sign_flip",
    "spread",
    "spreads",
    "squared_lve",
]
