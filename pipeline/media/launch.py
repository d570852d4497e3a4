"""The process that children are forked from: small, of one thread, and with libav at hand.

    python -I launch.py         its standard input is the socket by which it is asked

Whoever has loaded torch or mediapipe has threads, and a copy of a process with threads may hang. A
fresh Python takes 10 ms, and 70 more to import libav: more than most of what children are for.

A request is JSON: `argv`, `environment`, `cpu_s`, `memory_bytes`, `file_bytes`. With it come the
child's standard input, output and error, and what its account is written to: a line with its
number, once it is bounded, and one with status, seconds of processors and most kB held, at its end.
A program that is a file of Python's is not started: a copy runs its `main(arguments)`.

When nobody can ask any more, all children are ended.
"""

from __future__ import annotations

import ctypes
import gc
import importlib.util
import json
import os
import resource
import selectors
import signal
import socket
import sys
import traceback
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

MOST_BYTES = 1 << 17
"""Of a request."""
_MANY = 4096
_FIRST_FREE, _MOST_DESCRIPTORS = 3, resource.getrlimit(resource.RLIMIT_NOFILE)[0]
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


def main() -> None:
    """Start what is asked for, and tell of its end."""
    os.closerange(_FIRST_FREE, _MOST_DESCRIPTORS)
    asking, ended = socket.socket(fileno=0), _ends()
    accounts: dict[int, int] = {}
    with selectors.DefaultSelector() as ready:
        ready.register(asking, selectors.EVENT_READ)
        ready.register(ended, selectors.EVENT_READ)
        while True:
            asked = {key.fileobj for key, _ in ready.select()}
            if ended in asked:
                os.read(ended, _MANY)
                _tell_ends(accounts)
            if asking in asked and not _answer(asking, accounts):
                _end_all(accounts)
                return


def _ends() -> int:
    """A pipe that can be read when children have ended."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    return read


def _answer(asking: socket.socket, accounts: dict[int, int]) -> bool:
    """Start one child; False where nobody asks any more."""
    content, descriptors, _, _ = socket.recv_fds(asking, MOST_BYTES, 4)
    if not content:
        return False
    request = json.loads(content)
    if _is_python(request["argv"]):
        # What cannot be imported is for the child to complain of.
        with suppress(Exception):
            _module(request["argv"][0])
    gc.freeze()
    parent, number = os.getpid(), os.fork()
    if not number:
        _become(request, descriptors, parent)
    *streams, accounts[number] = descriptors
    for descriptor in streams:
        os.close(descriptor)
    return True


def _tell_ends(accounts: dict[int, int]) -> None:
    while accounts:
        number, status, used = os.wait4(-1, os.WNOHANG)
        if not number:
            return
        code, spent_s = os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime
        account = accounts.pop(number)
        # Who asked may be gone.
        with suppress(BrokenPipeError):
            os.write(account, f"{code} {spent_s:.6f} {used.ru_maxrss}\n".encode())
        os.close(account)


def _end_all(accounts: dict[int, int]) -> None:
    for number in accounts:
        with suppress(ProcessLookupError):
            os.killpg(number, signal.SIGKILL)


def _become(request: dict[str, Any], descriptors: list[int], parent: int) -> NoReturn:
    """Be the child: bounded, tied to the life of its parent; does not return."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        # A session of its own, so that Ctrl-C is not mistaken for a damaged clip.
        os.setsid()
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            # It died before the line above could take hold.
            os._exit(code)
        *streams, account = descriptors
        for place, descriptor in enumerate(streams):
            os.dup2(descriptor, place)
        _bound_all(request)
        # Python ignores these two, and what is ignored stays so in the program.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        os.write(account, f"{os.getpid()}\n".encode())
        os.closerange(_FIRST_FREE, _MOST_DESCRIPTORS)
        argv = request["argv"]
        if not _is_python(argv):
            os.execve(argv[0], argv, request["environment"])  # noqa: S606
        os.environ.clear()
        os.environ.update(request["environment"])
        code = _module(argv[0]).main(argv[1:])
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _bound_all(request: dict[str, Any]) -> None:
    # At the hard limit comes SIGKILL, which could be anybody's; a second before, SIGXCPU.
    _bound(resource.RLIMIT_CPU, request["cpu_s"], spare=1)
    _bound(resource.RLIMIT_AS, request["memory_bytes"])
    _bound(resource.RLIMIT_FSIZE, request["file_bytes"])
    _bound(resource.RLIMIT_CORE, 0)


def _bound(what: int, most: int, spare: int = 0) -> None:
    ceiling = resource.getrlimit(what)[1]
    hard = most + spare
    if ceiling != resource.RLIM_INFINITY:
        hard = min(hard, ceiling)
    resource.setrlimit(what, (min(most, hard), hard))


def _is_python(argv: list[str]) -> bool:
    return argv[0].endswith(".py")


@cache
def _module(path: str) -> Any:
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
