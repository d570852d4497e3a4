"""Detectors that go from clip to clip."""

from pipeline.face.warm import KEPT, Warm


class Detector:
    """Follows what it saw last."""

    def __init__(self):
        self.follows, self.closed = [], False

    def detect(self, picture):
        self.follows.append(picture)
        return list(self.follows)

    def reset(self):
        self.follows = []

    def close(self):
        self.closed = True


def counted():
    """A lender, and the list of all that it has made."""
    made = []

    def make():
        made.append(Detector())
        return made[-1]

    return Warm(make), made


def test_a_clip_gets_what_another_gave_back_and_nothing_of_what_it_followed():
    lender, made = counted()
    first = lender.lend()
    assert first.detect(1) == [1]
    first.close()
    assert lender.lend().detect(2) == [2]
    assert len(made) == 1


def test_what_is_lent_is_nobody_elses():
    lender, made = counted()
    one, other = lender.lend(), lender.lend()
    one.detect(1)
    assert other.detect(2) == [2]
    assert len(made) == 2


def test_only_a_few_are_kept():
    lender, made = counted()
    for lent in [lender.lend() for _ in range(KEPT + 2)]:
        lent.close()
    assert [one.closed for one in made] == [False] * KEPT + [True] * 2
