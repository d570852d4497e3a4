"""The dataset's card: what is in it, where it comes from, what was left out and why."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.core.reasons import Reason
from pipeline.dataset.splits import SPLITS

_HEAD = """---
pretty_name: Cradle
tags: [infant, audio, 3d-face, expression, non-verbal]
---

# Infants' faces and voices, as latents

"""
_SYNTHETIC = """
> **{share:.0%} of the frames are synthetic.** They were rendered by the nursery, which has known
> truth. Numbers taken on them say nothing about real infants.

""".lstrip()
_LIMITS = """## What it is not for

To recognise, find or describe a particular child; to diagnose; to judge a child's state in care.
There is no picture and no sound in these files, only what was measured of them; latents of a face
are personal data all the same. A source that is withdrawn is taken out of the next version, and
who trained on this version is asked to do the same.
"""


@dataclass(frozen=True)
class Card:
    """What the card tells."""

    meta: Mapping[str, Any]
    index: pd.DataFrame
    """The packed spans."""
    clips: pd.DataFrame
    """The clips that they come from: clip, licence, consent."""
    dropped: Mapping[str, Mapping[str, int]]
    """Clips that were not kept, by stage and reason."""
    came_in: int

    def __str__(self) -> str:
        synthetic = self.index.loc[self.index["synthetic"], "frames"].sum()
        share = synthetic / max(1, self.index["frames"].sum())
        warning = _SYNTHETIC.format(share=share) if synthetic else ""
        parts = [self._inside(), self._left_out(), self._origin(), self._rights(), _LIMITS]
        return _HEAD + warning + "\n".join(parts)

    def _inside(self) -> str:
        fps, feature = self.meta["fps"], self.meta["feature"]
        rows = [
            (split, kind, len(part), part["source"].nunique(), f"{part['frames'].sum() / fps:.1f}")
            for split in SPLITS
            for kind, part in self.index[self.index["split"] == split].groupby("vocalization")
        ]
        table = _table(("split", "vocalization", "spans", "sources", "seconds"), rows)
        return (
            f"## What is inside\n\n{len(self.index)} spans of {fps:g} frames a second. "
            f"For every frame: {self.meta['latents']['expression']} numbers of expression, "
            f"6 of pose, {feature['width']} of sound (`{feature['name']}`), and whether it was "
            f"measured. For every span: {self.meta['latents']['identity']} numbers of identity "
            f"and 1 of age. No source is in two splits.\n\n{table}\n"
        )

    def _left_out(self) -> str:
        rows = [
            (stage, reason, count, Reason.named(reason).explanation)
            for stage, reasons in self.dropped.items()
            for reason, count in reasons.items()
        ]
        table = _table(("stage", "reason", "clips", "which means"), rows)
        return f"## What was left out\n\nOf {self.came_in} clips that came in:\n\n{table}\n"

    def _origin(self) -> str:
        rows = [
            (stage, backend["name"], backend["digest"][:12])
            for stage, backends in self.meta["backends"].items()
            for backend in backends
        ]
        return f"## How it was measured\n\n{_table(('stage', 'backend', 'digest'), rows)}\n"

    def _rights(self) -> str:
        counted = self.clips.groupby(["licence", "consent"], dropna=False).size()
        rows = [(*_pair(key), int(count)) for key, count in counted.items()]
        return f"## Rights\n\n{_table(('licence', 'consent', 'clips'), rows)}\n"


def _pair(key: Any) -> tuple[str, str]:
    licence, consent = key
    return _plain(licence), _plain(consent)


def _plain(value: Any) -> str:
    """A stranger's text in one cell of a table, without a way out of it."""
    text = "" if pd.isna(value) else str(value)
    return re.sub(r"[^\w .,:;/+()-]", " ", text)[:120].strip() or "unknown"


def _table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    if not rows:
        return "None."
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
