"""The datasheet: the questions of "Datasheets for Datasets" (Gebru et al.), answered from facts."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipeline.core.reasons import Reason
from pipeline.dataset import rai
from pipeline.dataset.facts import Facts
from pipeline.dataset.rights import all_spdx
from pipeline.dataset.words import listed, plain, table


def text(facts: Facts) -> str:
    """Word the datasheet."""
    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        # The page is Markdown; whatever strangers wrote goes through `plain`.
        autoescape=False,  # noqa: S701
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    pages.filters["plain"] = plain
    page = pages.get_template("datasheet.md.j2")
    return page.render(
        facts=facts,
        release=facts.release,
        rai=rai.answers(facts),
        consents=listed(rai.consents(facts)),
        licences=", ".join(all_spdx(facts.sources["licence"]) or []),
        dropped=_dropped(facts),
        splits=_splits(facts),
        sources=_sources(facts),
    )


def _splits(facts: Facts) -> str:
    parts = [(name, facts.index[facts.index["split"] == name]) for name in facts.splits]
    rows = [
        (name, len(part), part["source"].nunique(), f"{part['frames'].sum() / facts.fps:.1f}")
        for name, part in parts
    ]
    return table(("split", "spans", "sources", "seconds"), rows)


def _dropped(facts: Facts) -> str:
    rows = [
        (reason, count, Reason.named(reason).explanation)
        for reason, count in rai.dropped(facts).items()
    ]
    return table(("reason", "clips", "which means"), rows)


def _sources(facts: Facts) -> str:
    """Rights without the names of sources, which the table beside it holds."""
    counted = facts.sources.groupby(["licence", "consent"], as_index=False)[["spans", "seconds"]]
    rows = [
        (plain(row.licence), plain(row.consent), row.spans, f"{row.seconds:.1f}")
        for row in counted.sum().itertuples()
    ]
    return table(("licence", "consent", "spans", "seconds"), rows)
