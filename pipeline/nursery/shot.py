"""One scene in front of the camera: everything drawn once, then posed frame by frame."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.morph import model as morphable
from pipeline.morph import pose, render
from pipeline.morph.appearance import draw_light
from pipeline.morph.model import Morphable
from pipeline.nursery import acting, backdrop, lens, occluders, people, relief
from pipeline.nursery.face import Placed, draw
from pipeline.nursery.light import on_screen, room_light
from pipeline.nursery.motion import drift, ease
from pipeline.nursery.performance import perform
from pipeline.nursery.relief import Map, Sprite
from pipeline.nursery.scenes import Scene

Array = NDArray[np.float64]

_HEAD_MM = 152.0
_MOUTH = np.array([0.0, -41.0, 63.0])
_CHIN = np.array([0.0, -67.5, 20.0])
_ENTRY_S = 0.35
_ENTRY_MM = 330.0


class Frame(NamedTuple):
    """One frame and what is known of it."""

    picture: NDArray[np.uint8]
    placed: Placed | None
    depth: Map
    cover: Map


@dataclass(frozen=True)
class Role:
    """A person with everything needed to draw them in any frame."""

    person: people.Person
    calm_face: NDArray[np.float32]
    body: backdrop.Body
    expression: NDArray[np.float32]
    motion: acting.Motion
    base_mm: Array
    roll_deg: float
    is_adult: bool = False


class Shot:
    """A scene ready to be filmed.

    Args:
        scene: what to make.
        model: the morphable model whose latents move the infant.

    Attributes:
        time_s: (F,) when each frame is shown.
        performance: what the infant does.
        infant: the infant, or None where there is none in the picture.
        focal_px: of the camera.
    """

    def __init__(self, scene: Scene, model: Morphable | None = None) -> None:
        self.scene = scene
        self.model = model or morphable.load()
        # (64, 3V): one product a frame instead of a decode.
        self._basis = self.model.basis().expression.reshape(self.model.layout["expression"], -1)
        self.time_s = _frame_times(scene)
        self.performance = perform(scene.performs, scene.span_s, _rng(scene, "performance"))
        rng = _rng(scene, "picture")
        self.lamp = draw_light(rng)
        self.light = room_light(self.lamp)
        self.share = rng.uniform(0.56, 0.64) * (0.86 if scene.how.adult and scene.how.infant else 1)
        self.distance_mm = rng.uniform(480.0, 760.0)
        self.focal_px = self.share * scene.height_px * self.distance_mm / _HEAD_MM
        lying = abs(scene.how.roll_deg) > 45 or rng.random() < 0.25
        behind = backdrop.sheet if lying else backdrop.room
        self.back = behind(rng, self.light, scene.width_px, scene.height_px)
        self.infant = self._infant() if scene.how.infant else None
        self.adult = self._adult() if scene.how.adult else None
        self._painter = render.Painter(self.model)
        self._flush = acting.flush(self.performance, self.time_s)
        self._grain = _rng(scene, "grain")
        self._lens = self._make_lens(_rng(scene, "lens"))
        self._sway = self._make_sway(_rng(scene, "sway"))
        self._occluder = self._make_occluder(_rng(scene, "occluder"))

    def __len__(self) -> int:
        """Give the number of frames F."""
        return len(self.time_s)

    def frame(self, index: int) -> Frame:
        """Film a frame; call it for 0, 1, 2, ... in order, since noise is drawn along."""
        picture = self._background(index)
        placed, depth = None, np.full(picture.shape[:2], np.inf, np.float32)
        cover = np.zeros(picture.shape[:2], np.float32)
        if self.adult:
            self._draw(picture, self.adult, index)
        if self.infant:
            placed, depth, cover = self._draw(picture, self.infant, index)
            if self._occluder:
                cover = np.maximum(cover, self._cover(picture, placed, index))
        return Frame(self._lens.take(picture, self._grain), placed, depth, cover)

    def placed(self, role: Role, index: int) -> Placed:
        """Pose a person as in frame `index`."""
        vertices = role.calm_face + (role.expression[index] @ self._basis).reshape(-1, 3)
        if role.is_adult:
            vertices = people.grown_up(vertices)
        motion = role.motion
        rotation = pose.rotation_matrix(
            motion.yaw_deg[index], motion.pitch_deg[index], motion.roll_deg[index]
        )
        gaze = (float(motion.gaze_deg[index, 0]), float(motion.gaze_deg[index, 1]))
        at_mm = role.base_mm + motion.shift_mm[index] + self._sway[index]
        return Placed(vertices, rotation, at_mm, self.focal_px, gaze)

    def _draw(self, picture: Map, role: Role, index: int) -> tuple[Placed, Map, Map]:
        """Draw a person; returns where, the depth of the head, and what the clothes cover."""
        placed = self.placed(role, index)
        calm = role.base_mm + 0.35 * role.motion.shift_mm[index] + self._sway[index]
        lean = role.roll_deg + 0.25 * (role.motion.roll_deg[index] - role.roll_deg)
        size = 1.5 if role.is_adult else 1.0
        plane = self._plane(pose.rotation_matrix(0, 0, lean), calm, _CHIN * size)
        relief.lay_into(picture, role.body.whole, plane, shadow=0.3)
        looks = role.person.looks
        if not role.is_adult:
            looks = replace(looks, flush=float(self._flush[index]))
        depth = draw(self._painter, picture, placed, looks, self.lamp)
        return placed, depth, relief.lay_into(picture, role.body.clothes, plane)

    def _plane(
        self, rotation: Array, at_mm: Array, origin: Array, aside: Array | None = None
    ) -> Array:
        """Affine map (2, 3) from mm around a point of the head, in its frontal plane, to pixels."""
        start = origin + (np.zeros(3) if aside is None else aside)
        corners = start + np.array([[0.0, 0, 0], [10.0, 0, 0], [0, 10.0, 0]])
        size = (self.scene.height_px, self.scene.width_px)
        px = pose.project(corners, rotation, at_mm, self.focal_px, size)[:, :2]
        return np.column_stack([(px[1] - px[0]) / 10.0, (px[2] - px[0]) / 10.0, px[0]])

    def _background(self, index: int) -> Map:
        height, width = self.scene.height_px, self.scene.width_px
        spare_y, spare_x = self.back.shape[0] - height, self.back.shape[1] - width
        per_mm = 0.35 * self.focal_px / self.distance_mm
        left = int(np.clip(spare_x / 2 - per_mm * self._sway[index, 0], 0, spare_x))
        top = int(np.clip(spare_y / 2 - per_mm * self._sway[index, 1], 0, spare_y))
        return self.back[top : top + height, left : left + width].copy()

    def _infant(self) -> Role:
        scene, how = self.scene, self.scene.how
        rng = _rng(scene, "infant")
        person = people.infant(scene.seed, scene.infant)
        shut = 0.8 if how.occluder in ("pacifier", "bottle") else 0.0
        expression = acting.expressions(
            rng, self.model, self.performance, self.time_s, person.sides, shut
        )
        motion = acting.movements(rng, self.performance, self.time_s, how)
        roll_deg = (
            0.0 if not how.roll_deg else float(np.sign(motion.roll_deg.mean()) * how.roll_deg)
        )
        depth = self.distance_mm * how.distance
        x, y = self._place(rng, roll_deg)
        if how.aside:
            # Looking out of the picture takes the mouth out of it before the eyes.
            yaw_deg = 0.4 * motion.yaw_deg + np.sign(x) * 14.0
            motion = replace(motion, yaw_deg=yaw_deg)
        base = np.array([x * depth / self.focal_px, y * depth / self.focal_px, depth])
        calm = self.model.shape(person.identity, None, person.age)
        body = backdrop.body(rng, self.light, on_screen(person.looks.skin))
        return Role(person, calm, body, expression, motion, base, roll_deg)

    def _place(self, rng: np.random.Generator, roll_deg: float) -> tuple[float, float]:
        """Where the infant's head is, in px from the middle of the picture."""
        scene, how = self.scene, self.scene.how
        x = rng.uniform(-0.06, 0.06) * scene.width_px
        y = rng.uniform(0.00, 0.04) * scene.height_px
        if how.adult:
            x = -0.22 * scene.width_px
        if how.distance > 2:
            y = 0.27 * scene.height_px
        if how.aside:
            x = rng.choice([-1.0, 1.0]) * how.aside * scene.width_px / 2
        if roll_deg:
            x -= np.sign(roll_deg) * 0.05 * scene.width_px
        return x, y

    def _adult(self) -> Role:
        scene = self.scene
        rng = _rng(scene, "adult")
        person = people.adult(rng)
        silent = perform("silent", scene.span_s, rng)
        expression = acting.expressions(rng, self.model, silent, self.time_s, person.sides)
        slow = acting.movements(rng, silent, self.time_s, scene.how)
        depth = self.distance_mm * (1.45 if scene.how.infant else 1.25)
        x = 0.24 * scene.width_px if scene.how.infant else 0.0
        y = -0.04 * scene.height_px
        base = np.array([x * depth / self.focal_px, y * depth / self.focal_px, depth])
        turned = -14.0 if scene.how.infant else 0.0
        motion = acting.Motion(
            slow.yaw_deg + turned, slow.pitch_deg - 4.0, slow.roll_deg, slow.shift_mm, slow.gaze_deg
        )
        calm = self.model.shape(person.identity, None, person.age)
        body = backdrop.body(rng, self.light, on_screen(person.looks.skin), 1.5)
        return Role(person, calm, body, expression, motion, base, 0.0, is_adult=True)

    def _make_lens(self, rng: np.random.Generator) -> lens.Lens:
        how = self.scene.how
        blur_px = how.blur * self.share * self.scene.height_px * rng.uniform(0.9, 1.15)
        size = (self.scene.width_px, self.scene.height_px)
        return lens.make(rng, *size, how.light * rng.uniform(0.95, 1.05), blur_px)

    def _make_sway(self, rng: np.random.Generator) -> Array:
        hand_held = np.stack([drift(rng, self.time_s, 0.8) for _ in range(3)], axis=1)
        return hand_held * np.array([2.5, 2.5, 4.0]) * self.scene.how.distance

    def _make_occluder(self, rng: np.random.Generator) -> tuple[Sprite, Array] | None:
        """Draw what covers the face, and how far (F, 3) it is from its place on it, mm."""
        name, (start, end) = self.scene.how.occluder, self.scene.how.covered_s
        if name is None:
            return None
        sprite = occluders.OCCLUDERS[name](rng, self.light)
        span_s = self.scene.span_s
        arrive_s = start * span_s * (rng.uniform(0.2, 1.0) if end > 1 else 1.0)
        away = ease(self.time_s, end * span_s, _ENTRY_S)
        if start:
            away = away + 1.0 - ease(self.time_s, arrive_s - _ENTRY_S, _ENTRY_S)
        side = rng.uniform(-0.4, 0.4)
        path = np.array([side, -1.0, 0.0]) * _ENTRY_MM
        wobble = np.stack([drift(rng, self.time_s, 0.9) for _ in range(2)], axis=1)
        firm = 0.8 if name == "pacifier" else 2.2
        offsets = away[:, None] * path
        offsets[:, :2] += firm * wobble
        return sprite, offsets

    def _cover(self, picture: Map, placed: Placed, index: int) -> Map:
        assert self._occluder is not None
        sprite, offsets = self._occluder
        at = offsets[index]
        plane = self._plane(placed.rotation, placed.translation, _MOUTH, at)
        return relief.lay_into(picture, sprite, plane, shadow=0.3)


def _rng(scene: Scene, name: str) -> np.random.Generator:
    return np.random.default_rng(scene.stream(name))


def _frame_times(scene: Scene) -> Array:
    """When each frame is shown; a phone that adapts its rate is late at times and skips some."""
    how = scene.how
    count = round(scene.span_s * how.fps)
    time_s = np.arange(count) / how.fps
    if not how.jitter:
        return time_s
    rng = _rng(scene, "clock")
    late = rng.uniform(0.0, how.jitter, count) / how.fps
    late[0] = 0.0
    shown = rng.random(count) > 0.08
    shown[0] = True
    return (time_s + late)[shown]
