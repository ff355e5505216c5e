"""Means by stride, to the same digits in whatever order."""

import random

import pytest

from vfi.measure import mean_scores, stride_of
from vfi.measure.means import group_of


@pytest.mark.parametrize(
    ("name", "stride"),
    [("clip.avi/000010+3", 3), ("a/12+16", 16), ("walk/1", None), ("+x", None)],
)
def test_the_name_of_a_triplet_tells_its_stride(name, stride):
    assert stride_of(name) == stride


@pytest.mark.parametrize(
    ("name", "group"),
    [("a+3", "stride3"), ("x.jpg/4 motion_large", "motion_large"), ("x motion_a b", None)],
)
def test_the_name_of_a_triplet_tells_its_group(name, group):
    assert group_of(name) == group


def test_each_class_of_motion_has_a_mean_of_its_own():
    rows = [{"id": f"{n} motion_{n % 2}", "psnr": 10.0 * n, "ssim": 0.5} for n in range(4)]
    figures = mean_scores(rows)
    assert (figures["psnr_motion_0"], figures["psnr_motion_1"]) == (10, 20)


def test_each_stride_has_a_mean_of_its_own():
    rows = [
        {"id": "a+1", "psnr": 40.0, "ssim": 0.9},
        {"id": "b+1", "psnr": 36.0, "ssim": 0.8},
        {"id": "a+3", "psnr": 30.0, "ssim": 0.7},
    ]
    figures = mean_scores(rows)
    assert figures["psnr_stride1"] == 38
    assert figures["psnr_stride3"] == 30
    assert figures["psnr"] == pytest.approx(106 / 3)
    assert figures["ssim"] == pytest.approx(0.8)
    assert list(figures) == ["psnr", "ssim", "psnr_stride1", "psnr_stride3"]
    assert list(mean_scores([{"id": "still", "psnr": 1.0, "ssim": 1.0}])) == ["psnr", "ssim"]


def test_the_order_of_the_rows_does_not_move_a_digit():
    draw = random.Random(0)
    rows = [{"id": str(i), "psnr": draw.uniform(20, 50), "ssim": draw.random()} for i in range(99)]
    figures = mean_scores(rows)
    for _ in range(5):
        draw.shuffle(rows)
        assert mean_scores(rows) == figures
