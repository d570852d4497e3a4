"""A clip of an infant that is known, as `cradle generate --familiar FIT SOUND` names it.

FIT is what `cradle fit` wrote of the clip, SOUND the infant's voice in it, from its start on.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.generator import sounds
from pipeline.generator.checkpoint import Generator
from pipeline.generator.generate import (
    GenerateError,
    features_of,
    fitted_arrays,
    fitted_person,
    guess_vocalization,
)
from pipeline.generator.spans import Span


def acquaintance(fit: Path, sound: Path, generator: Generator) -> Span:
    """Read a clip as a span, of the vocalization that the sound's name begins with.

    Raises:
        GenerateError: the fit is not what `cradle fit` writes, or of another morphable model.
        SoundError: the sound is none.
        WeightsError: the generator was trained with features that are others here.
    """
    layout = generator.denoiser.layout
    fitted = fitted_arrays(fit, "expression", "valid")
    expression, valid = fitted["expression"], fitted["valid"].astype(bool)
    identity, age = fitted_person(fit)
    wanted = (len(valid), layout.expression)
    if expression.shape != wanted or (len(identity), len(age)) != (layout.identity, layout.age):
        raise GenerateError(
            f"{fit}: expressions are {expression.shape}, this generator's {wanted}; they are of "
            f"another morphable model"
        )
    if not np.isfinite(expression[valid]).all():
        raise GenerateError(f"{fit}: expressions of frames that it calls valid are no numbers")
    with sounds.opened(sound) as pieces:
        heard = np.concatenate([np.zeros(0, np.float32), *pieces])
    return Span(
        span_id=str(fit),
        clip=str(fit),
        vocalization=guess_vocalization(sound.stem, generator.vocalizations) or "",
        start_frame=0,
        expression=np.where(valid[:, None], expression, 0.0).astype(np.float32),
        valid=valid,
        audio=features_of(generator).extract(heard, len(valid)),
        identity=identity.astype(np.float32),
        age=age.astype(np.float32),
    )
