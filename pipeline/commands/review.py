"""`cradle review`: look at clips in the browser, and say what to keep."""

from __future__ import annotations

import argparse
import asyncio
import secrets
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands import _rules
from pipeline.core.errors import CradleError

if TYPE_CHECKING:
    from pipeline.audit.review.desk import Desk

EXAMPLE = "cradle review --port 8400"
HOST = "127.0.0.1"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--port", type=int, default=0, help="a free one where none is given")


def run(arguments: argparse.Namespace) -> int:
    """Serve until interrupted."""
    from pipeline.audit.review.desk import Desk

    root = Path.cwd()
    known = _rules.read(root)
    desk = Desk.open(root, known.select, known.minimum_s)
    try:
        listening = socket.create_server((HOST, arguments.port))
    except OSError as error:
        raise CradleError(f"port {arguments.port}: {error.strerror}; leave it out") from None
    token = secrets.token_urlsafe(24)
    print(f"http://{HOST}:{listening.getsockname()[1]}/{token}/", flush=True)
    print("open it in a browser on this machine; Ctrl-C ends it", flush=True)
    asyncio.run(_serve(desk, token, listening))
    return 0


async def _serve(desk: Desk, token: str, listening: socket.socket) -> None:
    from aiohttp import web

    from pipeline.audit.review.server import application

    runner = web.AppRunner(application(desk, token), access_log=None)
    await runner.setup()
    await web.SockSite(runner, listening).start()
    try:
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
