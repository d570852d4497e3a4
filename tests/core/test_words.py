from __future__ import annotations

import pytest

from pipeline.core.errors import ClipFailed
from pipeline.core.reasons import Reason
from pipeline.core.store import Failure
from pipeline.core.words import without_addresses


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Unsupported URL: https://example.org/v/123?x=1", "Unsupported URL: (an address)"),
        ("'http://u:p@host/a b'", "'(an address) b'"),
        ("a file:///etc/passwd, b", "a (an address) b"),
        ("no address: 12:30 and a/b", "no address: 12:30 and a/b"),
    ],
)
def test_no_address_is_left_in_words(text: str, said: str) -> None:
    assert without_addresses(text) == said


def test_what_is_remembered_of_a_failure_holds_none() -> None:
    failed = Failure.of(ClipFailed(Reason.GONE, "gone: https://example.org/v/123"))
    assert failed.detail == "gone: (an address)"
