"""The embedded sample: the same bits everywhere, things that move, and its label."""

import numpy as np
import pytest
import torch

from vfi.data import SampleTriplets
from vfi.data.sample import render


def test_the_bits_are_those_of_every_machine_and_labelled() -> None:
    identity = SampleTriplets().identity()
    assert identity["count"] == 24
    assert identity["sha256"] == "f3bbb874ab912ff4c355e52380447aabafe6d1da381a8ae66a1921ba540d601d"
    assert identity["name"] == "sample (synthetic, no benchmark)"
    assert identity["benchmark"] is False


def test_items() -> None:
    dataset = SampleTriplets()
    item = dataset[23]
    assert (item["id"], item["index"], item["timestep"]) == ("sample_23", 23, 0.5)
    for key in ("img0", "gt", "img1"):
        assert item[key].shape == (3, 256, 256)
        assert item[key].dtype == torch.uint8
    with pytest.raises(IndexError):
        dataset[24]  # ends a plain for loop


def test_motion_grows_and_light_changes() -> None:
    moved = [np.abs(a.astype(int) - b).mean() for a, _, b in map(render, (0, 6, 18))]
    assert 1 < moved[0] < moved[1] < moved[2]
    means = [frame.mean() for frame in render(8)]
    assert abs(means[2] - means[0]) > 2
    assert sorted(means)[1] == means[1]


def test_the_middle_frame_is_no_average() -> None:
    for index in (0, 5, 23):
        img0, gt, img1 = (frame.astype(int) for frame in render(index))
        assert np.abs((img0 + img1) / 2 - gt).mean() > 0.5
