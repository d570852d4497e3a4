"""What a generator has to beat, all fitted to the same split, features and latents.

    mean_face    the mean of all faces
    energy       ridge from the sound's energy
    retrieval    the training window that sounds most alike
    faceformer, codetalker, imitator
                 own small implementations from the papers
    adult        what a model of adults made, brought to our lips; fitted to nothing

What they look like is in interface.py.
"""

from pipeline.generator.baselines.adult import Adult
from pipeline.generator.baselines.codetalker import CodeTalker
from pipeline.generator.baselines.energy import EnergyRidge
from pipeline.generator.baselines.faceformer import FaceFormer
from pipeline.generator.baselines.imitator import Imitator
from pipeline.generator.baselines.interface import Adaptable, Baseline
from pipeline.generator.baselines.learned import Task
from pipeline.generator.baselines.mean_face import MeanFace
from pipeline.generator.baselines.retrieval import Retrieval

PEERS: dict[str, type[FaceFormer] | type[CodeTalker] | type[Imitator]] = {
    "faceformer": FaceFormer,
    "codetalker": CodeTalker,
    "imitator": Imitator,
}
ADAPTED = ("imitator",)
"""Those that are `Adaptable`."""

__all__ = [
    "ADAPTED",
    "PEERS",
    "Adaptable",
    "Adult",
    "Baseline",
    "CodeTalker",
    "EnergyRidge",
    "FaceFormer",
    "Imitator",
    "MeanFace",
    "Retrieval",
    "Task",
]
