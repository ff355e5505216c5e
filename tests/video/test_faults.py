"""What goes wrong while a video is made leaves a whole file, one that says it is not, or none."""

import os
import random
import signal

import av
import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="has other signals and limits")
faults = pytest.importorskip("tests.video.faults") if os.name != "nt" else None


@pytest.mark.parametrize("kind", ["SIGTERM", "SIGINT", "SIGKILL"])
def test_ended_at_a_random_moment(tmp_path, kind):
    number = signal.Signals[kind]
    delays = [random.Random(number.value).uniform(0.1, 0.6) for _ in range(2)]
    assert faults.stop(tmp_path, number, delays, resume=True) == []


@pytest.mark.parametrize("moment", ["at the start", "between segments", "when joining"])
def test_a_full_disk(tmp_path, moment):
    assert faults.fill(tmp_path, None, moment, resume=moment != "at the start") == []


@pytest.mark.parametrize(
    ("how", "suffix"),
    [("shrinks", ".mkv"), ("vanishes", ".mp4"), ("is replaced", ".mkv"), ("grows", ".mkv")],
)
def test_an_input_that_changes_while_it_is_read(tmp_path, how, suffix):
    assert faults.change(tmp_path, how, suffix) == []


@pytest.mark.parametrize("error", [av.error.ExternalError(1, "no"), RuntimeError("no")])
def test_a_decoder_that_fails(tmp_path, error):
    assert faults.break_off(tmp_path, error, resume=True) == []
