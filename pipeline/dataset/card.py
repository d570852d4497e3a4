"""The dataset's card: what is in it, where it comes from, what was left out and why.

Its head is what the Hugging Face Hub and `datasets.load_dataset` read: which files are which split.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import yaml

from pipeline.core.reasons import Reason
from pipeline.dataset.facts import Facts
from pipeline.dataset.rights import all_spdx
from pipeline.dataset.words import plain, table

_SYNTHETIC = """> **{share:.0%} of the frames are synthetic.** They were rendered by the nursery,
> whose truth is known. Numbers taken on them say nothing about real infants.
"""
_FILES = """## What lies here

| file | what |
| --- | --- |
| `SPLIT-NNNNN.parquet` | the spans, a row each: labels and tensors |
| `sources.parquet` | licence and consent of every source, in its own words |
| `DATASHEET.md` | why and how it was made, and what it is for |
| `croissant.json` | the same for machines, with the SHA-256 of every file |
| `meta.json` | feature, frame rate, morphable model, backends with digests |
| `ledger.parquet` | the clips that are inside |

`datasets.load_dataset` keeps a copy in its own cache; delete it as well when a clip is withdrawn.
"""
_LIMITS = """## What it is not for

To recognise, find or describe a particular child; to diagnose; to judge a child's state in care.
There is no picture and no sound in these files, only what was measured of them; latents of a face
are personal data all the same. A source that is withdrawn is taken out of the next version, and
who trained on this version is asked to do the same.
"""
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def text(facts: Facts) -> str:
    """Word the card."""
    made = facts.synthetic_share
    parts = [
        _head(facts),
        "# Infants' faces and voices, as latents\n",
        *([_SYNTHETIC.format(share=made)] if made else []),
        _inside(facts),
        _FILES,
        _left_out(facts),
        _origin(facts),
        _rights(facts),
        _LIMITS,
    ]
    return "\n".join(parts)


def _head(facts: Facts) -> str:
    rows = len(facts.index)
    head: dict[str, Any] = {
        "pretty_name": facts.release.name,
        **_licence(facts),
        "size_categories": [next((name for most, name in _SIZES if rows < most), "n>1M")],
        "task_categories": ["other"],
        "tags": ["infant", "audio", "3d-face", "expression", "non-verbal", "croissant"],
    }
    if facts.splits:
        files = [{"split": name, "path": f"{name}-*.parquet"} for name in facts.splits]
        head["configs"] = [
            {"config_name": "spans", "default": True, "data_files": files},
            {"config_name": "sources", "data_files": "sources.parquet"},
        ]
    return f"---\n{yaml.safe_dump(head, sort_keys=False)}---\n"


def _licence(facts: Facts) -> dict[str, Any]:
    """As the Hub names licences: known ones, or `other` with a link to the table."""
    known = all_spdx(facts.sources["licence"])
    if known is not None:
        names = [name.lower() for name in known]
        return {"license": names[0] if len(names) == 1 else names}
    return {
        "license": "other",
        "license_name": "see-sources",
        "license_link": "sources.parquet",
    }


def _inside(facts: Facts) -> str:
    fps, feature = facts.fps, facts.meta["feature"]
    rows = [
        (split, kind, len(part), part["source"].nunique(), f"{part['frames'].sum() / fps:.1f}")
        for split in facts.splits
        for kind, part in facts.index[facts.index["split"] == split].groupby("vocalization")
    ]
    spans = table(("split", "vocalization", "spans", "sources", "seconds"), rows)
    latents = facts.meta["latents"]
    return (
        f"## What is inside\n\n{len(facts.index)} spans of {fps:g} frames a second. "
        f"For every frame: {latents['expression']} numbers of expression, "
        f"6 of pose, {feature['width']} of sound (`{feature['name']}`), and whether it was "
        f"measured. For every span: {latents['identity']} numbers of identity "
        f"and 1 of age. No source is in two splits.\n\n{spans}\n"
    )


def _left_out(facts: Facts) -> str:
    rows = [
        (stage, reason, count, Reason.named(reason).explanation)
        for stage, reasons in facts.dropped.items()
        for reason, count in reasons.items()
    ]
    lost = table(("stage", "reason", "clips", "which means"), rows)
    return f"## What was left out\n\nOf {facts.came_in} clips that came in:\n\n{lost}\n"


def _origin(facts: Facts) -> str:
    rows = [
        (stage, plain(backend["name"]), plain(backend["digest"][:12]))
        for stage, backends in facts.meta["backends"].items()
        for backend in backends
    ]
    return f"## How it was measured\n\n{table(('stage', 'backend', 'digest'), rows)}\n"


def _rights(facts: Facts) -> str:
    words = (map(plain, facts.clips[name]) for name in ("licence", "consent"))
    rows = [(*pair, count) for pair, count in sorted(Counter(zip(*words, strict=True)).items())]
    return f"## Rights\n\n{table(('licence', 'consent', 'clips'), rows)}\n"
