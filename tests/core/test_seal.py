"""No stage after download reaches a network, and nobody is told of what it does."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap

from pipeline.core import seal
from pipeline.core.code import PROJECT
from pipeline.params import STAGES

PROGRAM = """
    import os, socket, sys
    from pipeline.core.seal import SealedError
    from stages import entry

    address = ("127.0.0.1", int(sys.argv[1]))

    def send():
        with socket.socket(type=socket.SOCK_DGRAM) as it:
            it.sendto(b"x", address)

    def connect():
        socket.create_connection(address, timeout=5).close()

    def listen():
        socket.create_server(("127.0.0.1", 0)).close()

    def ask():
        socket.gethostbyname("localhost")

    def attempt(name, run, root, forks):
        told = [name]
        for way in (connect, send, listen, ask):
            try:
                way()
                told.append("reached")
            except SealedError:
                told.append("refused")
        ours, theirs = socket.socketpair()
        ours.send(b"processes may talk to one another")
        return " ".join(told)

    entry.perform = attempt
    for name in sys.argv[2:]:
        if not os.fork():
            entry.main(name, None)
            os._exit(0)
        os.wait()
"""


def test_every_stage_but_download_is_refused_every_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = str(listening.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(PROGRAM), port, *STAGES],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=True,
        )
        listening.settimeout(10)
        listening.accept()[0].close()
        listening.setblocking(False)
        arrived = [name for name in STAGES[1:] if _arrives(listening)]
    told = {line.split()[0]: set(line.split()[1:]) for line in done.stdout.splitlines()}
    assert told == {name: {"refused"} for name in STAGES[1:]} | {"download": {"reached"}}
    assert arrived == []


def _arrives(listening: socket.socket) -> bool:
    try:
        listening.accept()
    except BlockingIOError:
        return False
    return True


def test_dependencies_are_asked_to_tell_nobody_anything() -> None:
    assert seal.QUIET.items() <= os.environ.items()
    config = (PROJECT / ".dvc/config").read_text()
    assert "analytics = false" in config
    asked = {"HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "TRANSFORMERS_OFFLINE", "DO_NOT_TRACK"}
    assert asked | {"DVC_NO_ANALYTICS", "PYANNOTE_METRICS_ENABLED"} <= set(seal.QUIET)
