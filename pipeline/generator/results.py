"""Rows of metrics put together: figures of each method, and how surely one is better."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from pipeline.generator import metrics
from pipeline.generator.judge import OURS, OWN

COMPARED = (*metrics.LOWER_IS_BETTER, *metrics.HIGHER_IS_BETTER)
DECIDING = ("lve_mm2", "aperture_dtw_mm", "l_pcc", "l_ccc")
"""Metrics whose p values are corrected for one another and for the number of rivals."""

OF_SAMPLES = (
    "diversity_mm",
    "lve_mean_mm2",
    "lve_best_mm2",
    "lve_of_mean_mm2",
    "aperture_pcc_best",
    "aperture_pcc_mean",
    "aperture_ccc_best",
    "aperture_ccc_mean",
)


def summarise(
    table: pd.DataFrame, samples: pd.DataFrame, judged: int, methods: Sequence[str]
) -> dict[str, Any]:
    """Put the rows together: the metrics of each method, mean over seeds, and who wins how often.

    `seeds_better_than_X` counts the seeds for which ours beats X on both LVE and L-CCC.
    """
    figures: dict[str, Any] = {"spans": judged}
    if table.empty:
        return figures
    by_seed = dict(_by_seed(table))
    for method in methods:
        found = [value for (name, _), value in by_seed.items() if name == method]
        figures[method] = {
            name: float(np.mean([value[name] for value in found if name in value]))
            for name in dict.fromkeys(name for value in found for name in value)
        }
    figures[OURS] |= of_samples(samples)
    seeds = sorted({seed for name, seed in by_seed if name == OURS})
    figures |= {
        "clips": int(table["clip"].nunique()),
        "sources": int(table["source"].nunique()),
        "seeds": len(seeds),
    }
    for other in rivals(methods):
        # What draws nothing has one seed alone.
        alone = next(seed for name, seed in by_seed if name == other)
        rival = {seed: by_seed.get((other, seed), by_seed[other, alone]) for seed in seeds}
        figures[f"seeds_better_than_{other}"] = sum(
            _better(by_seed[OURS, seed], rival[seed]) for seed in seeds
        )
    return figures


def of_samples(samples: pd.DataFrame) -> dict[str, float]:
    """Put the samples' metrics together, by frame."""
    if samples.empty:
        return {}
    means = {
        name: float(np.average(samples[name], weights=samples["frames"])) for name in OF_SAMPLES
    }
    return {"samples": int(samples["samples"].iloc[0]), **means}


def _by_seed(table: pd.DataFrame) -> Iterator[tuple[tuple[str, int], dict[str, float]]]:
    for method, of_method in table.groupby("method", sort=True):
        for seed, rows in of_method.groupby("seed", sort=True):
            records = [{str(k): v for k, v in row.items()} for row in rows.to_dict("records")]
            yield (str(method), int(str(seed))), metrics.overall(records)


def _better(ours: dict[str, float], other: dict[str, float]) -> bool:
    return ours["lve_mm2"] < other["lve_mm2"] and ours["l_ccc"] > other["l_ccc"]


def rivals(methods: Sequence[str]) -> list[str]:
    """Those of the methods that are held against ours."""
    return [name for name in methods if name not in OWN]


def margins(table: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    """How much better each of ours (`OWN`) is than each rival: mean over sources, 95% intervals.

    Seeds and clips are averaged within a source; a gain is positive where ours is better. `p` is of
    flipped signs, `p_holm` the same corrected over all of ours, all rivals and the metrics that
    decide; the metrics that do not have none.
    """
    columns = ["own", "than", "metric", "gain", "low", "high", "p", "p_holm", "sources"]
    rows = []
    own_ones = [name for name in methods if name in OWN]
    for own, than, name in product(own_ones, rivals(methods) if len(table) else (), COMPARED):
        gains = paired(table, own, than, name)
        low, high = metrics.interval(gains)
        values = list(gains.values())
        p = metrics.sign_flip(values)
        rows.append((own, than, name, float(np.mean(values)), low, high, p, np.nan, len(values)))
    found = pd.DataFrame(rows, columns=columns)
    deciding = found["metric"].isin(DECIDING)
    found.loc[deciding, "p_holm"] = metrics.holm(found.loc[deciding, "p"].tolist())
    return found


def paired(table: pd.DataFrame, own: str, other: str, name: str) -> dict[str, float]:
    """How much better one method is than another, source by source."""
    means = table.groupby(["method", "source"])[name].mean()
    gain = means[own] - means[other]
    if name in metrics.LOWER_IS_BETTER:
        gain = -gain
    return {str(source): float(value) for source, value in gain.items()}


def by_vocalization(table: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    """Every metric of each method by what is heard, all seeds together."""
    rows = []
    for method in methods if len(table) else ():
        of_method = table[table["method"] == method]
        for kind, group in of_method.groupby("vocalization", sort=True):
            records = [{str(k): v for k, v in row.items()} for row in group.to_dict("records")]
            spans = int(group["span_id"].nunique())
            told = {"vocalization": kind, "method": method, "spans": spans}
            rows.append(told | metrics.overall(records))
    names = (*COMPARED, *metrics.COUNTED, *metrics.DESCRIBED)
    return pd.DataFrame(rows, columns=["vocalization", "method", "spans", *names])


def certainty(table: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    """Each method's metrics with 95% intervals over sources, and how far seeds and sources spread.

    Means are over sources, so that a child with many clips counts as one.
    """
    columns = ["method", "metric", "mean", "low", "high", "seed_spread", "source_spread"]
    rows = []
    for method in methods if len(table) else ():
        of_method = table[table["method"] == method]
        for name in COMPARED:
            cells = of_method.groupby(["seed", "source"], as_index=False)[name].mean()
            values = {
                (int(seed), str(source)): float(value)
                for seed, source, value in zip(
                    cells["seed"], cells["source"], cells[name], strict=True
                )
            }
            by_source = of_method.groupby("source")[name].mean()
            low, high = metrics.interval({str(k): float(v) for k, v in by_source.items()})
            rows.append((method, name, by_source.mean(), low, high, *metrics.spreads(values)))
    return pd.DataFrame(rows, columns=columns)
