"""How light or dark a face's skin comes out in the picture: its individual typology angle (ITA).

    ITA = atan((L* - 50) / b*), in degrees, of the skin's colour in CIELAB (D65)

After Chardon et al. 1991; skin is sorted by it into the bands of Del Bino and Bernerd 2013. In the
clinic it is measured under a known light. Here it holds the camera's exposure and white balance as
well, so that it serves to compare groups, not to say anything of one child; and a picture without
enough light, or without any colour, has none.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.face.mesh import canonical
from pipeline.face.swatches import layout

SEEN = 0.5
"""Share of a swatch's landmarks that must be seen for it to be taken as the face's own skin."""
ENOUGH = 40
"""Swatches of skin without which nothing is said."""
DARKEST = 15.0
"""L* below which it cannot be told whether the skin is dark or the room is."""
GLARE = 250.0
"""A channel above this has burnt out, and the colour with it."""
PALEST = 2.0
"""b* below which the light has taken the skin's own yellow, and with it the angle's meaning."""
BLOCK = 256
"""Frames worked on at once."""


def ita_deg(swatches: NDArray[np.uint8], visible: NDArray[np.floating]) -> NDArray[np.float32]:
    """Measure the skin of forehead, cheeks and nose in each frame.

    Args:
        swatches: (F, 852, 4) of one face.
        visible: (F, 478) share of each landmark that can be seen.

    Returns:
        (F,) degrees in (-90, 90), higher is lighter; nan where too little skin, light or colour is
        there to tell.
    """
    angles = np.full(len(swatches), np.nan, np.float32)
    for start in range(0, len(swatches), BLOCK):
        part = slice(start, start + BLOCK)
        angles[part] = _angle(_skin(swatches[part], visible[part]))
    return angles


def _skin(swatches: NDArray[np.uint8], visible: NDArray[np.floating]) -> NDArray[np.float32]:
    """Median sRGB colour (F, 3) of the skin that is seen; nan where too little is."""
    upper = layout().upper
    seen = visible[:, canonical().triangles[upper]].astype(np.float32).mean(axis=2) > SEEN
    colours = np.where(seen[..., None], swatches[:, upper, :3].astype(np.float32), np.nan)
    skin = np.full((len(swatches), 3), np.nan, np.float32)
    enough = seen.sum(axis=1) >= ENOUGH
    skin[enough] = np.nanmedian(colours[enough], axis=1)
    return skin


def _angle(skin: NDArray[np.float32]) -> NDArray[np.float32]:
    """ITA (F,) of sRGB colours (F, 3) in [0, 255]."""
    if not len(skin):
        return np.zeros(0, np.float32)
    lab = cv2.cvtColor(np.nan_to_num(skin)[:, None] / np.float32(255), cv2.COLOR_RGB2Lab)[:, 0]
    light, yellow = lab[:, 0], lab[:, 2]
    told = (light >= DARKEST) & (yellow >= PALEST) & (skin.max(axis=1) <= GLARE)
    angle = np.degrees(np.arctan2(light - 50.0, yellow))
    return np.where(told, angle, np.nan).astype(np.float32)
