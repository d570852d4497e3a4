"""No stage after `download` touches the network: a sealed process cannot connect anywhere."""

from __future__ import annotations

import os
import sys
from typing import Any

from pipeline.core.errors import CradleError

_SEALED = "CRADLE_SEALED"
_CARRYING = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind"})
_ASKING = frozenset(
    {
        *("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"),
        *("socket.getnameinfo",),
    }
)
QUIET = {
    "DO_NOT_TRACK": "1",
    "DVC_NO_ANALYTICS": "1",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "PYANNOTE_METRICS_ENABLED": "0",
    # Under `uv run` Ray would pack the project and build an environment for every worker.
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "TRANSFORMERS_OFFLINE": "1",
    "GLOG_minloglevel": "2",
    "TF_CPP_MIN_LOG_LEVEL": "2",
}


class SealedError(CradleError):
    """Something tried to reach the network from a stage that must not."""


def quiet() -> None:
    """Turn off the telemetry and the chatter of dependencies, for this process and its children."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)


def seal() -> None:
    """Refuse every connection from now on, in this process and in its workers."""
    os.environ[_SEALED] = "1"
    sys.addaudithook(_refuse)


def inherit() -> None:
    """Seal this process if the one that started it is sealed."""
    if os.environ.get(_SEALED):
        sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in _ASKING and (event not in _CARRYING or _is_local_pipe(arguments[-1])):
        return
    raise SealedError(f"{event} refused: no stage after download may touch the network")


def _is_local_pipe(address: Any) -> bool:
    # Unix sockets are addressed by a path, or are connected already and have no address to say;
    # processes use them to talk to one another.
    return address is None or isinstance(address, str | bytes)
