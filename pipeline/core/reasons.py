"""The vocabulary of the ledger: five states, and every reason for being in one."""

from __future__ import annotations

from enum import StrEnum
from functools import cache


class State(StrEnum):
    """What became of a clip or a frame. The five are never merged."""

    KEPT = "kept"
    REJECTED = "rejected"
    ERRORED = "errored"
    UNAVAILABLE = "unavailable"
    WITHDRAWN = "withdrawn"


STATE_MEANS = {
    State.KEPT: "went on to the next stage",
    State.REJECTED: "a rule said no",
    State.ERRORED: "Cradle failed on it; nothing is said about the clip",
    State.UNAVAILABLE: "the source is gone or refuses",
    State.WITHDRAWN: "somebody took it back",
}


class Reason(StrEnum):
    """Why a clip or a frame has its state.

    Each member carries the state that it leads to, the stages that may give it, and one sentence
    for people. `str(reason)` is the name that tables hold.
    """

    state: State
    stages: tuple[str, ...]
    explanation: str

    def __new__(cls, name: str, state: State, stages: str, explanation: str) -> Reason:
        """Make a member whose value is its name alone."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.state = state
        member.stages = tuple(stages.split())
        member.explanation = explanation
        return member

    @classmethod
    def named(cls, name: str) -> Reason:
        """The reason of that name; KeyError where there is none."""
        return _named()[name]

    KEPT = (
        "kept",
        State.KEPT,
        "download isolate landmarks select fit pack",
        "Nothing spoke against it.",
    )
    BRIDGED = (
        "bridged",
        State.KEPT,
        "select",
        "The frame failed a gate, but the gap is short enough to be carried over.",
    )

    WITHDRAWN = (
        "withdrawn",
        State.WITHDRAWN,
        "download",
        "It is listed in data/takedowns.csv and is never fetched again.",
    )
    UNREACHABLE = (
        "unreachable",
        State.UNAVAILABLE,
        "download",
        "The source could not be had; the site's own words are in the detail. It may pass.",
    )
    GONE = (
        "gone",
        State.UNAVAILABLE,
        "download",
        "The site says for good that there is nothing to be had; its words are in the detail.",
    )
    NO_CONSENT = (
        "no_consent",
        State.REJECTED,
        "download",
        "The catalogue states no consent, and download.allow_no_consent is off.",
    )
    NOT_MEDIA = ("not_media", State.REJECTED, "download", "The file is not video or sound.")
    MEDIA_DAMAGED = (
        "media_damaged",
        State.REJECTED,
        "download",
        "Decoding failed or gave another number of frames than the file promises.",
    )
    NO_VIDEO = ("no_video", State.REJECTED, "download", "There is no picture.")
    NO_SOUND = ("no_sound", State.REJECTED, "download", "There is no sound.")
    TOO_LONG = ("too_long", State.REJECTED, "download", "It runs longer than download allows.")
    TOO_SHORT = (
        "too_short",
        State.REJECTED,
        "download select",
        "It is shorter than download asks for, or the infant's voice in it than its kind lasts.",
    )
    TOO_LARGE = (
        "too_large",
        State.REJECTED,
        "download",
        "It has more bytes, pixels or frames than download allows.",
    )

    NO_INFANT_VOICE = (
        "no_infant_voice",
        State.REJECTED,
        "select",
        "The infant does not sound for long enough.",
    )
    CLIPPED = (
        "clipped",
        State.REJECTED,
        "select",
        "Too much of the sound is cut off at full scale.",
    )
    ADULT_TALKS_OVER = (
        "adult_talks_over",
        State.REJECTED,
        "select",
        "An adult voice sounds during too much of the infant's.",
    )
    TOO_NOISY = (
        "too_noisy",
        State.REJECTED,
        "select",
        "The infant's voice does not stand far enough above everything else.",
    )
    ECHOING = (
        "echoing",
        State.REJECTED,
        "select",
        "The room rings on for too long after the voice.",
    )
    WRONG_VOCALIZATION = (
        "wrong_vocalization",
        State.REJECTED,
        "select",
        "What is heard is not the vocalization that the catalogue names.",
    )

    NO_FACE = ("no_face", State.REJECTED, "select", "No face was found.")
    ADULT_ONLY = (
        "adult_only",
        State.REJECTED,
        "select",
        "The only faces have an adult's proportions.",
    )
    UNSURE = (
        "unsure",
        State.REJECTED,
        "select",
        "The face's proportions lie between an infant's and an adult's.",
    )
    TWO_INFANTS = (
        "two_infants",
        State.REJECTED,
        "select",
        "Another infant is there as well, and its mouth goes with the voice no less.",
    )
    STILL = (
        "still",
        State.REJECTED,
        "select",
        "The face does not move in itself, as that of a picture or a doll.",
    )
    FACE_SMALL = ("face_small", State.REJECTED, "select", "The face has too few pixels.")
    OUT_OF_FRAME = (
        "out_of_frame",
        State.REJECTED,
        "select",
        "Too much of the mouth lies outside the picture.",
    )
    DARK = ("dark", State.REJECTED, "select", "The face is too dark to be measured.")
    BLURRED = ("blurred", State.REJECTED, "select", "The face is not sharp enough.")
    TURNED_AWAY = (
        "turned_away",
        State.REJECTED,
        "select",
        "The face is turned further to the side, up or down than allowed.",
    )
    FACE_HIDDEN = ("face_hidden", State.REJECTED, "select", "Too much of the face is covered.")
    MOUTH_HIDDEN = ("mouth_hidden", State.REJECTED, "select", "Too much of the mouth is covered.")

    SPAN_TOO_SHORT = (
        "span_too_short",
        State.REJECTED,
        "select fit",
        "The run of good frames around it is too short to learn from.",
    )
    OVERRULED = (
        "overruled",
        State.REJECTED,
        "select",
        "A reviewer dropped it in data/overrides.csv.",
    )
    FIT_POOR = (
        "fit_poor",
        State.REJECTED,
        "fit",
        "The fitted face does not lie on the landmarks.",
    )

    TIMED_OUT = (
        "timed_out",
        State.ERRORED,
        "download isolate landmarks fit",
        "The work took longer than allowed and was stopped.",
    )
    WORKER_CRASHED = (
        "worker_crashed",
        State.ERRORED,
        "download isolate landmarks fit",
        "The process that worked on it died, twice.",
    )
    MEASURE_FAILED = (
        "measure_failed",
        State.ERRORED,
        "download isolate landmarks fit",
        "The code that worked on it raised an error that it should not have.",
    )


@cache
def _named() -> dict[str, Reason]:
    return {reason.value: reason for reason in Reason}
