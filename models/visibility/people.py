"""People whose skin was photographed, drawn afresh for each seed out of what `makehuman` has.

Most are infants or small children, of any descent, with every face that they can pull.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from makehuman import Floats, MakeHuman, Part

Rng = np.random.Generator

_CHEST_DM = 1.0
_OUTLINES = ("head", "forehead", "eyebrows", "eyes", "nose", "cheek", "mouth", "chin", "ears")
_HAIR = ("afro01", "long01", "ponytail01", "short01", "short02", "short04")
"""What leaves the face bare."""
_BROWS = tuple(f"eyebrow{number:03}" for number in range(1, 13))
_LASHES = ("eyelashes02", "eyelashes03", "eyelashes04")


@dataclass(frozen=True)
class Worn:
    """A part and how it takes the light."""

    part: Part
    tint: Floats
    """(3,) what its colours are multiplied with."""
    gloss: float
    is_body: bool = False


class Person:
    """Somebody, and what they look like at any time."""

    def __init__(self, given: MakeHuman, rng: Rng) -> None:
        self._given = given
        self._descent = dict(
            zip(("african", "asian", "caucasian"), rng.dirichlet([0.4] * 3), strict=True)
        )
        gender, age = rng.random(), _age(rng)
        self._age = age
        self._moves = self._expressions(rng)
        self.body = given.shaped({**_whole(self._descent, gender, age), **_details(given, rng)})
        self._scale = self._eyes_apart(self.body) / self._eyes_apart(given.body)
        self._neck_dm = float(given.body[given.joint("neck01____head"), 1].mean())
        self._dressed = given.body[:, 1] < self._neck_dm - 0.1
        self.worn = list(self._wear(rng))
        self._cloth = rng.uniform(0.05, 0.9, 3).astype(np.float32)

    @property
    def size_dm(self) -> float:
        """From eye to eye."""
        return self._eyes_apart(self.body)

    @property
    def middle(self) -> Floats:
        """Of the face, (3,) dm."""
        eyes = [self.body[self._given.joint(f"eye.{side}____head")].mean(axis=0) for side in "LR"]
        chin = self.body[self._given.joint("jaw____tail")].mean(axis=0)
        return np.asarray(0.5 * np.mean(eyes, axis=0) + 0.5 * chin, np.float32)

    def at(self, time_s: float) -> Floats:
        """The body (V, 3) with the face that it pulls then."""
        moves = {
            name: most * (0.5 + 0.5 * np.sin(2 * np.pi * (rate * time_s + phase)))
            for name, (most, rate, phase) in self._moves.items()
        }
        return self._given.shaped(moves, self.body)

    def corners(self, part: Part, body: Floats) -> Floats:
        """Where a worn part's corners are on the body then."""
        return part.corners(body, self._scale)

    def clothed(self, part: Part) -> Floats:
        """(C, 1) one where a corner of the skin is dressed."""
        return self._dressed[part.near[:, :1]].astype(np.float32)

    @property
    def cloth(self) -> Floats:
        """The colour of what they wear, linear."""
        return self._cloth

    def _eyes_apart(self, body: Floats) -> float:
        left, right = (body[self._given.joint(f"eye.{side}____head")].mean(axis=0) for side in "LR")
        return float(np.linalg.norm(left - right))

    def _expressions(self, rng: Rng) -> dict[str, tuple[float, float, float]]:
        descent = max(self._descent, key=lambda name: self._descent[name])
        units = self._given.names(f"expression/units/{descent}/")
        some = rng.choice(units, rng.integers(2, 8), replace=False)
        found = {
            str(unit): (rng.uniform(0, 1.0), rng.uniform(0.1, 2.0), rng.random()) for unit in some
        }
        if rng.random() < 0.6:
            found[f"expression/units/{descent}/mouth-open"] = (
                rng.uniform(0, 1.1),
                rng.uniform(0.3, 2.5),
                rng.random(),
            )
        # Eyes go together.
        if rng.random() < 0.5:
            shut = (rng.uniform(0, 1.0), rng.uniform(0.1, 1.0), rng.random())
            for side in ("left", "right"):
                found[f"expression/units/{descent}/eye-{side}-closure"] = shut
        return found

    def _wear(self, rng: Rng) -> Iterator[Worn]:
        given, plain = self._given, np.ones(3, np.float32)
        skins = given.skins()
        if self._age["baby"] + self._age["child"] > 0.5:
            skins = [path for path in skins if "young" in path.parent.parent.name]
        wanted = [self._descent[path.parent.parent.name.split("_")[1]] for path in skins]
        chosen = skins[rng.choice(len(skins), p=np.array(wanted) / np.sum(wanted))]
        flush = np.exp(rng.normal([0.0, 0.0, 0.0], [0.15, 0.12, 0.12])).astype(np.float32)
        skin = given.skin(chosen, self._neck_dm - _CHEST_DM)
        yield Worn(skin, flush, rng.uniform(0.02, 0.35), is_body=True)
        if self._age["baby"] < 0.5 or rng.random() < 0.4:
            yield Worn(given.worn("teeth/Teeth_Base"), plain, 0.3)
        eyes = "eyes/Low-Poly"
        yield Worn(given.worn(eyes, str(rng.choice(given.pictures(eyes)))), plain, 0.8)
        dark = np.exp(rng.normal(0, 0.5) + rng.normal(0, 0.1, 3)).astype(np.float32)
        if rng.random() < 0.85:
            yield Worn(given.worn(f"eyebrows/{rng.choice(_BROWS)}"), dark, 0.0)
        if rng.random() < 0.8:
            yield Worn(given.worn(f"eyelashes/{rng.choice(_LASHES)}"), plain, 0.0)
        if rng.random() < 0.8 - 0.6 * self._age["baby"]:
            yield Worn(given.worn(f"hair/{rng.choice(_HAIR)}"), dark, 0.1)


def _age(rng: Rng) -> dict[str, float]:
    groups = ("baby", "child", "young", "old")
    pairs = (("baby", "child"), ("baby", "child"), ("child", "young"), ("young", "old"))
    first, second = pairs[rng.integers(len(pairs))]
    share = rng.random()
    return dict.fromkeys(groups, 0.0) | {first: share, second: 1 - share}


def _whole(descent: dict[str, float], gender: float, age: dict[str, float]) -> dict[str, float]:
    found = {}
    for sex, of_sex in (("male", gender), ("female", 1 - gender)):
        for group, of_age in age.items():
            share = of_sex * of_age
            found[f"macrodetails/universal-{sex}-{group}-averagemuscle-averageweight"] = share
            for name, of_descent in descent.items():
                found[f"macrodetails/{name}-{sex}-{group}"] = share * of_descent
    return found


def _details(given: MakeHuman, rng: Rng) -> dict[str, float]:
    names = [name for outline in _OUTLINES for name in given.names(f"{outline}/")]
    some = rng.choice(names, rng.integers(15, 40), replace=False)
    return {str(name): float(rng.uniform(0, 0.5)) for name in some}
