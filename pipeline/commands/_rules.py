"""What of params.yaml decides: read alone, since the models of all stages take longer to build.

rules = read(root)
rules.select.min_mouth_visible    0.65
rules.minimum_s["cry"]            0.3
"""

from __future__ import annotations

from pathlib import Path

from pydantic import ConfigDict

from pipeline.core import params
from pipeline.core.params import Params
from pipeline.dataset.params import Select
from pipeline.voice.vocalizations_params import Vocalization

FILE = "params.yaml"


class Rules(Params):
    """The thresholds, and what the dataset is about; other sections are not looked at."""

    model_config = ConfigDict(extra="ignore")

    vocalizations: tuple[Vocalization, ...]
    select: Select

    @property
    def minimum_s(self) -> dict[str, float]:
        """The shortest event that counts, by vocalization."""
        return {kind.name: kind.min_s for kind in self.vocalizations}


def read(root: Path) -> Rules:
    """Read and check the part of a project's params.yaml that decides.

    Raises:
        ParamsError: every misfit in it, with file, key and what is allowed.
    """
    return params.read(root / FILE, Rules)
