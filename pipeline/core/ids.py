"""Clip ids: short slugs of our own, never a stranger's text, safe in paths, pages and shells."""

from __future__ import annotations

import re

from pipeline.core.errors import IdError

ALLOWED = "[a-z0-9][a-z0-9_]{0,63}"
_SLUG = re.compile(ALLOWED)


def clip_id(text: str) -> str:
    """Return `text` if it is a valid clip id.

    Raises:
        IdError: it is not; the text is quoted and what is allowed is said.
    """
    if not _SLUG.fullmatch(text):
        raise IdError(f"clip id {text[:80]!r} is not allowed; an id matches {ALLOWED}")
    return text
