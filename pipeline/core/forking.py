"""The process that workers are forked from: a copy of a stage, taken before it has done anything.

    forking.ready()            a copy waits; it ends with the stage
    forking.wake(["..."])      Python forks from it what it forks from now on

Python's own such process starts from nothing and imports everything a second time. A copy has what
the stage has imported, and shares that memory with it and with every worker for as long as none of
them writes there. It is taken before anybody knows whether there will be work: later ones would
have the files that the stage has opened, and the locks that its threads hold.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
from collections.abc import Sequence
from multiprocessing import forkserver, util
from pathlib import Path
from typing import Any

from pipeline.core import worker

_MOST_BYTES = 1 << 16
_waiting: list[tuple[int, socket.socket]] = []
"""The copy's number, and how it is told; at most one."""


def ready() -> None:
    """Take the copy."""
    ours, theirs = socket.socketpair()
    # What is there by now is never looked at by the collector again: it would write into it.
    gc.freeze()
    number = os.fork()
    if not number:
        ours.close()
        _wait(theirs)
    theirs.close()
    _waiting.append((number, ours))


def wake(modules: Sequence[str]) -> None:
    """Have a copy that waits import some modules, and Python fork from it; without one, nothing."""
    if not _waiting:
        return
    number, ours = _waiting.pop()
    alive_r, alive_w = os.pipe()
    address = Path(util.get_temp_dir(), f"copy-{number}")
    with ours, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(address))
        address.chmod(0o600)
        listener.listen()
        socket.send_fds(ours, [json.dumps(list(modules)).encode()], [listener.fileno(), alive_r])
    os.close(alive_r)
    # As if Python had started it; how it is asked, and who ends it, is as ever.
    server: Any = forkserver._forkserver  # type: ignore[attr-defined,unused-ignore]
    server._forkserver_pid, server._forkserver_alive_fd = number, alive_w
    server._forkserver_address = str(address)


def _wait(theirs: socket.socket) -> None:
    """Be the copy, to the end of the process."""
    code = 1
    try:
        # Told, or that nobody will tell any more: an interrupted stage says so by its end.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        worker.die_with_parent()
        told, (*descriptors,), _, _ = socket.recv_fds(theirs, _MOST_BYTES, 2)
        theirs.close()
        serve: Any = forkserver.main
        if told:
            serve(*descriptors, json.loads(told))
    except SystemExit:
        code = 0
    finally:
        # Not the stage's own way out: that would clear away and write what is the stage's.
        os._exit(code)
