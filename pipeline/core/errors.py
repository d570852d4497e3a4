"""Every error that Cradle raises on purpose.

CradleError                 a message for a person: what, where, what is allowed, what to do
├── ParamsError             params.yaml does not fit its models
├── IdError                 a clip id that is not a slug
├── LedgerError             an account that does not add up: a bug in a stage, never in a clip
├── StoreError              a measurement that should be in the store is not there
├── BackendError            a backend that does not exist or cannot be loaded
│   └── WeightsError        weights that are missing, altered, or in a format that can run code
└── ClipFailed              one clip could not be measured; ends as that clip's row in the ledger

Domains add their own below CradleError, in their own modules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.core.reasons import Reason


class CradleError(Exception):
    """Something a person can act on; its text is shown without a traceback."""


class ParamsError(CradleError):
    """params.yaml does not fit its models."""


class IdError(CradleError):
    """A clip id that is not a slug."""


class LedgerError(CradleError):
    """An account that does not add up."""


class StoreError(CradleError):
    """A measurement that should be in the store is not there."""


class BackendError(CradleError):
    """A backend that does not exist or cannot be loaded."""


class WeightsError(BackendError):
    """Weights that are missing, altered, or in a format that can run code."""


class ClipFailed(CradleError):
    """One clip could not be measured, for a named reason.

    Args:
        reason: what the ledger will say; the reason knows its own state.
        detail: at most a sentence of words for people (a site's answer, a decoder's complaint).
        measured: the value that decided, where there is one.
        threshold: what it was held against.
        op: how the value should have related to the threshold, such as "<=".
    """

    def __init__(
        self,
        reason: Reason,
        detail: str = "",
        measured: float | None = None,
        threshold: float | None = None,
        op: str | None = None,
    ) -> None:
        super().__init__(reason, detail, measured, threshold, op)
        self.reason = reason
        self.detail = detail
        self.measured = measured
        self.threshold = threshold
        self.op = op

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else str(self.reason)
