"""The server behind `cradle review`: this machine only, a random token, nothing from elsewhere.

aiohttp, because it is in the environment already (DVC brings it) and well kept. Every answer
forbids the page whatever is not from here; a request whose host is not this machine's is refused,
so that no other page can reach it under a name of its own.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from numpy.typing import NDArray
from pydantic import ValidationError

from pipeline.audit.review import reels, view
from pipeline.audit.review.desk import Desk, Taken, Verdict
from pipeline.audit.review.screen import CoveredError, NotHereError, Screen
from pipeline.core import vault
from pipeline.core.errors import CradleError
from pipeline.core.reasons import Reason
from pipeline.core.store import Store
from pipeline.dataset.gates import FRAME_GATES, VOICE_GATES
from pipeline.dataset.measures import FPS
from pipeline.dataset.params import Select

PAGE = Path(__file__).parent / "page"
STATIC = {".svg": "image/svg+xml", ".css": "text/css", ".js": "text/javascript"}
HEADERS = {
    "Content-Security-Policy": "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "media-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_KINDS = {".mp4": "video/mp4", ".flac": "audio/flac"}
STATUS = {NotHereError: 404, CoveredError: 403}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Review:
    """The pages and answers, around one desk."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.screen = Screen(desk.account, Store(desk.root / "data" / ".store"), desk.root)
        self.lock = asyncio.Lock()
        self.mesh_ready: asyncio.Task[None] | None = None

    def routes(self, token: str) -> list[web.RouteDef]:
        """Every address there is, all below the token."""
        at = f"/{token}"
        return [
            web.get(f"{at}/", self.page),
            web.get(f"{at}/static/{{name}}", self.static),
            web.get(f"{at}/api/rows", self.rows),
            web.get(f"{at}/api/clip/{{clip}}", self.clip),
            web.get(f"{at}/api/clip/{{clip}}/words", self.words),
            web.post(f"{at}/api/what-if", self.what_if),
            web.post(f"{at}/api/verdict", self.verdict),
            web.post(f"{at}/api/take-back", self.take_back),
            web.post(f"{at}/api/look", self.look),
            web.get(f"{at}/media/{{clip}}/{{what}}", self.media),
        ]

    async def page(self, request: web.Request) -> web.Response:
        """The one page."""
        environment = Environment(
            loader=FileSystemLoader(PAGE), autoescape=True, undefined=StrictUndefined
        )
        text = environment.get_template("review.html.j2").render(sliders=sliders(self.desk))
        return web.Response(text=text, content_type="text/html")

    async def static(self, request: web.Request) -> web.StreamResponse:
        """Our own style and scripts."""
        name = request.match_info["name"]
        if name == "colours.css":
            # One colour a reason, the same as in the report.
            style = (PAGE.parent.parent / "report.css").read_text(encoding="utf-8").splitlines()
            text = "\n".join(line for line in style if line.startswith(".r-"))
            return web.Response(text=text, content_type="text/css")
        # Only what lies there: no name leads out of the folder.
        path = next((path for path in PAGE.iterdir() if path.name == name), None)
        if path is None or path.suffix not in STATIC:
            raise web.HTTPNotFound
        return web.Response(text=path.read_text(encoding="utf-8"), content_type=STATIC[path.suffix])

    async def rows(self, request: web.Request) -> web.Response:
        """All clips, in the order of the queue, and what stands above them."""
        async with self.lock:
            return web.json_response(await asyncio.to_thread(self._rows))

    async def clip(self, request: web.Request) -> web.Response:
        """What is measured of one clip, and what was said of it."""
        clip = request.match_info["clip"]
        async with self.lock:
            await asyncio.to_thread(self.desk.listen)
        content = await asyncio.to_thread(view.of_clip, self.desk, clip)
        content["shown"] = await asyncio.to_thread(self.screen.shown, clip)
        if self.desk.account.clips["fit"] and self.mesh_ready is None:
            # Whoever opens a clip may ask for a mesh in a moment.
            self.mesh_ready = asyncio.create_task(asyncio.to_thread(reels.prepare))
        return web.json_response(content)

    async def words(self, request: web.Request) -> web.Response:
        """The ledgers' words on one clip, and what would have turned it."""
        clip = request.match_info["clip"]
        return web.json_response(await asyncio.to_thread(view.in_words, self.desk, clip))

    async def what_if(self, request: web.Request) -> web.Response:
        """What other thresholds would keep; writes nothing."""
        asked = await _json(request)
        changed, clip = asked.get("changed", {}), str(asked.get("clip", ""))
        if not isinstance(changed, dict):
            raise CradleError("changed: should be thresholds by name")
        which = asked.get("which") is True
        async with self.lock:
            found = await asyncio.to_thread(self.desk.what_if, changed, clip, which=which)
        return web.json_response(found)

    async def verdict(self, request: web.Request) -> web.Response:
        """Write what a reviewer says into data/overrides.csv."""
        said = Verdict.model_validate(await _json(request))
        async with self.lock:
            await asyncio.to_thread(self.desk.say, said)
            return self._told(said.clip)

    async def take_back(self, request: web.Request) -> web.Response:
        """Take a line out of data/overrides.csv."""
        taken = Taken.model_validate(await _json(request))
        async with self.lock:
            await asyncio.to_thread(self.desk.take_back, taken)
            return self._told(taken.clip)

    async def look(self, request: web.Request) -> web.Response:
        """Uncover a clip's faces for whoever asks, and record it."""
        asked = await _json(request)
        clip, who = str(asked.get("clip", "")), str(asked.get("reviewer", ""))
        return web.json_response({"key": self.screen.uncover(clip, who)})

    async def media(self, request: web.Request) -> web.StreamResponse:
        """Sound, blurred frames, landmarks, mesh, or what was uncovered."""
        clip, what = request.match_info["clip"], request.match_info["what"]
        key, reel = request.query.get("key", ""), request.query.get("reel", "0")
        if not reel.isdecimal():
            raise web.HTTPBadRequest
        found = await asyncio.to_thread(self.screen.answer, clip, what, key, int(reel))
        if isinstance(found, Path):
            return await _file(request, found)
        return web.Response(body=found[0], content_type=found[1])

    def _rows(self) -> dict[str, Any]:
        self.desk.listen()
        return {
            "columns": self.desk.rows(),
            "agreement": self.desk.agreement(),
            "meaning": {str(reason): reason.explanation for reason in Reason},
            "funnel": self.desk.funnel(),
        }

    def _told(self, clip: str) -> web.Response:
        """What is so after somebody spoke."""
        return web.json_response(
            {
                "said": self.desk.said_of(clip),
                "kept": self.desk.kept_of(clip),
                "agreement": self.desk.agreement(),
            }
        )


def sliders(desk: Desk) -> list[dict[str, Any]]:
    """Every threshold that can be slid, from where to where."""
    found = []
    for gate in (*FRAME_GATES, *VOICE_GATES):
        columns = desk.tables.frames if gate in FRAME_GATES else desk.tables.voice
        found.append(_slider(desk, gate.threshold, columns[gate.measure], gate.op))
    length_s = desk.tables.counts / FPS
    return [*found, _slider(desk, "min_span_s", length_s, ">=")]


def _slider(desk: Desk, name: str, values: NDArray, op: str) -> dict[str, Any]:
    """Reaches over what was measured, in steps that a person would write."""
    now = float(getattr(desk.thresholds, name))
    known = values[np.isfinite(values)]
    low, high = np.percentile(known, [1, 99]) if len(known) else (now, now)
    low, high = min(low, now, 0.0), max(high, 1.5 * now, 1e-3)
    step = 10.0 ** np.floor(np.log10((high - low) / 50))
    low, high = np.floor(low / step) * step, np.ceil(high / step) * step
    about = Select.model_fields[name].description
    words = name.split("_", 1)[1].replace("_", " ")
    return {
        "name": name,
        "words": words,
        "op": op,
        "now": now,
        "low": low,
        "high": high,
        "step": step,
        "about": about,
    }


def application(desk: Desk, token: str) -> web.Application:
    """The whole application, below `token`."""
    app = web.Application(middlewares=[_local, _errors], client_max_size=64 * 1024)
    app.add_routes(Review(desk).routes(token))
    app.on_response_prepare.append(_guard)
    return app


async def _file(request: web.Request, path: Path) -> web.StreamResponse:
    """A file, any part of it that the browser asks for; what is sealed is opened in memory."""
    kind = {"Content-Type": _KINDS.get(path.suffix, "application/octet-stream")}
    with vault.opened(path) as plain:
        response = web.FileResponse(plain, headers=kind)
        await response.prepare(request)
    return response


async def _json(request: web.Request) -> dict[str, Any]:
    # A form on another page can send neither this type nor a body like it.
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType
    content = await request.json()
    if not isinstance(content, dict):
        raise web.HTTPBadRequest
    return content


@web.middleware
async def _local(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.url.host not in ("127.0.0.1", "localhost"):
        raise web.HTTPForbidden(text="this is served to this machine only")
    if request.headers.get("Origin", str(request.url.origin())) != str(request.url.origin()):
        raise web.HTTPForbidden(text="asked from another page")
    return await handler(request)


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ValidationError as error:
        text = "; ".join(f"{item['loc'][-1]}: {item['msg']}" for item in error.errors())
        return web.json_response({"error": text}, status=400)
    except (CradleError, json.JSONDecodeError) as error:
        status = next((status for kind, status in STATUS.items() if isinstance(error, kind)), 400)
        return web.json_response({"error": str(error)}, status=status)
    except OSError as error:
        words = f"nothing was written: {error.strerror or error}"
        return web.json_response({"error": words}, status=500)


async def _guard(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
    response.headers["Server"] = "cradle"
