"""What the age latent of a morphable model means in months, where that is known.

    latent("procedural", 11.0)      # 1.0
    latent("flame", 11.0)           # None: it has no age

The procedural model is its own source: its age direction was drawn, not measured, as what five
months change about a face of six months (procedural_identity.py), and the nursery's infants are
made by the same line. INFACE learned its age latent from scans; its file says neither zero nor
scale in months, so that a known age says nothing of it.
"""

from __future__ import annotations

MEAN_MONTHS, STEP_MONTHS = 6.0, 5.0
"""Age at latent 0 of the procedural model, and months a unit of it."""

MAX_LATENT = 2.0
"""Beyond it the line is no infant any more: a child of five years would be eleven units old."""

IN_MONTHS = ("procedural",)


def latent(model: str, age_months: float | None) -> float | None:
    """The age latent of a face of that age; None where the age, or its meaning, is unknown."""
    if age_months is None or model not in IN_MONTHS:
        return None
    return min(max((age_months - MEAN_MONTHS) / STEP_MONTHS, -MAX_LATENT), MAX_LATENT)
