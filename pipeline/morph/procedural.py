"""The embedded morphable model: an infant's head of our own making."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.morph import procedural_expression as expression
from pipeline.morph import procedural_frozen, procedural_parts
from pipeline.morph import procedural_identity as identity
from pipeline.morph.model import Basis, Morphable, array_digest
from pipeline.morph.procedural_fields import Ground
from pipeline.morph.procedural_mesh import HeadMesh
from pipeline.morph.procedural_parts import Part

Index = NDArray[np.int64]

NAME = "procedural"


def load(device: str = "cpu") -> Morphable:
    """Build the model; takes under a second."""
    mesh = procedural_frozen.load()
    ground = Ground(mesh)
    arrays = Basis(
        *(
            np.ascontiguousarray(a, np.float32)
            for a in (
                mesh.vertices,
                identity.directions(ground),
                expression.movements(ground),
                identity.age_direction(ground),
            )
        )
    )
    layout = {"identity": 32, "expression": 64, "age": 1}
    actions = {name: i for i, name in enumerate(expression.names())}
    scale = np.ones(expression.COUNT, np.float32)
    scale[: len(actions)] = expression.ACTION_STD
    tags = {
        "part": mesh.part,
        "mouth_ring": mesh.mouth_ring,
        "eye_ring": mesh.eye_ring,
        "turn": mesh.turn,
    }
    return Morphable(
        name=NAME,
        digest=array_digest({**arrays._asdict(), "triangles": mesh.triangles}),
        device=device,
        triangles=mesh.triangles,
        arrays=arrays,
        latent_mean={k: np.zeros(n, np.float32) for k, n in layout.items()},
        latent_std={k: np.ones(n, np.float32) for k, n in layout.items()},
        actions=actions,
        action_scale=scale,
        lips=np.flatnonzero(np.isin(mesh.mouth_ring, [0, 2])),
        aperture_pair=_aperture_pair(mesh),
        lid_pairs=_lid_pairs(mesh),
        regions=_regions(mesh),
        mirror=mesh.mirror,
        tags=tags,
    )


def _aperture_pair(mesh: HeadMesh) -> tuple[int, int]:
    """Upper and lower inner lip in the middle."""
    inner = np.flatnonzero((mesh.mouth_ring == 0) & (np.abs(mesh.vertices[:, 0]) < 1e-6))
    upper = inner[np.argmax(mesh.vertices[inner, 1])]
    lower = inner[np.argmin(mesh.vertices[inner, 1])]
    return int(upper), int(lower)


def _lid_pairs(mesh: HeadMesh) -> dict[str, tuple[int, int]]:
    """Upper and lower lid edge over the middle of each eye."""
    pairs = {}
    for side, sign in (("left", 1), ("right", -1)):
        edge = np.flatnonzero((mesh.eye_ring == 0) & (sign * mesh.vertices[:, 0] > 0))
        rise = np.sin(mesh.turn[edge])
        pairs[side] = int(edge[np.argmax(rise)]), int(edge[np.argmin(rise)])
    return pairs


def _regions(mesh: HeadMesh) -> dict[str, Index]:
    """Named sets of vertices; left is the infant's left (x > 0)."""
    p, part = mesh.vertices, mesh.part
    x, y, z = p.T
    skin = np.isin(part, [Part.SKIN, Part.LIP, Part.RIM])
    ring = mesh.mouth_ring
    no_ring = procedural_parts.NO_RING
    eye = mesh.eye_ring != no_ring
    front = skin & (z > 20)
    cheek = front & (np.hypot((np.abs(x) - 33) / 13, (y + 25) / 14) < 1) & ~eye & (ring == no_ring)
    brow = front & (np.abs(np.abs(x) - 21) < 15) & (y > 13) & (y < 27) & ~eye
    sides = {"left": x > 0, "right": x < 0}
    masks = {
        "mouth": (ring >= 0) & (ring != no_ring),
        "lips": (ring >= 0) & (ring <= 2),
        "mouth_inside": np.isin(part, [Part.MOUTH, Part.TONGUE]),
        "tongue": part == Part.TONGUE,
        "eyes": eye,
        "eyeballs": part == Part.EYE,
        "nose": front & (np.abs(x) < 14) & (y > -26) & (y < 6) & ~eye,
        "chin": front & (np.abs(x) < 20) & (y < -52) & (ring == no_ring),
        "forehead": front & (y > 27),
        "skull": skin & ~front & (y > -50),
        "neck": skin & (y < -72),
        "ears": part == Part.EAR,
        "face": front & (y < 60) & (y > -72),
    }
    for name, mask in (("eye", eye), ("cheek", cheek), ("brow", brow), ("ear", masks["ears"])):
        masks |= {f"{name}_{side}": mask & where for side, where in sides.items()}
    return {name: np.flatnonzero(mask) for name, mask in masks.items()}
