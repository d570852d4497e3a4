"""`cradle generate`: a face that moves to a sound."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.commands._file import existing, params
from pipeline.core.backends import pick_device

EXAMPLE = "cradle generate cry.wav -o out --vocalization cry"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("sound", type=Path, help="a sound file; the infant's voice alone")
    parser.add_argument("-o", "--out", type=Path, required=True, help="a folder")
    parser.add_argument("--model", type=Path, default=Path("models/generator/model.safetensors"))
    parser.add_argument("--vocalization", help="what is heard; else guessed from the file's name")
    parser.add_argument("--seed", type=int, default=0, help="another seed, another motion")
    parser.add_argument("--steps", type=int, default=8, help="denoising steps")


def run(arguments: argparse.Namespace) -> int:
    """Write face.npz and face.mp4, both marked as synthetic."""
    from pipeline import media
    from pipeline.generator import checkpoint
    from pipeline.generator.generate import generate, guess_vocalization, save
    from pipeline.morph import model
    from pipeline.morph.portrait import portrait

    known = params()
    device = pick_device(known.run.device)
    generator = checkpoint.load(existing(arguments.model), device)
    sound, rate_hz = media.read_sound(existing(arguments.sound))
    names = [kind.name for kind in known.vocalizations]
    kind = arguments.vocalization or guess_vocalization(arguments.sound.stem, names)
    made = generate(sound, rate_hz, generator, kind, seed=arguments.seed, steps=arguments.steps)
    face = model.load(known.fit.model, device)
    save(made, sound, rate_hz, face, portrait(face), arguments.out)
    print(f"{arguments.out}: {len(made.latents)} frames of {made.vocalization or 'any sound'}")
    return 0
