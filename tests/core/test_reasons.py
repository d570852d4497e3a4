"""Every reason has a state, a stage and a sentence."""

from __future__ import annotations

import pytest

from pipeline.core.reasons import STATE_MEANS, Reason, State


@pytest.mark.parametrize("reason", list(Reason))
def test_a_reason_explains_itself(reason: Reason) -> None:
    assert reason.value == str(reason)
    assert reason.stages
    assert reason.explanation.endswith(".")
    assert Reason.named(reason.value) is reason


def test_every_state_is_explained_and_reached() -> None:
    assert set(STATE_MEANS) == set(State) == {reason.state for reason in Reason}


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(KeyError):
        Reason.named("because")
