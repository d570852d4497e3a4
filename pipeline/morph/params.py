"""What params.yaml may say about fitting."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from pipeline.core.params import Params

_DECIDES = {"max_residual_mm", "max_gap_frames", "min_span_s"}


class Fit(Params):
    """One identity, age and focal length a clip; one expression and pose a frame."""

    model: Literal["procedural", "inface", "flame"] = "procedural"
    """The morphable model that is fitted; `inface` and `flame` are your files, which
    models/weights.lock names, and want a landmark embedding in models/morph."""
    precision: Literal["float32", "float64"] = "float32"
    """Of the arithmetic; float64 is for checking float32."""
    noise_mm: float = Field(2.0, gt=0, le=20)
    """How far landmarks stray on the face beside what the embedding says of each."""
    opening_noise_mm: float = Field(1.5, gt=0, le=20)
    """How far the measured openings of lips and lids stray."""
    huber: float = Field(2.0, gt=0)
    """Residuals beyond this many times the noise count linearly."""
    identity_prior: float = Field(2.0, gt=0)
    """Weight of the identity's and age's spread against the evidence of independent frames."""
    age_spread_months: float = Field(3.0, gt=0)
    """How old a face may look beside the age that data/sources.csv states (standard deviation)."""
    expression_prior: float = Field(2.0, gt=0)
    """Weight of the expressions' spread against the evidence of one frame."""
    focal_long_sides: float = Field(1.4, gt=0.2, le=20)
    """Focal length that a camera is thought to have, in long sides of the picture."""
    focal_spread: float = Field(0.5, gt=0, le=2)
    """Standard deviation of the logarithm of the focal length."""
    shared_frames: int = Field(24, ge=1, le=1000)
    """Frames, of diverse poses, that identity, age and focal length are estimated on."""
    independent_frames: float = Field(1.0, ge=1)
    """How many frames' worth of evidence they carry: landmarks err alike in every frame."""
    shared_iterations: int = Field(6, ge=1, le=50)
    """Steps for identity, age and focal length together with the frames that they rest on."""
    frame_iterations: int = Field(3, ge=1, le=50)
    """Steps for the expression and pose of every frame."""
    retry_residual_mm: float = Field(2.5, gt=0)
    """Residual on the face from which a frame is tried again from other starts."""
    coupling: float = Field(0.5, ge=0)
    """Weight of a change from frame to frame against what one frame's landmarks say; 0 fits every
    frame by itself."""
    onset: float = Field(1.5, gt=0)
    """A change beyond this many times the landmarks' own jitter is motion, and keeps its onset."""
    expression_spread: float = Field(0.66, gt=0)
    """Standard deviations of expressions are stated so many times as large as the fit's own; found
    on synthetic clips whose truth is known, so that nine intervals of ten hold what they should."""
    identity_spread: float = Field(1.2, gt=0)
    """The same of identity."""
    min_landmarks: int = Field(40, ge=8)
    """Visible landmarks without which a frame is not fitted."""
    max_residual_mm: float = Field(3.0, gt=0)
    """Mean distance of the fitted face from the visible landmarks, on the face, to be kept."""
    max_gap_frames: int = Field(3, ge=0)
    """The longest run of poor frames that is carried over between two good runs."""
    min_span_s: float = Field(1.0, gt=0)
    """Shortest span worth keeping once its poor frames are cut out."""

    def measured(self) -> dict[str, Any]:
        """What the measurement reads; thresholds that only decide are left out."""
        return self.model_dump(mode="json", exclude=_DECIDES)

    def decides(self) -> dict[str, Any]:
        """Those thresholds alone."""
        return self.model_dump(mode="json", include=_DECIDES)
