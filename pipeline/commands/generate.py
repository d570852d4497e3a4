"""`cradle generate`: a face that moves to a sound."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pipeline.commands._file import existing, params
from pipeline.core.backends import file_digest, pick_device
from pipeline.core.errors import CradleError
from pipeline.sources.account import stale

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.generator.checkpoint import Generator
    from pipeline.generator.generate import Floats, Follower, Who
    from pipeline.generator.live import Sampling
    from pipeline.generator.take import Take
    from pipeline.morph.interface import MorphableModel
    from pipeline.params import Everything

EXAMPLE = """cradle generate cry.wav -o out --vocalization cry
  arecord -t raw -f S16_LE -r 16000 | cradle generate - -o - --raw-rate 16000"""
STREAM = Path("-")
LIMITS = {
    "steps": (0, 1000),
    "samples": (1, 100),
    "guidance": (0, 10),
    "temperature": (0, 2),
    "seed": (0, 2**63),
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "sound", type=Path, help="a sound file, the infant's voice alone; - for a WAV on stdin"
    )
    parser.add_argument(
        "-o", "--out", type=Path, required=True, help="a folder; - for lines of JSON as they come"
    )
    parser.add_argument("--raw-rate", type=int, help="stdin is raw 16 bit mono of so many Hz")
    parser.add_argument("--model", type=Path, default=Path("models/generator/model.safetensors"))
    parser.add_argument("--vocalization", help="what is heard; else guessed from the file's name")
    parser.add_argument(
        "--face", help="average, sampled, or an .npz of `cradle fit`; average unless said otherwise"
    )
    parser.add_argument(
        "--familiar",
        nargs=2,
        type=Path,
        action="append",
        default=[],
        metavar=("FIT", "SOUND"),
        help="a clip of the infant, an .npz of `cradle fit` and its sound: the face moves in its "
        "manner, and is its own where --face says nothing; may be given again",
    )
    parser.add_argument("--age-months", type=float, help="of the face, 0 to 60")
    parser.add_argument("--seed", type=int, default=0, help="another seed, another motion")
    parser.add_argument("--samples", type=int, default=1, help="motions to make for the sound")
    parser.add_argument(
        "--steps",
        type=int,
        help="denoising steps: 50, 8, 4 or 2, say; 0 draws nothing, and gives what is expected of "
        "such a sound; 8, or as it was distilled",
    )
    parser.add_argument("--sampler", choices=("ddim", "dpm"), default="ddim")
    parser.add_argument(
        "--guidance", type=float, default=1.0, help="above 1 the sound is followed more strongly"
    )
    parser.add_argument(
        "--temperature",
        type=float,
        default=0.75,
        help="the lower, the less motions vary, and err (%(default)s, three quarters as varied as "
        "true ones)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write face.npz, face.glb and face.mp4, or lines; all are marked as synthetic."""
    from pipeline.generator import checkpoint
    from pipeline.generator.generate import Follower
    from pipeline.morph import model

    _check(arguments)
    known = params()
    device = pick_device(known.run.device)
    generator = checkpoint.load(existing(arguments.model), device)
    how = _how(arguments, generator)
    _warn_of_stale(arguments.model)
    face = model.load(known.fit.model, device)
    checkpoint.check_face(generator, face)
    who = _who(arguments, known, generator)
    follower = Follower(generator, who, how)
    with _heard(arguments) as (pieces, troubles):
        if arguments.out == STREAM:
            frames = _lines(pieces, follower, face.name)
        else:
            frames = _files(pieces, follower, face, arguments)
    for words in troubles:
        print(f"cradle: {words}; what came before is used", file=sys.stderr)
    said = sys.stderr if arguments.out == STREAM else sys.stdout
    print(f"{arguments.out}: {frames} frames of {who.vocalization or 'any sound'}", file=said)
    return 0


def _warn_of_stale(model: Path) -> None:
    day = stale(Path.cwd(), model)
    if day is not None:
        print(
            f"cradle: {model} has learned from what was taken back on {day}; "
            "`make run` trains anew",
            file=sys.stderr,
        )


def _lines(pieces: Iterable[Floats], follower: Follower, face: str) -> int:
    from pipeline.generator.generate import follow
    from pipeline.generator.take import Lines

    if follower.how.samples != 1:
        raise CradleError(f"--samples {follower.how.samples}: lines are of one motion, not more")
    if follower.look_ahead_s == float("inf"):
        raise CradleError(
            f"-o -: this generator hears a sound with {follower.features.name}, all of it at once, "
            f"and cannot follow it; give a folder, or a generator that was trained on logmel"
        )
    about = {
        "look_ahead_s": round(follower.look_ahead_s, 4),
        "vocalization": follower.who.vocalization or "",
        "face": face,
        "identity": follower.identity.tolist(),
        "age": follower.age.tolist(),
    }
    lines = Lines(sys.stdout, about)
    for latents in follow(pieces, follower):
        lines.see(latents)
    return lines.frames


def _files(
    pieces: Iterable[Floats],
    follower: Follower,
    face: MorphableModel,
    arguments: argparse.Namespace,
) -> int:
    from pipeline.generator.generate import Made, follow
    from pipeline.generator.take import Take, save
    from pipeline.morph.glb import animate
    from pipeline.morph.portrait import portrait

    draw, origin = portrait(face), file_digest(arguments.model)
    with Take(follower.how.samples, follower.width) as take:
        for latents in follow(_kept(pieces, take), follower):
            take.see(latents)
        everyone = take.latents()
        for number, latents in enumerate(everyone, 1):
            made = Made(follower.who.vocalization or "", latents, follower.identity, follower.age)
            name = "face" if number == 1 else f"face-{number}"
            save(made, take.sound, face, draw, animate, arguments.out, name, origin)
        return len(everyone[0])


def _kept(pieces: Iterable[Floats], take: Take) -> Iterator[Floats]:
    for piece in pieces:
        take.hear(piece)
        yield piece


@contextmanager
def _heard(arguments: argparse.Namespace) -> Iterator[tuple[Iterable[Floats], list[str]]]:
    """The sound in pieces, and a list that has said by its end what was wrong with it."""
    from pipeline.generator import sounds

    if arguments.sound != STREAM:
        if arguments.raw_rate is not None:
            raise CradleError("--raw-rate: a file says itself what it is; it is for - alone")
        with sounds.opened(existing(arguments.sound)) as pieces:
            yield pieces, []
        return
    bytes_ = cast(sounds.Bytes, sys.stdin.buffer)
    stream = sounds.Streamed(bytes_, "standard input", arguments.raw_rate)
    yield stream, stream.troubles


def _check(arguments: argparse.Namespace) -> None:
    for name, (low, high) in LIMITS.items():
        asked = getattr(arguments, name)
        if asked is not None and not low <= asked <= high:
            raise CradleError(f"--{name} {asked}: from {low} to {high} are allowed")
    if arguments.steps == 0 and arguments.samples > 1:
        raise CradleError(
            f"--samples {arguments.samples}: with --steps 0 nothing is drawn, and all would be the "
            f"same; ask for one, or for steps"
        )


def _how(arguments: argparse.Namespace, generator: Generator) -> Sampling:
    from pipeline.generator.live import Sampling

    steps = generator.own_steps or Sampling.steps if arguments.steps is None else arguments.steps
    return Sampling(
        seed=arguments.seed,
        steps=steps,
        guidance=arguments.guidance,
        sampler=arguments.sampler,
        temperature=arguments.temperature,
        samples=arguments.samples,
    )


def _who(arguments: argparse.Namespace, known: Everything, generator: Generator) -> Who:
    """What is heard and whose face it is, as far as the arguments say."""
    from pipeline.generator.generate import Who, fitted_person, guess_vocalization, sampled_person

    kind = arguments.vocalization or guess_vocalization(
        arguments.sound.stem, generator.vocalizations
    )
    identity = age = told = None
    if arguments.familiar:
        (identity, age), told = _familiar(arguments, generator)
    if arguments.face == "average":
        identity = age = None
    elif arguments.face == "sampled":
        identity, age = sampled_person(generator, arguments.seed)
    elif arguments.face is not None:
        if not Path(arguments.face).is_file():
            raise CradleError(
                f"--face {arguments.face}: average, sampled or an .npz of `cradle fit` are "
                f"allowed; there is no such file"
            )
        identity, age = fitted_person(Path(arguments.face))
    if arguments.age_months is not None:
        age = _age(arguments.age_months, known.fit.model)
    return Who(kind, identity, age, told)


def _familiar(
    arguments: argparse.Namespace, generator: Generator
) -> tuple[tuple[Floats, Floats], Tensor | None]:
    """Face and manner of an infant of which clips are given."""
    from pipeline.generator import manner
    from pipeline.generator.acquaintance import acquaintance

    if not generator.knows_manners:
        raise CradleError(
            "--familiar: this generator has learned no manners; that takes infants of several "
            "spans, in training and in validation"
        )
    known = [
        acquaintance(existing(fit), existing(sound), generator) for fit, sound in arguments.familiar
    ]
    return (known[0].identity, known[0].age), manner.told(generator, known)


def _age(months: float, model: str) -> Floats:
    import numpy as np

    from pipeline.morph.age import latent

    if not 0 <= months <= 60:
        raise CradleError(f"--age-months {months:g}: from 0 to 60 are allowed")
    found = latent(model, months)
    if found is None:
        raise CradleError(f"--age-months: what the age of {model!r} is in months is not known")
    return np.array([found], np.float32)
