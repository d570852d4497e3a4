"""Asks the process that children are forked from, `launch.py`: one a process, started when needed.

    ask({"argv": [...], ...}, [stdin, stdout, stderr, account])

It ends with the process that asks it, and never before: not with the thread that asked first.
"""

from __future__ import annotations

import atexit
import json
import os
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from pipeline.core.errors import CradleError
from pipeline.media import launch

_lock = threading.Lock()
_asking: list[tuple[socket.socket, int]] = []
"""How it is asked, and its number; at most one."""


def ask(request: Mapping[str, Any], descriptors: Sequence[int]) -> None:
    """Have a child started; what it is and how it is told of, see `launch`.

    Raises:
        CradleError: there is more to be told than fits, or nobody can be asked.
    """
    content = json.dumps(request).encode()
    if len(content) > launch.MOST_BYTES:
        raise CradleError(f"{request['argv'][0]}: {len(content):,} bytes of arguments are too many")
    with _lock:
        # Somebody may have ended it since; once more is enough for that.
        for _ in range(2):
            with suppress(BrokenPipeError, ConnectionResetError):
                socket.send_fds(_started(), [content], descriptors)
                return
            forget()
    raise CradleError("the process that starts ffmpeg is ended from outside again and again")


def forget() -> None:
    """Let the process go, and what it has started; another one comes when it is needed."""
    while _asking:
        asking, number = _asking.pop()
        asking.close()
        # Somebody who waits for whatever ends may have been told already.
        with suppress(ChildProcessError):
            os.waitpid(number, 0)


def _started() -> socket.socket:
    if not _asking:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            number = os.posix_spawn(
                sys.executable,
                [sys.executable, "-I", launch.__file__],
                {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ},
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, theirs.fileno(), 0),
                    (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                    (os.POSIX_SPAWN_DUP2, 1, 2),
                ],
                setsid=True,
            )
        _asking.append((ours, number))
    return _asking[0][0]


def _in_a_copy() -> None:
    # Two that ask by the same socket would not be told apart.
    global _lock
    _lock = threading.Lock()
    while _asking:
        _asking.pop()[0].close()


os.register_at_fork(after_in_child=_in_a_copy)
atexit.register(forget)
