"""Random wrong values and damaged files: a part of what ``python -m tests.fuzz`` tries."""

from tests import fuzz


def test_every_case_is_taken_or_refused_in_one_line():
    ended = fuzz.run(200, seed=3)
    assert ended["wrong"] == []
    assert fuzz.run(40, seed=4) == fuzz.run(40, seed=4)
