"""Which clips the nursery makes: what each shows, what is wrong with it, what should become of it.

    scene = scene_at(seed=7, index=3, span_s=5.0, size_px=384)
    scene.clip        "nursery_hand_01"
    scene.expected    ("mouth_hidden", "face_hidden")

The scene at an index depends on seed and index alone, not on how many clips are made.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

VOCALIZATIONS = ("cry", "laugh", "babble")
INFANTS = 14
"""How many infants share the first round of the schedule."""

KEPT = ("kept",)


@dataclass(frozen=True)
class Kind:
    """One way in which a home video turns out; the defaults are those of a good one.

    Attributes:
        expected: ("kept",), or the reasons of which any is right for dropping the clip.
        performs: what the infant really does, where that is not what the catalogue says.
        occluder: a name in `occluders.OCCLUDERS`; covers the mouth from `covered_s` on.
        covered_s: when the occluder has arrived and when it leaves, as shares of the clip.
        yaw_deg, roll_deg: how the head is turned on average; the sign of either is drawn.
        distance: how far away the infant is, 1 for a face that fills half the picture.
        aside: how far the face's middle is from the picture's, in half widths; above 1 is outside.
        infant, adult: who is in the picture.
        sound: what is heard beside the infant, a name in `sound.interferers`, at `sound_db`
            relative to the infant.
        light: exposure; 1 is well lit.
        blur: spread of the blur in shares of the face's width.
        fps: nominal frame rate; `jitter` is how unevenly frames come, in shares of a frame.
        rotate_deg: clockwise turn that the file's metadata asks of the player.
        has_sound: whether there is a sound stream at all.
    """

    expected: tuple[str, ...] = KEPT
    performs: str | None = None
    occluder: str | None = None
    covered_s: tuple[float, float] = (0.1, 2.0)
    yaw_deg: float = 0.0
    roll_deg: float = 0.0
    distance: float = 1.0
    aside: float = 0.0
    infant: bool = True
    adult: bool = False
    sound: str | None = None
    sound_db: float = 0.0
    light: float = 1.0
    blur: float = 0.0
    fps: int = 30
    jitter: float = 0.0
    rotate_deg: int = 0
    has_sound: bool = True

    @property
    def good(self) -> bool:
        """Whether a clip of this kind should be kept."""
        return self.expected == KEPT


_COVERED = ("mouth_hidden", "face_hidden")

KINDS: dict[str, Kind] = {
    "cry": Kind(),
    "laugh": Kind(),
    "babble": Kind(),
    "lying": Kind(roll_deg=88.0),
    "beside": Kind(adult=True),
    "fps25": Kind(fps=25),
    "vfr": Kind(jitter=0.45),
    "rotated": Kind(rotate_deg=90),
    "passing": Kind(occluder="hand", covered_s=(0.45, 0.75)),
    "hand": Kind(_COVERED, occluder="hand"),
    "pacifier": Kind(_COVERED, occluder="pacifier", covered_s=(0.0, 2.0)),
    "bottle": Kind(_COVERED, occluder="bottle"),
    "blanket": Kind((*_COVERED, "no_face"), occluder="blanket"),
    "profile": Kind(("turned_away", "no_face"), yaw_deg=72.0),
    "outside": Kind(("out_of_frame", "no_face"), aside=0.78),
    "far": Kind(("face_small", "no_face"), distance=4.2),
    "dark": Kind(("dark", "no_face"), light=0.12),
    "blurred": Kind(("blurred", "no_face"), blur=0.06),
    "nobody": Kind(("no_face",), infant=False),
    "adult": Kind(("adult_only",), infant=False, adult=True),
    "silent": Kind(("no_infant_voice",), performs="silent"),
    "mute": Kind(("no_sound",), has_sound=False),
    "talk": Kind(("adult_talks_over", "too_noisy"), sound="adult_speech", sound_db=2.0),
    "television": Kind(("adult_talks_over", "too_noisy"), sound="television", sound_db=2.0),
    "music": Kind(("too_noisy",), sound="music", sound_db=3.0),
    "noise": Kind(("too_noisy",), sound="noise", sound_db=5.0),
    "echo": Kind(("echoing",), sound="echo"),
    "clipped": Kind(("clipped",), sound="clipping"),
    "mislabelled": Kind(("wrong_vocalization",), performs="other"),
}

# The first forty: 23 good ones, and 17 with one thing wrong. What follows appears in larger sets.
SCHEDULE = (
    *("cry", "laugh", "babble", "hand", "silent", "cry", "laugh", "babble", "profile", "talk"),
    *("cry", "pacifier", "laugh", "babble", "music", "lying", "outside", "blanket", "beside"),
    *("mute", "cry", "laugh", "bottle", "babble", "dark", "fps25", "echo", "cry", "television"),
    *("vfr", "laugh", "blurred", "babble", "nobody", "rotated", "adult", "cry", "laugh", "far"),
    *("babble", "noise", "clipped", "mislabelled", "passing"),
)


@dataclass(frozen=True)
class Scene:
    """One clip to be made; everything else about it is drawn from `seed` and `index`."""

    clip: str
    kind: str
    seed: int
    index: int
    infant: int
    vocalization: str
    performs: str
    expected: tuple[str, ...]
    span_s: float
    width_px: int
    height_px: int

    @property
    def source(self) -> str:
        """Which infant's clips belong together in a split."""
        return f"nursery_infant_{self.infant:02d}"

    @property
    def how(self) -> Kind:
        """What is particular about it."""
        return KINDS[self.kind]

    def stream(self, name: str) -> list[int]:
        """Seed of one aspect of the clip, so that a change to one leaves the others as they are."""
        return [self.seed, self.index, *name.encode()]

    def described(self) -> dict[str, Any]:
        """Everything above as plain values."""
        return {**asdict(self), "source": self.source, "how": asdict(self.how)}


def infant_stream(seed: int, infant: int, name: str) -> list[int]:
    """Seed of one aspect of an infant, the same in all its clips."""
    return [seed, 1_000_003, infant, *name.encode()]


def scene_at(seed: int, index: int, span_s: float, size_px: int) -> Scene:
    """Look up the scene at `index`, counted from 0; there is no last one."""
    turn, slot = divmod(index, len(SCHEDULE))
    kind = SCHEDULE[slot]
    number = 1 + turn * SCHEDULE.count(kind) + SCHEDULE[:slot].count(kind)
    place = turn * len(SCHEDULE) + slot
    wide = kind in ("beside", "adult") or (kind in VOCALIZATIONS and number % 3 == 0)
    vocalization = kind if kind in VOCALIZATIONS else VOCALIZATIONS[place % 3]
    return Scene(
        clip=f"nursery_{kind}_{number:02d}",
        kind=kind,
        seed=seed,
        index=index,
        infant=1 + turn * INFANTS + slot % INFANTS,
        vocalization=vocalization,
        performs=_performed(vocalization, KINDS[kind].performs),
        expected=KINDS[kind].expected,
        span_s=span_s,
        width_px=2 * round(size_px * 8 / 9) if wide else size_px,
        height_px=size_px,
    )


def scene_of(kind: str, seed: int, span_s: float, size_px: int, number: int = 1) -> Scene:
    """Look up the `number`-th scene of a kind.

    Raises ValueError for a kind that is not known.
    """
    if kind not in SCHEDULE:
        raise ValueError(f"no scenes of kind {kind!r}; there are {', '.join(sorted(KINDS))}")
    slots = [slot for slot, name in enumerate(SCHEDULE) if name == kind]
    turn, which = divmod(number - 1, len(slots))
    return scene_at(seed, turn * len(SCHEDULE) + slots[which], span_s, size_px)


def _performed(vocalization: str, performs: str | None) -> str:
    if performs == "other":
        return {"cry": "laugh", "laugh": "cry", "babble": "cry"}[vocalization]
    return performs or vocalization
