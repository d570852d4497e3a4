"""An infant's own manner: what its face does otherwise than is expected of anyone's.

From other spans of the infant, whose faces are known, three numbers a latent are estimated against
what was expected of their sound: how it rests, how far it goes, and how early (ridge regression of
the difference on 1, on what was expected and on its change). How far each of them holds for further
spans is learned on the training split, as a random effect of a mixed model is shrunk by how little
of it repeats (Robinson 1991). The less is known, the nearer it stays to what is expected.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.generator import spans
from pipeline.generator.checkpoint import Generator
from pipeline.generator.live import manners
from pipeline.generator.spans import Pack, Span

Doubles = NDArray[np.float64]

_RIDGE = np.diag([10.0, 10.0, 2.0])
"""In frames, of whitened latents; found on infants that are neither learned from nor judged."""
_LEAST = 1e-9
_TOGETHER = 32
"""Spans that go through the network at once."""


@dataclass(frozen=True)
class Known:
    """How far off what was expected of some spans was: all that a manner is told from."""

    gram: Doubles
    """(64, 3, 3) of 1, what was expected and its change, summed over frames."""
    moment: Doubles
    """(64, 3) of the same with what was off."""

    def __add__(self, other: Known) -> Known:
        return Known(self.gram + other.gram, self.moment + other.moment)

    def __sub__(self, other: Known) -> Known:
        return Known(self.gram - other.gram, self.moment - other.moment)

    @property
    def manner(self) -> Doubles:
        """Rest, size and lead of each latent, (64, 3); 0 where nothing is known."""
        solved: Doubles = np.linalg.solve(self.gram + _RIDGE, self.moment[..., None])[..., 0]
        return solved

    def gained(self, manner: Doubles) -> float:
        """By how much a manner (64, 3) lowers the squared error of these spans."""
        spread = np.einsum("di,dij,dj->", manner, self.gram, manner)
        return float(2 * (manner * self.moment).sum() - spread)


def known(generator: Generator, seen: Sequence[Span]) -> Known:
    """Compare spans with what is expected of their sound."""
    width = generator.denoiser.layout.expression
    nothing = Known(np.zeros((width, 3, 3)), np.zeros((width, 3)))
    return sum(_compared(generator, seen), nothing)


def _compared(generator: Generator, seen: Sequence[Span]) -> list[Known]:
    """Compare each of some spans; those of like length at once."""
    order = sorted(range(len(seen)), key=lambda number: seen[number].frames)
    found: dict[int, Known] = {}
    for first in range(0, len(order), _TOGETHER):
        numbers = order[first : first + _TOGETHER]
        found |= zip(numbers, _together(generator, [seen[n] for n in numbers]), strict=True)
    return [found[number] for number in range(len(seen))]


@torch.inference_mode()
def _together(generator: Generator, seen: Sequence[Span]) -> list[Known]:
    frames = max(span.frames for span in seen)
    batch = spans.collate(seen, [0] * len(seen), frames, generator.vocalizations)
    batch = batch.to(str(generator.expression.mean.device))
    every = torch.ones(len(seen), dtype=torch.bool, device=batch.valid.device)
    expected = generator.denoiser.guessed(generator.conditions(batch, every, every, every))
    wrong = generator.expression.apply(batch.expression) - expected
    basis = (manners(expected) * batch.valid[..., None, None]).double()
    gram = torch.einsum("btdi,btdj->bdij", basis, basis).cpu().numpy()
    moment = torch.einsum("btdi,btd->bdi", basis, wrong.double()).cpu().numpy()
    return [Known(*one) for one in zip(gram, moment, strict=True)]


def told(generator: Generator, seen: Sequence[Span]) -> Tensor | None:
    """An infant's manner (1, 64, 3) from spans of it, as far as the generator trusts it.

    None where there are no spans, or where no manner held in training.
    """
    if generator.trust is None or not seen:
        return None
    manner = torch.from_numpy(known(generator, seen).manner).float()
    return (generator.trust * manner.to(generator.trust.device))[None]


def learned(generator: Generator, pack: Pack) -> Generator:
    """Learn on the training split how far manners are to be trusted.

    What is learned is kept only where it lowers the error on the validation split, which takes
    infants of several spans in both.
    """
    trust = _trust(_families(generator, pack.spans["train"]))
    judged = _families(generator, pack.spans["val"])
    gain = 0.0 if trust is None else _gain(trust, judged)
    if trust is None or gain <= 0:
        return generator
    about = generator.about | {"manner": {"infants": len(judged), "error_less": gain}}
    kept = torch.from_numpy(trust).float().to(generator.expression.mean.device)
    return dataclasses.replace(generator, trust=kept, about=about)


def _families(generator: Generator, group: Sequence[Span]) -> list[list[Known]]:
    """What is known of each infant's spans, where it has several."""
    found: dict[str, list[Span]] = {}
    for span in group:
        if span.source and span.valid.any():
            found.setdefault(span.source, []).append(span)
    several = [some for some in found.values() if len(some) > 1]
    compared = iter(_compared(generator, [span for some in several for span in some]))
    return [[next(compared) for _ in some] for some in several]


def _others(family: Sequence[Known]) -> Iterable[tuple[Known, Doubles]]:
    """Each span of an infant, and the manner that all its others tell."""
    total = family[0]
    for one in family[1:]:
        total += one
    for one in family:
        yield one, (total - one).manner


def _trust(families: Sequence[Sequence[Known]]) -> Doubles | None:
    """Shares (64, 3) of manners by which other spans err least."""
    if not families:
        return None
    width = len(families[0][0].moment)
    gram, moment = np.zeros((width, 3, 3)), np.zeros((width, 3))
    for family in families:
        for one, manner in _others(family):
            gram += one.gram * manner[:, :, None] * manner[:, None, :]
            moment += one.moment * manner
    least = _LEAST * np.eye(3)
    solved: Doubles = np.linalg.solve(gram + least, moment[..., None])[..., 0]
    return solved


def _gain(trust: Doubles, families: Sequence[Sequence[Known]]) -> float:
    """Gain of squared error a frame and latent, whitened."""
    gained = frames = 0.0
    for family in families:
        for one, manner in _others(family):
            gained += one.gained(trust * manner)
            frames += one.gram[0, 0, 0]
    return gained / (frames * len(trust)) if frames else 0.0
