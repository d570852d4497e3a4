"""The audit stage: one page that shows what was kept, what was dropped, and why.

    data/audit/report.html
    data/audit/bias.csv, bias_sources.csv    who is kept how often; see `balance`
    data/audit/funnel.csv, yield.csv, ...    what came in and what was kept; see `harvest`
    data/audit/agreement.csv                 whether the gates are right; `calibration`

The page is whole: it asks nothing of any network, and its policy forbids it to. Titles and names
were written by strangers; they are escaped everywhere.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from numpy.typing import NDArray

from pipeline.audit import calibration, funnel, learned, meshes, pictures, read, timeline, words
from pipeline.audit.balance import Balance, balance
from pipeline.audit.calibration import Calibration
from pipeline.audit.harvest import Harvest, harvest
from pipeline.audit.meshes import Mesh
from pipeline.audit.params import Audit
from pipeline.audit.pictures import Drawn, Shown
from pipeline.audit.provenance import Provenance, provenance
from pipeline.audit.read import JUDGES, Account
from pipeline.audit.spectrogram import Heard, Listener
from pipeline.audit.timeline import Block, Timeline
from pipeline.audit.why import Step, Story, explain
from pipeline.core.reasons import STATE_MEANS, Reason, State
from pipeline.core.stage import Stage, Summary
from pipeline.core.store import Store
from pipeline.dataset import overrides

HERE = Path(__file__).parent
PAGE = "report.html"
SHOWN_FACTS = ("source", "licence", "consent", "age_months", "width", "height", "duration_s")


@dataclass(frozen=True)
class ClipView:
    """What the page shows of one clip."""

    story: Story
    full: bool
    """Whether there is more to show than its row."""
    facts: list[tuple[str, str]]
    synthetic: bool
    words: str
    strip: list[Block]
    timeline: Timeline | None
    heard: Heard | None
    pictures: list[Shown]
    meshes: list[Mesh]

    @property
    def search(self) -> str:
        """What the page's search looks through."""
        story = self.story
        return f"{story.clip} {story.vocalization} {story.reason} {self.beside}"

    @property
    def beside(self) -> str:
        """What it looks through beside the words of a row."""
        return f"{self.story.state} {dict(self.facts).get('source', '')}"


@dataclass(frozen=True)
class Told:
    """What the page tells of all clips together."""

    balance: Balance
    harvest: Harvest
    reviewers: Calibration
    truth: Calibration
    origin: Provenance


Known = Callable[[Any, Store], Mapping[str, NDArray[np.bool_]]]
"""Of synthetic clips, by the nursery's parameters: whether each frame of a clip is good."""


def run(stage: Stage[Audit], known: Known | None = None) -> Summary:
    """Write the report of everything that was run; `known` tells the truth of synthetic clips."""
    account = read.read(stage.root / "data")
    detailed = _spread(account, stage.params.detailed_clips)
    account.read_ahead(detailed)
    stories = [explain(account, clip, frames=clip in detailed) for clip in account.fates]
    drawn = _drawn(stage, account, [story for story in stories if story.clip in detailed])
    fits = meshes.take(account, stage.runner, detailed, stage.params.faces)
    limits = timeline.limits(account)
    listener = Listener(account, stage.store, stage.params.inline_sound_mb)
    clips = [
        replace(
            _view(account, story, detailed, limits, listener),
            pictures=drawn.of_clip.get(story.clip, []),
            meshes=fits.of_clip.get(story.clip, []),
        )
        for story in stories
    ]
    what = learned.learned(stage.root / "data", stage.params.inline_video_mb)
    told = Told(
        balance(account),
        harvest(account),
        *_calibrated(stage, known),
        provenance(stage.root, account, stage.everything),
    )
    page = _within(
        stage.params.max_page_mb,
        detailed,
        clips,
        lambda some: render(account, some, what, told),
    )
    out = stage.fresh_out()
    (out / PAGE).write_text(page, encoding="utf-8")
    for part in (told.balance, told.harvest):
        part.write(out)
    calibration.write(out, {"reviewers": told.reviewers, "nursery": told.truth})
    kept = sum(view.story.state == State.KEPT for view in clips)
    return Summary(
        seen=len(clips),
        kept=kept,
        remembered=drawn.remembered + fits.remembered,
        measured=drawn.measured + fits.measured,
        dropped=Counter(v.story.reason for v in clips if v.story.state != State.KEPT),
        extra=f"{sum(map(len, drawn.of_clip.values()))} pictures, {len(page) / 1e6:.1f} MB",
    )


def _calibrated(stage: Stage[Audit], known: Known | None) -> tuple[Calibration, Calibration]:
    """By reviewers, and by the truth of synthetic clips."""
    everything, data = stage.everything, stage.root / "data"
    minimum_s = {kind.name: kind.min_s for kind in everything.vocalizations}
    said = overrides.read(data / "overrides.csv")
    true = {} if known is None else known(everything.nursery, stage.store)
    return (
        calibration.calibration(data, everything.select, minimum_s, said),
        calibration.against(data, everything.select, minimum_s, true),
    )


def _drawn(stage: Stage[Audit], account: Account, stories: list[Story]) -> Drawn:
    params = stage.params
    if not params.faces:
        return pictures.sketch(account, stage.store, stories, params.pictures_per_clip)
    count, picture_px = params.pictures_per_clip, params.picture_px
    return pictures.take(account, stage.runner, stories, count, picture_px)


def _within(
    limit_mb: float,
    detailed: Sequence[str],
    clips: list[ClipView],
    render: Callable[[list[ClipView]], str],
) -> str:
    """The page with as many clips in detail, in that order, as keep it below its limit."""

    def size(most: int) -> tuple[str, float]:
        chosen = set(detailed[:most])
        page = render([replace(view, full=view.story.clip in chosen) for view in clips])
        return page, float(len(page.encode()))

    most, limit = len(detailed), limit_mb * 1e6
    page, length = size(most)
    bare = size(0)[1] if length > limit else 0.0
    while length > limit and most:
        # Clips differ in size; a few too many go rather than that it is written many times.
        share = max((length - bare) / most, 1.0)
        most = max(0, most - max(1, math.ceil(1.1 * (length - limit) / share)))
        page, length = size(most)
    return page


def render(
    account: Account,
    clips: list[ClipView],
    what: learned.Learned,
    told: Told,
) -> str:
    """Fill the page's template."""
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = _asset("report.css"), _asset("report.js")
    spans = funnel.kept_spans(account)
    ending = funnel.clips_in_the_end(account)
    frames = funnel.frames_in_the_end(account)
    return environment.get_template("report.html.j2").render(
        policy=_policy(style, script),
        style=style,
        script=script,
        clips=clips,
        gallery=_gallery(clips),
        ending=ending,
        frames=frames,
        stages=funnel.clips_by_stage(account),
        span_count=spans[0],
        seconds=spans[1],
        synthetic=sum(view.synthetic for view in clips),
        synthetic_kept=sum(view.synthetic and view.story.state == State.KEPT for view in clips),
        unconsented=_unconsented(account, clips),
        arrived=len(account.clips["download"]),
        backends=_backends(account),
        vocabulary=_vocabulary(ending, frames),
        learned=what,
        balance=told.balance,
        harvest=told.harvest,
        reviewers=told.reviewers,
        truth=told.truth,
        origin=told.origin,
        plot_size=learned.PLOT,
        of_run=words.of_run,
    )


def _unconsented(account: Account, clips: Sequence[ClipView]) -> int:
    """How many clips somebody let in though the catalogue states no consent for them."""
    told = (account.about("download", view.story.clip) for view in clips)
    return sum(about.get("consent") == "none" for about in told)


def _view(
    account: Account,
    story: Story,
    detailed: Collection[str],
    limits: Mapping[str, float],
    listener: Listener,
) -> ClipView:
    about = account.about("download", story.clip)
    facts = [(name, _fact(about[name])) for name in SHOWN_FACTS if name in about]
    full = story.clip in detailed
    return ClipView(
        story,
        full,
        facts,
        bool(about.get("synthetic", False)),
        _short(story),
        timeline.strip(story) if full else [],
        timeline.draw(account, story, limits) if full and story.frames else None,
        listener.of_clip(story.clip) if full else None,
        [],
        [],
    )


def _short(story: Story) -> str:
    """What decided, in a few words."""
    last = next((step for step in reversed(story.steps) if step.reason == story.reason), None)
    if story.state == State.KEPT:
        return f"closest: {story.closest[0]}" if story.closest else ""
    return _said(last) if last else ""


def _said(step: Step) -> str:
    parts = [str(step.rule) if step.rule else "", step.detail]
    return "; ".join(part for part in parts if part)


def _gallery(clips: Iterable[ClipView]) -> list[tuple[ClipView, Shown]]:
    """One picture a reason for which frames were kept or dropped, from a clip that it decided."""
    best: dict[str, tuple[ClipView, Shown]] = {}
    for view in clips:
        for shown in view.pictures:
            if shown.reason == view.story.reason:
                best.setdefault(shown.reason, (view, shown))
    order = {str(reason): number for number, reason in enumerate(Reason)}
    return [best[reason] for reason in sorted(best, key=order.__getitem__)]


def _spread(account: Account, count: int) -> list[str]:
    """So many clips, taking turns over the reasons, so that each is seen."""
    queues: dict[str, list[str]] = {}
    for clip, fate in account.fates.items():
        queues.setdefault(str(fate.row["reason"]), []).append(clip)
    chosen: list[str] = []
    for turn in range(len(account.fates)):
        chosen += [queue[turn] for queue in queues.values() if turn < len(queue)]
        if len(chosen) >= count:
            break
    return chosen[:count]


def _backends(account: Account) -> list[tuple[str, str, str]]:
    found = []
    for stage in JUDGES:
        named = {
            (str(row["backend"]), str(row["backend_digest"] or ""))
            for row in account.ledgers[stage]
            if row["backend"]
        }
        found += [(stage, name, digest) for name, digest in sorted(named)]
    return found


def _vocabulary(
    ending: funnel.Bar, frames: funnel.Bar
) -> list[tuple[State, str, list[tuple[Reason, int, int]]]]:
    of_clips = {share.reason: share.count for share in ending.shares}
    of_frames = {share.reason: share.count for share in frames.shares}
    return [
        (
            state,
            STATE_MEANS[state],
            [
                (reason, of_clips.get(reason, 0), of_frames.get(reason, 0))
                for reason in Reason
                if reason.state is state
            ],
        )
        for state in State
    ]


def _fact(value: Any) -> str:
    if value is None or pd.isna(value):
        return "unknown"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _asset(name: str) -> Markup:
    # Our own files, not a stranger's text: markup is what they are meant to be.
    return Markup((HERE / name).read_text(encoding="utf-8"))  # noqa: S704


def _policy(style: str, script: str) -> str:
    """Allow the page its own style, script and data, by digest, and nothing else."""
    return "; ".join(
        [
            "default-src 'none'",
            "img-src data:",
            "media-src data:",
            f"style-src '{_digest(style)}'",
            f"script-src '{_digest(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
