"""The model card that lies beside a trained generator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

CARD = """\
# Generator of infant expression

A diffusion transformer that moves an infant's face to non-verbal sound. Made by Cradle's `train`
stage; do not edit.

| | |
|---|---|
| state | {verdict} |
{ear}{distilled}{manner}| trained on | {spans} spans, {frames} frames{synthetic} |
| data | `{data_digest}` |
| vocalizations | {vocalizations} |
| sound | {feature} ({feature_width} numbers a frame), {fps:g} frames a second |
| face | {face} |
| network | {layers} layers, {width} wide, {heads} heads |
| sees of the sound | {look_back_frames} frames back, {look_ahead_frames} ahead |
| sees of the face | {memory_frames} frames back, itself among them |

What it makes is synthetic and is marked as such. It is no measure of what an infant feels or needs.
"""

EAR = """\
| ear before that | {steps} steps, {verdict} |
"""

DISTILLED = """\
| distilled | to {steps} steps from {from_steps}, by {method}; {batches} batches a halving |
"""


MANNER = """\
| an infant's own manner | told from other spans of it; errs less on {infants} validation infants |
"""


def text(about: dict[str, Any]) -> str:
    """Word the card."""
    return CARD.format(
        ear=EAR.format(**about["ear"]) if "ear" in about else "",
        distilled=DISTILLED.format(**about["distilled"]) if "distilled" in about else "",
        manner=MANNER.format(**about["manner"]) if "manner" in about else "",
        verdict=about["training"]["verdict"],
        spans=about["spans"],
        frames=about["frames"],
        synthetic=f", {about['synthetic_spans']} spans synthetic"
        if about["synthetic_spans"]
        else "",
        data_digest=about["data_digest"],
        vocalizations=", ".join(about["vocalizations"]),
        feature=about["feature"]["name"],
        feature_width=about["feature"]["width"],
        fps=about["fps"],
        face=about["face"]["name"],
        **about["network"],
    )


def write(about: dict[str, Any], path: Path) -> None:
    """Write the card."""
    path.write_text(text(about), encoding="utf-8")
