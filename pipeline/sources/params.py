"""What params.yaml may say about fetching clips."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from pipeline.core.params import Params


class Download(Params):
    """Which sources are fetched, how far, and into what form."""

    allow_no_consent: bool = False
    """Whether rows that state `none` as their consent are fetched all the same."""

    min_clip_s: float = Field(1.0, ge=0.0)
    """Clips that run shorter are dropped as too_short."""

    max_clip_s: float = Field(120.0, gt=0.0, le=600.0)
    """Clips that run longer are dropped as too_long."""

    max_side_px: int = Field(1280, ge=128, le=3840, multiple_of=2)
    """Long side of the pictures that are kept; smaller ones stay as they are."""

    crf: int = Field(14, ge=0, le=40)
    """x264's constant rate factor of those that cannot be kept as they were encoded."""

    max_source_mb: float = Field(500.0, gt=0.0)
    """The most that is fetched of one source, in million bytes."""

    max_source_s: float = Field(3600.0, gt=0.0)
    """The longest source that is fetched to cut a section out of it."""

    max_source_mpx: float = Field(8.3, gt=0.0)
    """The largest picture that is decoded, in million pixels."""

    max_source_frames: int = Field(36_000, gt=0)
    """The most pictures that are decoded of one clip."""

    fetch_timeout_s: float = Field(300.0, gt=0.0)
    """The longest that fetching one source may take."""

    normalise_timeout_s: float = Field(300.0, gt=0.0)
    """The longest that bringing one clip into form may take, for picture and sound each."""

    attempts: int = Field(3, ge=1, le=10)
    """How often, within a run, a site that is only busy or breaks off is asked."""

    backoff_s: float = Field(2.0, ge=0.0, le=600.0)
    """Before the second attempt; twice as long before each further one, or as the site asks."""

    pause_s: float = Field(1.0, ge=0.0, le=600.0)
    """The shortest time from one request to a host to the next, whoever of us asks."""

    max_rate_mb_s: float = Field(0.0, ge=0.0)
    """The most that is taken of one source, in million bytes a second; 0 is all it gives."""

    cookies: str = ""
    """A file of cookies, in Netscape's format, that are shown to the sites they are of."""

    retry: int = Field(0, ge=0, le=1000)
    """Raise it by one to ask again for the sources that could not be had."""

    extractors: tuple[str, ...] = ("youtube.*", "vimeo", "archive.org", "wikimedia.org")
    """Sites that may be asked, by the names that yt-dlp has for them, as regular expressions."""

    hosts: tuple[str, ...] = ()
    """Hosts, with those below them, any page or file of which may be asked for."""

    allow_hosts: tuple[str, ...] = ()
    """Hosts with private addresses, such as 127.0.0.1, that may be asked all the same."""

    @model_validator(mode="after")
    def _spans_are_in_order(self) -> Self:
        if self.min_clip_s > self.max_clip_s:
            raise ValueError("min_clip_s may not be larger than max_clip_s")
        return self
