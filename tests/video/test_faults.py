"""Runs that are ended at random moments leave a whole file or none, and can be resumed."""

import os
import random
import signal

import pytest

from tests.video.random_faults import STATUS, end

pytestmark = pytest.mark.skipif(os.name == "nt", reason="has other signals")


@pytest.mark.parametrize("kind", STATUS)
def test_ended_at_a_random_moment(tmp_path, kind: signal.Signals):
    assert end(tmp_path, kind, random.Random(kind.value).uniform(0.1, 0.6)) == []
