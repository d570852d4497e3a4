"""A trained generator as one safetensors file: weights, whitening, and all that it was made from.

The metadata holds a single entry, because safetensors writes several in no fixed order.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import TypeAdapter
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from pipeline.core.errors import WeightsError
from pipeline.generator.diffusion import Sampler, Schedule, cosine
from pipeline.generator.face import Face
from pipeline.generator.live import BLOCK_FRAMES, Sampling, Stream
from pipeline.generator.model import Conditions, Denoiser, Layout
from pipeline.generator.params import Network, NoiseSpacing
from pipeline.generator.spans import Batch, Pack

FORMAT = "cradle-generator-6"
_KEY = "cradle"

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Whitening:
    """Shift and spread a dimension."""

    mean: Tensor
    spread: Tensor

    def apply(self, x: Tensor) -> Tensor:
        """Whiten (..., D)."""
        return (x - self.mean) / self.spread

    def undo(self, x: Tensor) -> Tensor:
        """Bring whitened (..., D) back."""
        return x * self.spread + self.mean

    def to(self, device: str) -> Whitening:
        """Move both."""
        return Whitening(self.mean.to(device), self.spread.to(device))


def whitening_of(rows: Floats, floor: float) -> Whitening:
    """Measure mean and spread of (N, D); no spread is taken below `floor` times the largest."""
    if not len(rows):
        return Whitening(torch.zeros(rows.shape[1]), torch.ones(rows.shape[1]))
    spread = rows.std(axis=0, dtype=np.float64)
    spread = np.maximum(spread, max(floor * float(spread.max()), 1e-6))
    mean = rows.mean(axis=0, dtype=np.float64)
    return Whitening(torch.tensor(mean).float(), torch.tensor(spread).float())


@dataclass(frozen=True)
class Generator:
    """A denoiser with everything that is needed to ask it for a face."""

    denoiser: Denoiser
    expression: Whitening
    audio: Whitening
    schedule: Schedule
    about: dict[str, Any]
    """Vocalizations in the order of their numbers, feature, face, sizes, training."""
    trust: Tensor | None = None
    """(64, 3) how far an infant's own manner holds (manner.py); None where none is told."""

    @property
    def vocalizations(self) -> list[str]:
        """Names in the order of their numbers."""
        return list(self.about["vocalizations"])

    @property
    def noise_spacing(self) -> list[int]:
        """How many frames apart the draws of each part of the noise are."""
        return list(self.about["noise_spacing"])

    @property
    def knows_manners(self) -> bool:
        """Whether an infant's own manner can be told from other spans of it."""
        return self.trust is not None

    @property
    def own_steps(self) -> int | None:
        """DDIM steps that it was distilled to; None where it was not, and takes any number."""
        told = self.about.get("distilled")
        return int(told["steps"]) if told else None

    def check(self, how: Sampling) -> None:
        """See that it can be sampled so.

        Raises:
            WeightsError: it was distilled to other steps.
        """
        own = self.own_steps
        if own and how.steps and (how.steps != own or how.sampler != "ddim"):
            raise WeightsError(
                f"the generator was distilled to {own} steps of ddim and knows no others, not "
                f"{how.steps} of {how.sampler}; ask for those, or train with train.distil.steps 0"
            )

    def conditions(
        self, batch: Batch, keep_audio: Tensor, keep_person: Tensor, keep_kind: Tensor
    ) -> Conditions:
        """Whiten what a batch tells; (B,) bools hide parts of it."""
        return Conditions(
            audio=self.audio.apply(batch.audio),
            heard=batch.heard,
            vocalization=torch.where(keep_kind, batch.vocalization, -1),
            identity=batch.identity,
            age=batch.age,
            keep_audio=keep_audio,
            keep_identity=keep_person,
            before=batch.before,
        )

    def sample(
        self, batch: Batch, seed: int, steps: int, guidance: float, sampler: Sampler = "ddim"
    ) -> Tensor:
        """Sample latents (B, T, 64) for the sound of a batch; the same seed gives the same ones."""
        return self.samples(batch, Sampling(seed, steps, guidance, sampler))[0]

    def samples(self, batch: Batch, how: Sampling, manner: Tensor | None = None) -> Tensor:
        """Sample as many latents as asked for each sound of a batch, (samples, B, T, 64)."""
        every = torch.ones(len(batch.heard), dtype=torch.bool, device=batch.heard.device)
        stream = Stream(self, self.conditions(batch, every, every, every), how, manner)
        pieces = zip(
            batch.audio.split(BLOCK_FRAMES, 1), batch.heard.split(BLOCK_FRAMES, 1), strict=True
        )
        return torch.cat([*(stream.push(*piece) for piece in pieces), stream.finish()], 2)

    def to(self, device: str) -> Generator:
        """Move everything."""
        return Generator(
            self.denoiser.to(device),
            self.expression.to(device),
            self.audio.to(device),
            self.schedule.to(device),
            self.about,
            None if self.trust is None else self.trust.to(device),
        )


def save(generator: Generator, path: Path) -> None:
    """Write a generator; the same one always as the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    about = json.dumps({"format": FORMAT, **generator.about}, sort_keys=True)
    temporary = path.with_name(f".{path.name}.tmp")
    save_file(tensors(generator), temporary, metadata={_KEY: about})
    temporary.replace(path)


def tensors(generator: Generator) -> dict[str, Tensor]:
    """Everything of a generator that is a tensor, by name, on the CPU."""
    found = {f"denoiser/{k}": v for k, v in generator.denoiser.state_dict().items()}
    for name, whitening in (("expression", generator.expression), ("audio", generator.audio)):
        found |= {f"{name}/mean": whitening.mean, f"{name}/spread": whitening.spread}
    if generator.trust is not None:
        found["manner/trust"] = generator.trust
    return {name: tensor.detach().cpu().contiguous() for name, tensor in found.items()}


def load(path: Path, device: str = "cpu") -> Generator:
    """Read a generator, ready to sample.

    Raises:
        WeightsError: there is none, it is not a safetensors file, or it has another layout.
    """
    about, held = _read(path)
    try:
        layout = Layout(**about["layout"])
        denoiser = Denoiser(layout, Network(**about["network"]))
        denoiser.load_state_dict(_under("denoiser", held), strict=True)
        expression = Whitening(**_under("expression", held))
        audio = Whitening(**_under("audio", held))
        trust = _under("manner", held).get("trust")
        schedule = cosine(int(about["noise_levels"]), int(about["last_level"]))
        TypeAdapter(NoiseSpacing).validate_python(about["noise_spacing"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        words = " ".join(str(error).split())
        raise WeightsError(f"{path}: a generator of another layout: {words}") from None
    if len(audio.mean) != layout.audio or len(expression.mean) != layout.expression:
        raise WeightsError(f"{path}: whitening and network differ in width")
    if trust is not None and trust.shape != (layout.expression, 3):
        raise WeightsError(f"{path}: trust in manners is {tuple(trust.shape)}, not (64, 3)")
    return Generator(denoiser.eval(), expression, audio, schedule, about, trust).to(device)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    if not path.is_file():
        raise WeightsError(f"{path}: no trained generator; run the train stage first")
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {}).get(_KEY, "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, json.JSONDecodeError) as error:
        raise WeightsError(f"{path}: not a safetensors file: {error}") from None
    if about.get("format") != FORMAT:
        found = about.get("format", "no format at all")
        raise WeightsError(f"{path}: should say {FORMAT}, says {found}")
    return about, tensors


def _under(name: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key.split("/", 1)[1]: t for key, t in tensors.items() if key.startswith(f"{name}/")}


def check_fits(generator: Generator, pack: Pack, face: Face) -> None:
    """See that a generator can be asked about a dataset.

    Raises:
        WeightsError: it was trained on other audio features or for another face.
    """
    _check("audio features", generator.about["feature"], pack.meta["feature"])
    check_face(generator, face)


def check_face(generator: Generator, face: Face) -> None:
    """See that a generator's latents are those of a morphable model.

    Raises:
        WeightsError: it was trained for another one.
    """
    _check("morphable model", generator.about["face"], named(face))


def _check(what: str, ours: Any, theirs: Any) -> None:
    if ours != theirs:
        raise WeightsError(f"the generator was trained with {what} {ours}, here is {theirs}")


def named(face: Face) -> dict[str, str]:
    """Put a morphable model's name and digest into plain values."""
    return {"name": face.name, "digest": face.digest}


def describe(layout: Layout, network: Network) -> dict[str, Any]:
    """Put sizes into plain values that `load` takes back."""
    return {"layout": asdict(layout), "network": network.model_dump()}
