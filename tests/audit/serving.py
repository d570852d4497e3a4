"""`cradle review` at work on a loopback port, in a thread of the test's process."""

from __future__ import annotations

import asyncio
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from pipeline.audit.review.desk import Desk
from pipeline.audit.review.server import application
from tests.audit import fake
from tests.dataset import world

TOKEN = "a-token-of-this-test"


@contextmanager
def served(root: Path) -> Iterator[str]:
    """The address of the application over a finished run."""
    desk = Desk.open(root, fake.LIMITS, world.MINIMUM_S)
    loop, ready = asyncio.new_event_loop(), threading.Event()
    runner = web.AppRunner(application(desk, TOKEN), access_log=None, shutdown_timeout=0.1)
    ports: list[int] = []

    def work() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", 0)
        loop.run_until_complete(site.start())
        ports.append(runner.addresses[0][1])
        ready.set()
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    thread = threading.Thread(target=work)
    thread.start()
    assert ready.wait(60)
    try:
        yield f"http://127.0.0.1:{ports[0]}/{TOKEN}/"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def ask(
    address: str, body: dict[str, Any] | None = None, **headers: str
) -> tuple[int, bytes, dict[str, str]]:
    """Status, content and headers of an answer."""
    data = None if body is None else json.dumps(body).encode()
    if body is not None:
        headers.setdefault("Content-Type", "application/json")
    request = urllib.request.Request(address, data, headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), dict(error.headers)
