"""What params.yaml may say about the report."""

from __future__ import annotations

from pydantic import Field

from pipeline.core.params import Params


class Audit(Params):
    """How much the report shows; what was decided is in the ledgers whatever it shows."""

    detailed_clips: int = Field(120, ge=0, le=2000)
    """Clips that get a timeline and pictures; they are spread over all reasons."""
    max_page_mb: float = Field(5.0, gt=0, le=200)
    """Size that the page stays below: fewer clips are detailed where there is no room."""
    pictures_per_clip: int = Field(4, ge=0, le=24)
    """Kept and dropped frames of such a clip that are drawn, by their landmarks."""
    faces: bool = False
    """Whether those drawings lie over the frames themselves, faces and all."""
    picture_px: int = Field(200, ge=64, le=720)
    """Long side of a picture with a face."""
    inline_video_mb: float = Field(1.0, ge=0, le=100)
    """Videos of the evaluation are part of the page up to this size together, then links."""
    inline_sound_mb: float = Field(0.0, ge=0, le=100)
    """Sounds and stems of such clips are part of the page up to this size together: by default
    none, as they are of real infants."""
