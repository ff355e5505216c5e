import pytest

from vfi.data.overlap import check_calibration, overlap
from vfi.data.sources import TrainData, ValData


@pytest.mark.parametrize(
    ("train", "tested", "expected"),
    [
        (TrainData(), ValData(), True),
        (TrainData(), ValData("ucf101", "a"), False),
        (TrainData("vimeo90k", "a"), ValData("vimeo90k", "a"), False),
        (TrainData("vimeo90k", "a", "test"), ValData("vimeo90k", "a", "test"), True),
        (TrainData("video", "a"), ValData("video", "b"), False),
        (TrainData("video", "a"), ValData("video", "a"), True),
        (TrainData("video", "a"), ValData("video", "a", clips="val.txt"), True),
        (
            TrainData("video", "a", hold_out="val.txt"),
            ValData("video", "a", clips="val.txt"),
            False,
        ),
        (TrainData("video", "a", clips="tr.txt"), ValData("video", "a", clips="val.txt"), False),
    ],
)
def test_overlap(train, tested, expected):
    assert overlap(train, tested) is expected


def test_calibration_keeps_off_the_tested_set():
    with pytest.raises(ValueError, match=r"calibration would read the set that is tested \(a\)"):
        check_calibration(TrainData("video", "a"), ValData("video", "a"))
    check_calibration(TrainData("video", "a"), ValData("video", "b"))
    check_calibration(TrainData(), ValData())  # the sample, which is no benchmark
