"""What params.yaml may say about deciding and packing."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from pipeline.core.params import Params


class Select(Params):
    """Thresholds: what a frame, a voice and a span must reach to be kept."""

    min_face_score: float = Field(0.5, ge=0, le=1)
    """How sure the detector must be that there is a face."""
    min_infant_likeness: float = Field(0.5, ge=0, le=1)
    """How much an infant's the proportions of the face must be."""
    min_surety: float = Field(0.15, ge=0, le=1)
    """How surely proportions are an infant's or an adult's: 0 half way between, 1 beyond doubt."""
    max_rival_likeness: float = Field(0.65, ge=0, le=1)
    """How infant-like another face beside it may be whose mouth goes with the voice as well."""
    min_stirs_mm: float = Field(0.3, ge=0)
    """How far a face must move in itself: one in a picture does not, whoever moves the picture."""
    min_face_px: float = Field(96.0, ge=0)
    """Short side of the face's box."""
    min_mouth_inside: float = Field(0.9, ge=0, le=1)
    """Share of the mouth's landmarks that lie inside the picture."""
    min_brightness: float = Field(0.12, ge=0)
    """Mean brightness of the face, as `landmarks` measures it."""
    min_sharpness: float = Field(0.0, ge=0)
    """Sharpness of the face, as `landmarks` measures it."""
    max_yaw_deg: float = Field(40.0, ge=0, le=180)
    """How far the face may be turned to either side."""
    max_pitch_deg: float = Field(30.0, ge=0, le=180)
    """How far the face may look up or down."""
    min_face_visible: float = Field(0.85, ge=0, le=1)
    """Share of the face that can be seen, of what the pose of the head leaves of it."""
    min_mouth_visible: float = Field(0.82, ge=0, le=1)
    """Share of the mouth that can be seen, of what the pose of the head leaves of it."""
    min_mouth_of_usual: float = Field(0.8, ge=0, le=1)
    """Share of the fifth of the mouth that is seen least, against what mostly is seen of it."""

    min_infant_s: float = Field(0.5, ge=0)
    """How long the infant must sound in the clip, all events together."""
    max_clipped_share: float = Field(0.03, ge=0, le=1)
    """Share of the audible sound that may dwell at its own top, as a voice that is cut off does."""
    max_adult_overlap: float = Field(0.3, ge=0, le=1)
    """Share of the infant's sounding time during which an adult may sound too."""
    min_snr_db: float = 8.0
    """How far the infant's stem must stand above the rest while the infant sounds."""
    max_decay_s: float = Field(0.22, ge=0)
    """How long the voice may take to fall by 20 dB after it ends."""
    min_claimed_score: float = Field(0.25, ge=0, le=1)
    """How much the infant's voice must sound like the vocalization that the catalogue names."""

    max_gap_frames: int = Field(3, ge=0)
    """The longest run of failed frames that is carried over between two good runs."""
    min_span_s: float = Field(1.0, gt=0)
    """The shortest span that is kept."""

    stale_overrides: Literal["apply", "ignore"] = "apply"
    """Whether a reviewer's word still holds once the clip has been measured anew."""


class Release(Params):
    """What only its publisher can say of a dataset; what is empty is left out of its pages."""

    name: str = Field("Cradle", min_length=1, max_length=100)
    """What the dataset is called."""
    version: str = Field("1.0.0", pattern=r"^\d+\.\d+\.\d+$")
    """MAJOR.MINOR.PATCH; a digest of the content is added, so that no two share a version."""
    date: str = Field("", pattern=r"^(\d{4}-\d{2}-\d{2})?$")
    """The day on which this version is published, YYYY-MM-DD."""
    publisher: str = Field("", max_length=200)
    """The group that publishes it and answers for it."""
    contact: str = Field("", max_length=200)
    """Where people write to, such as parents who take a clip back."""
    url: str = Field("", pattern=r"^(https://\S+)?$")
    """Where it can be had."""


class Pack(Params):
    """How kept spans become a dataset."""

    val_share: float = Field(0.15, ge=0, lt=1)
    """Share of the sources of each vocalization that are held out to choose a model by."""
    test_share: float = Field(0.15, ge=0, lt=1)
    """Share of the sources of each vocalization that are held out to judge it by."""
    shard_mb: float = Field(256.0, gt=0)
    """A shard is closed when it has grown beyond this."""
    release: Release = Release()
    """What only its publisher can say of the dataset."""

    @model_validator(mode="after")
    def _something_is_left_to_learn_from(self) -> Pack:
        if self.val_share + self.test_share >= 1:
            raise ValueError("val_share and test_share leave nothing to train on")
        return self
